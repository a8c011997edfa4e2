//! Request parts read by hand, so that every refusal names its place: JSON bodies, references to things. (Query strings:
//! [`crate::query`].)

use std::borrow::Cow;
use std::error::Error;

use axum::body::to_bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use http_body_util::LengthLimitError;
use serde_json::Value;

use crate::catalogue::NAME_MAX;
use crate::problem::{Kind, Problem};
use crate::state::{Api, Limits};

/// A JSON body of any shape; what shape it must have is the handler's to say.
pub struct JsonBody(pub Value);

/// The same for lists, which may be longer.
pub struct LongJsonBody(pub Value);

impl FromRequest<Api> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        read(request, api.limits(), api.limits().body_bytes).await.map(Self)
    }
}

impl FromRequest<Api> for LongJsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        read(request, api.limits(), api.limits().batch_bytes).await.map(Self)
    }
}

async fn read(request: Request, limits: &Limits, most: usize) -> Result<Value, Problem> {
    if !is_json(request.headers()) {
        let detail = "Send the body as `application/json`.";
        return Err(Problem::new(Kind::UnsupportedMediaType, detail));
    }
    let arrival = tokio::time::timeout(limits.body, to_bytes(request.into_body(), most)).await;
    let late = |_| Problem::new(Kind::RequestTimeout, "The body did not arrive in time.");
    let bytes = arrival.map_err(late)?.map_err(|error| {
        if error.source().is_some_and(<dyn Error>::is::<LengthLimitError>) {
            let detail = format!("A body may have {most} bytes.");
            return Problem::new(Kind::PayloadTooLarge, detail);
        }
        Problem::new(Kind::Malformed, "The body ended early.")
    })?;
    let malformed = |error| Problem::new(Kind::Malformed, format!("The body is not JSON: {error}."));
    serde_json::from_slice(&bytes).map_err(malformed)
}

/// `application/json` or any `…+json`, with parameters or without.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// The one parameter of a path, decoded.
pub struct PathName(pub String);

impl FromRequestParts<Api> for PathName {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let not_text = |_| Problem::new(Kind::Malformed, "The path is not UTF-8.");
        Path::from_request_parts(parts, api).await.map(|Path(name)| Self(name)).map_err(not_text)
    }
}

/// What a body names a Pokémon or a move by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Id(u16),
    Name(String),
}

impl Reference {
    /// Reads a reference the way its schema says: an integer of 1 to 65535 (25.0 is the integer 25 in JSON Schema) or a string
    /// of 1 to 64 characters.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(number) => number
                .as_f64()
                .filter(|n| n.fract() == 0.0 && (1.0..=f64::from(u16::MAX)).contains(n))
                .map(|n| {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "checked above"
                    )]
                    let id = n as u16;
                    Self::Id(id)
                })
                .ok_or_else(|| format!("{number} is not an id: a whole number from 1 to {}", u16::MAX)),
            Value::String(name) => match name.chars().count() {
                1..=NAME_MAX => Ok(Self::Name(name.clone())),
                0 => Err("a name cannot be empty".to_owned()),
                count => Err(format!("a name has at most {NAME_MAX} characters, this one has {count}")),
            },
            other => Err(format!("expected an id or a name, found {}", kind_of(other))),
        }
    }

    /// As a person would write it.
    pub fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Id(id) => Cow::Owned(id.to_string()),
            Self::Name(name) => Cow::Borrowed(name),
        }
    }
}

/// What a JSON value is, in words.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn references_are_read_as_their_schema_says() {
        for (value, expected) in [
            (json!(25), Some(Reference::Id(25))),
            (json!(25.0), Some(Reference::Id(25))),
            (json!(2.5e1), Some(Reference::Id(25))),
            (json!(65535), Some(Reference::Id(65535))),
            (json!(0), None),
            (json!(-0.0), None),
            (json!(-25), None),
            (json!(25.5), None),
            (json!(65536), None),
            (json!(1e300), None),
            (json!("25"), Some(Reference::Name("25".to_owned()))),
            (json!("é".repeat(64)), Some(Reference::Name("é".repeat(64)))),
            (json!("é".repeat(65)), None),
            (json!(""), None),
            (json!(null), None),
            (json!(true), None),
            (json!([25]), None),
        ] {
            assert_eq!(Reference::from_json(&value).ok(), expected, "{value}");
        }
    }

    #[test]
    fn json_content_types() {
        for (value, json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/vnd.pdex+json", true),
            ("text/json", false),
            ("application/jsonx", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(is_json(&headers), json, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }
}
