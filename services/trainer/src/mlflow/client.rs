//! Requests to an MLflow server. Knows its addresses and its errors, not what is recorded.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;

/// Why something could not be recorded. Training never fails for it.
#[derive(Debug, thiserror::Error)]
pub enum MlflowError {
    #[error("{uri} does not answer")]
    Away { uri: String, source: reqwest::Error },
    #[error("{path}: HTTP {status} {code} {message}")]
    Refused { path: String, status: u16, code: String, message: String },
    #[error("an answer lacks {missing}")]
    Answer { missing: &'static str },
    #[error("artifacts go to {uri:?}, which is not the server's own store; start it with --serve-artifacts")]
    ArtifactStore { uri: String },
    #[error("the metadata has no JSON form")]
    Encode(#[source] serde_json::Error),
}

impl MlflowError {
    /// Whether the server refused with this code.
    pub fn has_code(&self, expected: &str) -> bool {
        matches!(self, Self::Refused { code, .. } if code == expected)
    }
}

/// A server.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    /// A client of the server at `base`, e.g. `http://mlflow:5000`.
    pub fn new(base: &str) -> Result<Self, MlflowError> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(30))
            .no_proxy()
            .build()
            .map_err(|source| MlflowError::Away { uri: base.to_owned(), source })?;
        Ok(Self { base: base.to_owned(), http })
    }

    /// A question with its parameters.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, MlflowError> {
        let query: Vec<_> = query.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let url = format!("{path}?{}", query.join("&"));
        self.json(self.request(Method::GET, &format!("mlflow/{url}")), path).await
    }

    /// A command with its body.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, MlflowError> {
        self.json(self.request(Method::POST, &format!("mlflow/{path}")).json(body), path).await
    }

    /// Puts a file into a run's artifacts, through the server.
    pub async fn upload(&self, artifact_uri: &str, name: &str, bytes: Vec<u8>) -> Result<(), MlflowError> {
        let path = artifact_path(artifact_uri, name)?;
        self.answer(self.request(Method::PUT, &path).body(bytes), &path).await.map(drop)
    }

    /// Fetches a file of a run's artifacts, through the server.
    pub async fn download(&self, artifact_uri: &str, name: &str) -> Result<Vec<u8>, MlflowError> {
        let path = artifact_path(artifact_uri, name)?;
        let answer = self.answer(self.request(Method::GET, &path), &path).await?;
        let bytes = answer.bytes().await;
        bytes.map(Into::into).map_err(|source| MlflowError::Away { uri: self.base.clone(), source })
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/api/2.0/{path}", self.base))
    }

    async fn json(&self, request: RequestBuilder, path: &str) -> Result<Value, MlflowError> {
        let answer = self.answer(request, path).await?;
        answer.json().await.map_err(|source| MlflowError::Away { uri: self.base.clone(), source })
    }

    async fn answer(&self, request: RequestBuilder, path: &str) -> Result<Response, MlflowError> {
        let away = |source| MlflowError::Away { uri: self.base.clone(), source };
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let body: Value = answer.json().await.unwrap_or_default();
        let field = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Err(MlflowError::Refused {
            path: path.to_owned(),
            status: status.as_u16(),
            code: field("error_code"),
            message: field("message"),
        })
    }
}

/// The server's own store is addressed as `mlflow-artifacts:/…`.
fn artifact_path(artifact_uri: &str, name: &str) -> Result<String, MlflowError> {
    match artifact_uri.strip_prefix("mlflow-artifacts:/") {
        Some(place) => Ok(format!("mlflow-artifacts/artifacts/{}/{name}", place.trim_matches('/'))),
        None => Err(MlflowError::ArtifactStore { uri: artifact_uri.to_owned() }),
    }
}
