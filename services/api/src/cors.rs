//! Pages of other origins: off unless origins are named.

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::Response;

/// The origins whose pages may call, such as `https://dex.example`. Empty: none, and no word about it in any answer.
#[derive(Debug, Clone, Default)]
pub struct Cors(Vec<HeaderValue>);

impl Cors {
    /// Reads origins separated by commas; `None` for something that is not `scheme://host[:port]`.
    pub fn parse(list: &str) -> Option<Self> {
        let origin = |text: &str| {
            let (scheme, host) = text.split_once("://")?;
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
            let right = matches!(scheme, "http" | "https") && !host.is_empty() && host.chars().all(plain);
            right.then(|| HeaderValue::try_from(text).ok()).flatten()
        };
        let given = list.split(',').map(str::trim).filter(|text| !text.is_empty());
        given.map(origin).collect::<Option<Vec<_>>>().map(Self)
    }

    pub fn is_off(&self) -> bool {
        self.0.is_empty()
    }

    fn allowed<'a>(&self, headers: &'a HeaderMap) -> Option<&'a HeaderValue> {
        headers.get(ORIGIN).filter(|origin| self.0.contains(origin))
    }

    /// The answer to the question a browser asks before the request itself.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<Response> {
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        self.allowed(headers)?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        for (name, value) in [
            (ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST"),
            (ACCESS_CONTROL_ALLOW_HEADERS, "content-type, if-none-match, x-api-key, x-request-id"),
            (ACCESS_CONTROL_MAX_AGE, "600"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        Some(response)
    }

    /// What every answer to a page of a named origin says; to others it says that it depends.
    pub(crate) fn mark(&self, origin: Option<&HeaderValue>, response: &mut HeaderMap) {
        if self.is_off() {
            return;
        }
        response.append(VARY, HeaderValue::from_static("origin"));
        if let Some(origin) = origin.filter(|origin| self.0.contains(origin)) {
            response.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            let exposed = HeaderValue::from_static("etag, retry-after, x-request-id");
            response.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
    }

    pub(crate) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.is_off() { None } else { headers.get(ORIGIN).cloned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_read_whole() {
        assert_eq!(Cors::parse("").map(|cors| cors.0.len()), Some(0));
        assert_eq!(Cors::parse("https://a.example, http://localhost:3000").map(|cors| cors.0.len()), Some(2));
        for wrong in ["*", "a.example", "https://", "https://a/b", "ftp://a", "https://a, *"] {
            assert!(Cors::parse(wrong).is_none(), "{wrong}");
        }
    }
}
