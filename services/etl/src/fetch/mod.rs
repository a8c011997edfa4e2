//! Polite HTTP: a pace, few requests at once, time limits, retries with jitter that honour Retry-After, conditional requests and a
//! cache on disk. Knows no source.

mod cache;
mod retry;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{
    CONTENT_TYPE, DATE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RETRY_AFTER,
};
use reqwest::{Response, StatusCode, Url};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

pub use cache::Cache;
use cache::Entry;
use retry::{asked_pause, jittered};

const USER_AGENT: &str =
    concat!("pdex-etl/", env!("CARGO_PKG_VERSION"), " (PredictionDex; one import per refresh)");

/// No document of either source comes near; a stream without end must not fill the memory.
const LARGEST_BODY: usize = 8 << 20;

/// How hard the client may press the server and how long it bears with it.
#[derive(Debug, Clone)]
pub struct Politeness {
    pub requests_at_once: usize,
    /// The least time between the starts of two requests.
    pub interval: Duration,
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
            interval: Duration::ZERO,
            connect_timeout: Duration::from_secs(3),
            request_timeout: Duration::from_secs(15),
            attempts: 4,
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(30),
        }
    }
}

/// What a body must be to be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Html,
    Text,
}

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error("{variable} is {url:?}, which is not an http or https address")]
    BaseUrl { variable: &'static str, url: String },
    #[error("the HTTP client cannot be set up")]
    Setup(#[source] reqwest::Error),
    #[error("GET {url} failed")]
    Unreachable { url: String, source: reqwest::Error },
    #[error("GET {url} answered {status}")]
    Status { url: String, status: StatusCode },
    #[error("GET {url} answered {found:?} where {wanted} is expected")]
    ContentType { url: String, found: String, wanted: &'static str },
    #[error("GET {url} answered more than {} MiB", LARGEST_BODY >> 20)]
    TooLarge { url: String },
    #[error("{document}: {reason}")]
    Malformed { document: String, reason: String },
}

/// A document that was read, with the validators of its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub path: String,
    pub sha256: String,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// Reads documents below one base address.
#[derive(Debug)]
pub struct Fetcher {
    http: reqwest::Client,
    base: String,
    pub(crate) politeness: Politeness,
    next_start: tokio::sync::Mutex<Option<Instant>>,
    cache: Option<Cache>,
    seen: Mutex<Vec<Seen>>,
}

impl Fetcher {
    /// `variable` is where the address came from, for the message when it is none.
    pub fn new(
        variable: &'static str,
        base_url: &str,
        politeness: Politeness,
        cache: Option<Cache>,
    ) -> Result<Arc<Self>, FetchError> {
        let invalid = || FetchError::BaseUrl { variable, url: base_url.to_owned() };
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
        Ok(Arc::new(Self {
            http,
            base: base.as_str().trim_end_matches('/').to_owned(),
            politeness,
            next_start: tokio::sync::Mutex::new(None),
            cache,
            seen: Mutex::default(),
        }))
    }

    /// The base address without a slash at its end.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Every document read so far, in the order of their paths.
    pub fn seen(&self) -> Vec<Seen> {
        let mut seen = self.seen.lock().map(|seen| seen.clone()).unwrap_or_default();
        seen.sort_by(|a, b| a.path.cmp(&b.path));
        seen.dedup_by(|a, b| a.path == b.path);
        seen
    }

    /// The body at a path below the base, e.g. `move/71`: from the cache while that is fresh, else from the server.
    pub async fn body(&self, path: &str, format: Format) -> Result<Vec<u8>, FetchError> {
        let url = format!("{}/{path}", self.base);
        let cached = self.cache.as_ref().and_then(|cache| cache.get(&url));
        let entry = match cached {
            Some(entry) if entry.is_fresh => entry,
            cached => {
                let entry = self.with_retries(&url, format, cached.as_ref()).await?;
                if let Some(cache) = &self.cache {
                    cache.put(&url, &entry);
                }
                entry
            }
        };
        self.remember(path, &entry);
        Ok(entry.body)
    }

    fn remember(&self, path: &str, entry: &Entry) {
        let sha256 = hex(&Sha256::digest(&entry.body));
        let (etag, last_modified) = (entry.etag.clone(), entry.last_modified.clone());
        if let Ok(mut seen) = self.seen.lock() {
            seen.push(Seen { path: path.to_owned(), sha256, etag, last_modified });
        }
    }

    async fn with_retries(
        &self,
        url: &str,
        format: Format,
        cached: Option<&Entry>,
    ) -> Result<Entry, FetchError> {
        let mut attempt = 1;
        loop {
            self.wait_for_turn().await;
            let (error, asked) = match self.try_once(url, format, cached).await {
                Ok(entry) => return Ok(entry),
                Err(failure) => failure,
            };
            let own = jittered(self.politeness.first_pause * 2_u32.saturating_pow(attempt - 1));
            let pause = asked.unwrap_or(own);
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

    /// Starts of requests keep their distance, whoever makes them.
    async fn wait_for_turn(&self) {
        if self.politeness.interval.is_zero() {
            return;
        }
        let mut next_start = self.next_start.lock().await;
        if let Some(at) = *next_start {
            tokio::time::sleep_until(at).await;
        }
        *next_start = Some(Instant::now() + self.politeness.interval);
    }

    /// One request; a failure comes with the pause the server asked for.
    async fn try_once(
        &self,
        url: &str,
        format: Format,
        cached: Option<&Entry>,
    ) -> Result<Entry, (FetchError, Option<Duration>)> {
        let mut request = self.http.get(url);
        if let Some(tag) = cached.and_then(|entry| entry.etag.as_ref()) {
            request = request.header(IF_NONE_MATCH, tag);
        } else if let Some(date) = cached.and_then(|entry| entry.last_modified.as_ref()) {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        let response = request.send().await.map_err(|source| (unreachable(url, source), None))?;
        let status = response.status();
        match cached {
            Some(entry) if status == StatusCode::NOT_MODIFIED => return Ok(entry.clone()),
            _ if !status.is_success() => {
                let asked = asked_pause(header(&response, &RETRY_AFTER), header(&response, &DATE));
                return Err((FetchError::Status { url: url.to_owned(), status }, asked));
            }
            _ => {}
        }
        self.accept(url, format, response).await.map_err(|error| (error, None))
    }

    async fn accept(&self, url: &str, format: Format, mut response: Response) -> Result<Entry, FetchError> {
        let (wanted, mark) = match format {
            Format::Json => ("JSON", "json"),
            Format::Html => ("HTML", "html"),
            Format::Text => ("text", "text"),
        };
        // No type at all is borne: what the body holds is looked at anyway.
        if let Some(found) = header(&response, &CONTENT_TYPE).filter(|found| !found.contains(mark)) {
            return Err(FetchError::ContentType { url: url.to_owned(), found: found.to_owned(), wanted });
        }
        let own = |name| header(&response, name).map(str::to_owned);
        let (etag, last_modified) = (own(&ETAG), own(&LAST_MODIFIED));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|source| unreachable(url, source))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(FetchError::TooLarge { url: url.to_owned() });
            }
            body.extend_from_slice(&chunk);
        }
        if format == Format::Json
            && let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&body)
        {
            let document = url.strip_prefix(&self.base).unwrap_or(url).trim_start_matches('/').to_owned();
            return Err(FetchError::Malformed { document, reason: format!("not JSON: {error}") });
        }
        Ok(Entry { body, etag, last_modified, is_fresh: true })
    }
}

fn header<'r>(response: &'r Response, name: &reqwest::header::HeaderName) -> Option<&'r str> {
    response.headers().get(name)?.to_str().ok()
}

fn unreachable(url: &str, source: reqwest::Error) -> FetchError {
    FetchError::Unreachable { url: url.to_owned(), source: source.without_url() }
}

/// Whether asking again may help: a server in trouble, a body cut short, a page of something in between.
fn is_transient(error: &FetchError) -> bool {
    match error {
        FetchError::Unreachable { source, .. } => !source.is_builder(),
        FetchError::Status { status, .. } => {
            status.is_server_error()
                || matches!(*status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
        }
        FetchError::Malformed { .. } | FetchError::ContentType { .. } => true,
        _ => false,
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::{Fetcher, Politeness};

    #[test]
    fn a_base_that_is_no_address_is_named() {
        for base in
            ["", "pokeapi.co/api/v2", "ftp://pokeapi.co", "http://", "file:///etc", "http://x/api?limit=1"]
        {
            let error = Fetcher::new("POKEAPI_BASE_URL", base, Politeness::default(), None).unwrap_err();
            let wanted = format!("POKEAPI_BASE_URL is {base:?}, which is not an http or https address");
            assert_eq!(error.to_string(), wanted);
        }
        for base in ["http://127.0.0.1:8765/api/v2", "https://pokeapi.co/api/v2/"] {
            let fetcher = Fetcher::new("POKEAPI_BASE_URL", base, Politeness::default(), None).unwrap();
            assert!(fetcher.base().ends_with("/api/v2"), "{base}");
        }
    }
}
