//! The one error clients see: a problem document (RFC 9457) of a closed set of kinds. What caused it is logged by the edge
//! and never sent.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use dex::metrics::ERROR_TYPES;
use serde::Serialize;
use utoipa::ToSchema;

/// Places named in one document; a body of nothing but mistakes must not grow on its way back.
pub const ERRORS_MAX: usize = 20;

/// Kinds of error, in the order of [`ERROR_TYPES`], which holds each one's label and status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Malformed,
    Unauthorized,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    PayloadTooLarge,
    UnsupportedMediaType,
    Invalid,
    TooManyRequests,
    Internal,
    NotReady,
    Overloaded,
    Timeout,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; ERROR_TYPES.len()] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::RequestTimeout,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::TooManyRequests,
        Self::Internal,
        Self::NotReady,
        Self::Overloaded,
        Self::Timeout,
    ];

    /// Value of the `error_type` label.
    pub const fn label(self) -> &'static str {
        ERROR_TYPES[self as usize].0
    }

    pub const fn status(self) -> u16 {
        ERROR_TYPES[self as usize].1
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request cannot be read",
            Self::Unauthorized => "A valid API key is required",
            Self::NotFound => "Not found",
            Self::MethodNotAllowed => "Method not allowed",
            Self::RequestTimeout => "The request took too long to arrive",
            Self::PayloadTooLarge => "The request body is too large",
            Self::UnsupportedMediaType => "The content type is not supported",
            Self::Invalid => "The request is not valid",
            Self::TooManyRequests => "Too many requests",
            Self::Internal => "Internal error",
            Self::NotReady => "The service is not ready",
            Self::Overloaded => "The service is at its limit",
            Self::Timeout => "The answer took too long",
        }
    }

    /// The kind of an error response that a framework made.
    fn of_status(status: StatusCode) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.status() == status.as_u16());
        known.unwrap_or(if status.is_server_error() { Self::Internal } else { Self::Malformed })
    }
}

/// What is wrong with one part of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer into the body, as a fragment (`#/moves_a/0`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// Name of the query or path parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameter: Option<String>,
    pub detail: String,
    /// Names that may have been meant, best first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub suggestions: Vec<String>,
}

impl FieldError {
    /// An error at a place of the body; `path` is the JSON pointer (`/moves_a/0`, empty for the whole body).
    pub fn body(path: &str, detail: impl Into<String>) -> Self {
        Self {
            pointer: Some(format!("#{path}")),
            parameter: None,
            detail: detail.into(),
            suggestions: Vec::new(),
        }
    }

    /// An error in a parameter of the path or the query.
    pub fn parameter(name: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), detail: detail.into(), suggestions: Vec::new() }
    }

    #[must_use]
    pub fn suggesting(mut self, suggestions: Vec<String>) -> Self {
        self.suggestions = suggestions;
        self
    }
}

/// A part of the service that keeps it from being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailingCheck {
    /// `pokedex`, `model`, `database` or `shutdown`.
    pub check: &'static str,
    pub detail: String,
}

/// An error on its way to the client. Handlers return it; the edge turns it into the response.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    suggestions: Vec<String>,
    failing: Vec<FailingCheck>,
    retry_after_s: Option<u64>,
    /// For the log only.
    cause: Option<String>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            detail: detail.into(),
            errors: Vec::new(),
            suggestions: Vec::new(),
            failing: Vec::new(),
            retry_after_s: None,
            cause: None,
        }))
    }

    /// 422 with what is wrong, place by place.
    pub fn invalid(mut errors: Vec<FieldError>) -> Self {
        let mut detail = errors.first().map_or_else(String::new, |first| first.detail.clone());
        if errors.len() > 1 {
            detail = format!("{detail} (and {} more)", errors.len() - 1);
        }
        errors.truncate(ERRORS_MAX);
        let mut problem = Self::new(Kind::Invalid, detail);
        problem.0.errors = errors;
        problem
    }

    /// 500; the cause goes to the log.
    pub fn internal(cause: impl Into<String>) -> Self {
        let mut problem = Self::new(Kind::Internal, "The error was logged under the request id.");
        problem.0.cause = Some(cause.into());
        problem
    }

    /// 503 naming what fails.
    pub fn not_ready(failing: Vec<FailingCheck>) -> Self {
        let names: Vec<&str> = failing.iter().map(|f| f.check).collect();
        let mut problem = Self::new(Kind::NotReady, format!("Failing: {}.", names.join(", ")));
        problem.0.failing = failing;
        problem
    }

    #[must_use]
    pub fn suggesting(mut self, suggestions: Vec<String>) -> Self {
        self.0.suggestions = suggestions;
        self
    }

    #[must_use]
    pub fn at(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// When the client may try again: in so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_s = Some(seconds);
        self
    }

    /// Seconds for the `Retry-After` header; every 503 has one.
    pub(crate) fn retry_after_s(&self) -> Option<u64> {
        self.0.retry_after_s.or((self.kind().status() == 503).then_some(1))
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }

    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The problem a response stands for: the one a handler returned, or one of the same status for an error that the
    /// framework made on its own.
    pub(crate) fn take_from(response: &mut Response) -> Self {
        if let Some(problem) = response.extensions_mut().remove::<Self>() {
            return problem;
        }
        let kind = Kind::of_status(response.status());
        let detail = match kind {
            Kind::MethodNotAllowed => "The `Allow` header names the methods of this path.",
            Kind::NotFound => "No such path.",
            _ => "The request was refused.",
        };
        Self::new(kind, detail)
    }

    /// The document sent to the client.
    pub(crate) fn document<'a>(&'a self, request_id: &'a str) -> ProblemDocument<'a> {
        let parts = &*self.0;
        ProblemDocument {
            type_: format!("urn:pdex:problem:{}", parts.kind.label()),
            title: parts.kind.title(),
            status: parts.kind.status(),
            detail: &parts.detail,
            request_id,
            errors: &parts.errors,
            suggestions: &parts.suggestions,
            failing: &parts.failing,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind().status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument<'a> {
    /// Identifies the kind of problem: `urn:pdex:problem:` and the `error_type` of the metrics.
    #[serde(rename = "type")]
    type_: String,
    title: &'static str,
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    detail: &'a str,
    /// The same as in the `x-request-id` header.
    request_id: &'a str,
    /// What is wrong with the request, place by place.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    errors: &'a [FieldError],
    /// Names that may have been meant, best first.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    suggestions: &'a [String],
    /// What keeps the service from being ready.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    failing: &'a [FailingCheck],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_order_of_the_list() {
        for (i, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, i);
        }
        assert_eq!((Kind::Invalid.label(), Kind::Invalid.status()), ("invalid_request", 422));
        assert_eq!((Kind::Timeout.label(), Kind::Timeout.status()), ("timeout", 503));
    }

    #[test]
    fn the_cause_is_not_in_the_document() {
        let problem = Problem::internal("password=hunter2");
        let sent = serde_json::to_string(&problem.document("r1")).unwrap();
        assert!(!sent.contains("hunter2"), "{sent}");
        assert_eq!(problem.cause(), Some("password=hunter2"));
    }
}
