//! Answers to reads that a client may already have: a tag of the content, and 304 for who names it (RFC 9110, section 13).

use std::hash::{DefaultHasher, Hasher as _};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

use crate::problem::Problem;

/// `value` as JSON with its tag, or 304 when the client has it. Reads change with the Pokédex only, so the content alone tells:
/// equal content has an equal tag in every process and after every reload.
pub(crate) fn json(headers: &HeaderMap, value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(error.to_string()))?;
    let tag = tag(&body);
    let described = [
        // Sixteen hexadecimal digits in quotes are a header value.
        (ETAG, HeaderValue::try_from(&tag).unwrap_or(HeaderValue::from_static("\"\""))),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    if matches(headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, described).into_response());
    }
    Ok((described, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response())
}

fn tag(body: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    hasher.write(body);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether `If-None-Match` names the tag. The comparison is the weak one.
fn matches(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|given| given == "*" || given.strip_prefix("W/").unwrap_or(given) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_that_is_named_is_not_sent_again() {
        let first = json(&HeaderMap::new(), &[1, 2]).unwrap();
        let tag = first.headers()[ETAG].to_str().unwrap().to_owned();
        for (given, status) in [
            (tag.clone(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (String::new(), 200),
            (tag.trim_matches('"').to_owned(), 200),
        ] {
            let headers = HeaderMap::from_iter([(IF_NONE_MATCH, given.parse().unwrap())]);
            let answer = json(&headers, &[1, 2]).unwrap();
            assert_eq!(answer.status(), status, "{given}");
            assert_eq!(answer.headers()[ETAG], tag.as_str());
        }
        assert_ne!(json(&HeaderMap::new(), &[2, 1]).unwrap().headers()[ETAG], tag.as_str());
    }
}
