//! Requests that go past bollard: its decoder guesses from a byte whether a stream has frames, and its types keep only what
//! they know. Here a stream is what came, and a document is whole.

use std::collections::BTreeSet;

use reqwest::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use reqwest::{Method, Response, Url};
use serde::Deserialize;
use serde_json::Value;

use super::error;
use crate::runtime::RuntimeError;
use crate::world::ContainerId;

/// An HTTP client for one engine.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    http: reqwest::Client,
    base: String,
    host: String,
}

impl Raw {
    /// For the engine at `host`, speaking the version that was agreed upon.
    pub(super) fn new(host: &str, version: &str) -> Result<Self, RuntimeError> {
        let builder = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(4);
        let (builder, base) = match host.split_once("://") {
            Some(("unix", path)) => (builder.unix_socket(path), "http://localhost".to_owned()),
            Some(("tcp" | "http", address)) => (builder, format!("http://{}", address.trim_end_matches('/'))),
            _ => return Err(RuntimeError::Other(format!("this command cannot reach an engine at {host}"))),
        };
        let http = builder.build().map_err(|e| RuntimeError::Other(e.to_string()))?;
        Ok(Self { http, base: format!("{base}/v{version}"), host: host.to_owned() })
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Url, RuntimeError> {
        let invalid = || RuntimeError::Other(format!("no address of an engine: {}", self.base));
        let mut url = Url::parse(&self.base).map_err(|_| invalid())?;
        // Names of things are single segments, whatever is in them.
        url.path_segments_mut().map_err(|()| invalid())?.extend(segments);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Response, RuntimeError> {
        let response = request.send().await.map_err(|e| self.sort(&e))?;
        if response.status().is_success() || response.status().as_u16() == 101 {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let body = response.text().await.map_err(|e| self.sort(&e))?;
        let message = serde_json::from_str::<Value>(&body).ok();
        let message = message.as_ref().and_then(|m| m.get("message")?.as_str()).unwrap_or(&body);
        Err(error::by_status(status, message))
    }

    /// A GET whose body is still to come.
    pub(super) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response, RuntimeError> {
        self.send(self.http.get(self.url(segments, query)?)).await
    }

    /// A GET of a JSON document.
    pub(super) async fn document(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Value, RuntimeError> {
        let response = self.get(segments, query).await?;
        let body = response.bytes().await.map_err(|e| self.sort(&e))?;
        serde_json::from_slice(&body).map_err(|e| RuntimeError::Other(format!("the engine's answer: {e}")))
    }

    /// The ids of the containers that a list has. A list holds some two kilobytes about each, which nobody needs to understand
    /// who only asks which there are.
    pub(super) async fn container_ids(
        &self,
        query: &[(&str, &str)],
    ) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(rename = "Id")]
            id: String,
        }
        let response = self.get(&["containers", "json"], query).await?;
        let body = response.bytes().await.map_err(|e| self.sort(&e))?;
        let listed: Vec<Listed> = serde_json::from_slice(&body)
            .map_err(|e| RuntimeError::Other(format!("the engine's answer: {e}")))?;
        Ok(listed.into_iter().map(|container| ContainerId(container.id)).collect())
    }

    /// A POST whose answer is still to come.
    pub(super) async fn post(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Response, RuntimeError> {
        self.send(self.http.post(self.url(segments, query)?)).await
    }

    /// A POST of a JSON document that is answered by one.
    pub(super) async fn order(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Value, RuntimeError> {
        let request = self.http.post(self.url(segments, query)?);
        let response =
            self.send(request.header(CONTENT_TYPE, "application/json").body(body.to_string())).await?;
        let body = response.bytes().await.map_err(|e| self.sort(&e))?;
        serde_json::from_slice(&body).map_err(|e| RuntimeError::Other(format!("the engine's answer: {e}")))
    }

    /// A DELETE.
    pub(super) async fn delete(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<(), RuntimeError> {
        self.send(self.http.delete(self.url(segments, query)?)).await.map(|_| ())
    }

    /// A POST that turns the connection into a plain stream in both directions.
    pub(super) async fn upgrade(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<reqwest::Upgraded, RuntimeError> {
        let request = self
            .http
            .request(Method::POST, self.url(segments, query)?)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "tcp")
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_string());
        let response = self.send(request).await?;
        response.upgrade().await.map_err(|e| self.sort(&e))
    }

    /// An error of the connection.
    pub(super) fn sort(&self, error: &reqwest::Error) -> RuntimeError {
        error::by_cause(&self.host, error)
    }
}
