//! `PokéAPI`'s documents by path: one that is not there or not as expected is a reject, a server that does not answer an error.

use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use crate::fetch::{Cache, FetchError, Fetcher, Format, Politeness, Seen};
use crate::progress::{Event, Progress};
use crate::reject::Reject;

/// Reads documents below one base address.
#[derive(Debug, Clone)]
pub struct Client {
    fetcher: Arc<Fetcher>,
    progress: Progress,
}

impl Client {
    pub fn new(base_url: &str, politeness: Politeness) -> Result<Self, FetchError> {
        Self::with(base_url, politeness, None, Progress::silent())
    }

    pub fn with(
        base_url: &str,
        politeness: Politeness,
        cache: Option<Cache>,
        progress: Progress,
    ) -> Result<Self, FetchError> {
        Ok(Self { fetcher: Fetcher::new("POKEAPI_BASE_URL", base_url, politeness, cache)?, progress })
    }

    /// Every document read so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.fetcher.seen()
    }

    /// The document at a path below the base, e.g. `move/71`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, FetchError> {
        let body = self.fetcher.body(path, Format::Json).await?;
        serde_json::from_slice(&body)
            .map_err(|error| FetchError::Malformed { document: path.to_owned(), reason: error.to_string() })
    }

    /// The documents at several paths, in their order.
    pub async fn get_all<T: DeserializeOwned>(
        &self,
        what: &'static str,
        paths: Vec<String>,
        rejects: &mut Vec<Reject>,
    ) -> Result<Vec<T>, FetchError> {
        let total = paths.len();
        let mut documents = Vec::with_capacity(total);
        let mut answers = stream::iter(paths)
            .map(|path| async move {
                match self.get(&path).await {
                    Ok(document) => Ok(Ok(document)),
                    Err(FetchError::Malformed { document, reason }) => Ok(Err(Reject::new(document, reason))),
                    Err(FetchError::Status { status: StatusCode::NOT_FOUND, .. }) => {
                        Ok(Err(Reject::new(path, "not found")))
                    }
                    Err(error) => Err(error),
                }
            })
            .buffered(self.fetcher.politeness.requests_at_once);
        let mut done = 0;
        while let Some(answer) = answers.try_next().await? {
            match answer {
                Ok(document) => documents.push(document),
                Err(reject) => rejects.push(reject),
            }
            done += 1;
            self.progress.tell(&Event::Fetched { source: "pokeapi", what, done, total });
        }
        Ok(documents)
    }
}
