//! A polite HTTP client: few requests at once, time limits, retries that honour Retry-After, and a name. Knows no document.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::header::RETRY_AFTER;
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::reject::Reject;

const USER_AGENT: &str =
    concat!("pdex-etl/", env!("CARGO_PKG_VERSION"), " (PredictionDex; one import per refresh)");

/// How hard the client may press the server and how long it bears with it.
#[derive(Debug, Clone)]
pub struct Politeness {
    pub requests_at_once: usize,
    pub connect_timeout: Duration,
    pub request_timeout: Duration,
    pub attempts: u32,
    /// Pause after the first failure; doubles with each further one.
    pub first_pause: Duration,
    /// A server that asks for a longer pause than this is taken as unavailable.
    pub longest_pause: Duration,
}

impl Default for Politeness {
    fn default() -> Self {
        Self {
            requests_at_once: 8,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(15),
            attempts: 4,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("POKEAPI_BASE_URL is {url:?}, which is not an http or https address")]
    BaseUrl { url: String },
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
    #[error("GET {url} failed")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("GET {url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("{document}: {reason}")]
    Malformed { document: String, reason: String },
}

/// Reads documents below one base address.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    politeness: Politeness,
}

impl Client {
    pub fn new(base_url: &str, politeness: Politeness) -> Result<Self, FetchError> {
        let invalid = || FetchError::BaseUrl { url: base_url.to_owned() };
        let base = Url::parse(base_url).map_err(|_| invalid())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() || base.query().is_some() {
            return Err(invalid());
        }
        let mut builder = reqwest::Client::builder();
        if base.scheme() == "http" {
            // An image without CA certificates can still read a plain instance.
            builder = builder.tls_built_in_root_certs(false);
        }
        let http = builder
            .user_agent(USER_AGENT)
            .connect_timeout(politeness.connect_timeout)
            .timeout(politeness.request_timeout)
            .build()
            .map_err(FetchError::Setup)?;
        Ok(Self { http, base: base.as_str().trim_end_matches('/').to_owned(), politeness })
    }

    /// The document at a path below the base, e.g. `move/71`.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, FetchError> {
        let url = format!("{}/{path}", self.base);
        let body = self.body(&url).await?;
        serde_json::from_slice(&body)
            .map_err(|error| FetchError::Malformed { document: path.to_owned(), reason: error.to_string() })
    }

    /// The documents at several paths, in their order. One that is not there or not as expected is a reject; a server that
    /// does not answer is an error.
    pub async fn get_all<T: DeserializeOwned>(
        &self,
        paths: Vec<String>,
        rejects: &mut Vec<Reject>,
    ) -> Result<Vec<T>, FetchError> {
        let answers: Vec<Result<T, Reject>> = stream::iter(paths)
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
            .buffered(self.politeness.requests_at_once)
            .try_collect()
            .await?;
        let mut documents = Vec::with_capacity(answers.len());
        for answer in answers {
            match answer {
                Ok(document) => documents.push(document),
                Err(reject) => rejects.push(reject),
            }
        }
        Ok(documents)
    }

    async fn body(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let mut attempt = 1;
        loop {
            let (error, asked_pause) = match self.try_once(url).await {
                Ok(body) => return Ok(body),
                Err(failure) => failure,
            };
            let pause =
                asked_pause.unwrap_or(self.politeness.first_pause * 2_u32.saturating_pow(attempt - 1));
            if attempt >= self.politeness.attempts
                || !is_transient(&error)
                || pause > self.politeness.longest_pause
            {
                return Err(error);
            }
            tracing::debug!("{error}; attempt {} after {} ms", attempt + 1, pause.as_millis());
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    /// One request; a failure comes with the pause the server asked for.
    async fn try_once(&self, url: &str) -> Result<Vec<u8>, (FetchError, Option<Duration>)> {
        let unreachable = |source: reqwest::Error| {
            (FetchError::Unreachable { url: url.to_owned(), source: source.without_url() }, None)
        };
        let response = self.http.get(url).send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            let pause =
                response.headers().get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?));
            return Err((FetchError::Status { url: url.to_owned(), status }, pause));
        }
        response.bytes().await.map(|body| body.to_vec()).map_err(unreachable)
    }
}

/// The pause of a Retry-After header in its form of seconds; a date is left to the client's own pause.
fn retry_after(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

fn is_transient(error: &FetchError) -> bool {
    match error {
        FetchError::Unreachable { source, .. } => !source.is_builder(),
        FetchError::Status { status, .. } => {
            status.is_server_error()
                || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{Client, Politeness, retry_after};

    #[test]
    fn a_base_that_is_no_address_is_named() {
        for base in
            ["", "pokeapi.co/api/v2", "ftp://pokeapi.co", "http://", "file:///etc", "http://x/api?limit=1"]
        {
            let error = Client::new(base, Politeness::default()).unwrap_err().to_string();
            assert_eq!(error, format!("POKEAPI_BASE_URL is {base:?}, which is not an http or https address"));
        }
        for base in ["http://127.0.0.1:8765/api/v2", "https://pokeapi.co/api/v2/"] {
            assert!(Client::new(base, Politeness::default()).unwrap().base.ends_with("/api/v2"), "{base}");
        }
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        assert_eq!(retry_after(" 3 "), Some(Duration::from_secs(3)));
        assert_eq!(retry_after("Wed, 21 Oct 2026 07:28:00 GMT"), None);
        assert_eq!(retry_after("-1"), None);
    }

    proptest! {
        #[test]
        fn retry_after_never_panics(value in "\\PC*") {
            let _ = retry_after(&value);
        }
    }
}
