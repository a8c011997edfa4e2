//! Request parts read by hand, so that every refusal names its place: JSON bodies, references to things, query strings.

use std::borrow::Cow;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use dex::pokedex::Type;
use serde_json::Value;

use crate::catalogue::{Catalogue, NAME_MAX};
use crate::problem::{FieldError, Kind, Problem};
use crate::state::Api;

/// A JSON body of any shape; what shape it must have is the handler's to say.
pub struct JsonBody(pub Value);

impl FromRequest<Api> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "Send the body as `application/json`.";
            return Err(Problem::new(Kind::UnsupportedMediaType, detail));
        }
        let limits = api.limits();
        let arrival = tokio::time::timeout(limits.body, Bytes::from_request(request, api)).await;
        let late = |_| Problem::new(Kind::RequestTimeout, "The body did not arrive in time.");
        let bytes = arrival.map_err(late)?.map_err(|rejection| {
            let status = rejection.into_response().status();
            if status == StatusCode::PAYLOAD_TOO_LARGE {
                let detail = format!("A body may have {} bytes.", limits.body_bytes);
                return Problem::new(Kind::PayloadTooLarge, detail);
            }
            Problem::new(Kind::Malformed, "The body ended early.")
        })?;
        let malformed = |error| Problem::new(Kind::Malformed, format!("The body is not JSON: {error}."));
        serde_json::from_slice(&bytes).map(Self).map_err(malformed)
    }
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

/// The parameters of a list: which part of it, of what type, named how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    pub type_: Option<String>,
    pub name: Option<String>,
    pub limit: usize,
    pub offset: usize,
}

impl ListQuery {
    pub const LIMIT_DEFAULT: usize = 50;
    pub const LIMIT_MAX: usize = 500;
    pub const OFFSET_MAX: usize = 100_000;

    /// Reads a query string; unknown and repeated parameters are errors, all told at once.
    pub fn parse(query: &str) -> Result<Self, Problem> {
        let mut parsed = Self { type_: None, name: None, limit: Self::LIMIT_DEFAULT, offset: 0 };
        let mut seen: Vec<&'static str> = Vec::new();
        let mut errors = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(parameter) = ["type", "name", "limit", "offset"].into_iter().find(|p| *p == name) else {
                let name: String = name.chars().take(NAME_MAX).collect();
                errors.push(FieldError::parameter(name, "there is no such parameter"));
                continue;
            };
            if seen.contains(&parameter) {
                errors.push(FieldError::parameter(parameter, "given more than once"));
                continue;
            }
            seen.push(parameter);
            let outcome = match parameter {
                "type" => text(&value).map(|text| parsed.type_ = Some(text)),
                "name" => text(&value).map(|text| parsed.name = Some(text)),
                "limit" => number(&value, 1, Self::LIMIT_MAX).map(|n| parsed.limit = n),
                _ => number(&value, 0, Self::OFFSET_MAX).map(|n| parsed.offset = n),
            };
            errors.extend(outcome.err().map(|detail| FieldError::parameter(parameter, detail)));
        }
        if errors.is_empty() { Ok(parsed) } else { Err(Problem::invalid(errors)) }
    }

    /// The type that `type` names, when it is given.
    pub fn type_filter(&self, catalogue: &Catalogue) -> Result<Option<Type>, Problem> {
        let Some(name) = &self.type_ else { return Ok(None) };
        let unknown = || {
            let error = FieldError::parameter("type", "names no type");
            Problem::invalid(vec![error.suggesting(catalogue.suggest_type(name))])
        };
        catalogue.find_type(name).map(Some).ok_or_else(unknown)
    }
}

fn text(value: &str) -> Result<String, String> {
    if (1..=NAME_MAX).contains(&value.chars().count()) {
        Ok(value.to_owned())
    } else {
        Err(format!("has 1 to {NAME_MAX} characters"))
    }
}

fn number(value: &str, min: usize, max: usize) -> Result<usize, String> {
    let digits = value.bytes().all(|b| b.is_ascii_digit());
    let parsed = digits.then(|| value.parse().ok()).flatten().filter(|n| (min..=max).contains(n));
    parsed.ok_or_else(|| format!("is a whole number from {min} to {max}"))
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
    fn list_queries() {
        let default = ListQuery { type_: None, name: None, limit: 50, offset: 0 };
        for (query, expected) in [
            ("", Some(default.clone())),
            ("limit=10&offset=20", Some(ListQuery { limit: 10, offset: 20, ..default.clone() })),
            ("type=feu&name=%C3%A9", {
                let (type_, name) = (Some("feu".to_owned()), Some("é".to_owned()));
                Some(ListQuery { type_, name, ..default.clone() })
            }),
            ("limit=500", Some(ListQuery { limit: 500, ..default })),
            ("limit=501", None),
            ("limit=0", None),
            ("limit=", None),
            ("limit=+1", None),
            ("limit=1e1", None),
            ("offset=-1", None),
            ("offset=99999999999999999999999", None),
            ("limit=1&limit=2", None),
            ("type=", None),
            ("tpye=fire", None),
        ] {
            assert_eq!(ListQuery::parse(query).ok(), expected, "{query}");
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
