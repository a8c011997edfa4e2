//! What stands around the routes: framing, limits, keys, ids.

use std::time::Duration;

use api::app::app;
use api::catalogue::Catalogue;
use api::state::Limits;
use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream;
use serde_json::json;

use crate::support::{KEY, call, empty_with, get, pokedex, post, quick_limits, ready, ready_with, send};

const BATTLE: &str = r#"{"pokemon_a": 25, "pokemon_b": 95}"#;

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let api = ready();
    for path in ["/", "/pokemon/", "/predict", "/pokemon/25/moves", "/docs2", "/Health"] {
        get(&api, path).await.assert_problem(404, "not_found");
    }
    for (method, path, allow) in [
        ("POST", "/pokemon", "GET,HEAD"),
        ("DELETE", "/pokemon/25", "GET,HEAD"),
        ("GET", "/predict/battle", "POST"),
        ("TRACE", "/health", "GET,HEAD"),
        ("BREW", "/metrics", "GET,HEAD"),
        ("PUT", "/openapi.json", "GET,HEAD"),
    ] {
        let answer = call(&api, method, path).await;
        answer.assert_problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), allow, "{method} {path}");
    }
}

#[tokio::test]
async fn bodies_that_cannot_be_read_are_refused() {
    let api = ready();
    let deep = "[".repeat(10_000);
    for body in ["", "{", "{\"pokemon_a\": 25,}", "\u{feff}{}", "NaN", "{\"a\": 1e999}", deep.as_str()] {
        post(&api, "/predict/battle", body.to_owned()).await.assert_problem(400, "malformed_request");
    }
    let invalid: &[u8] = b"{\"pokemon_a\": \"\xff\"}";
    post(&api, "/predict/battle", invalid).await.assert_problem(400, "malformed_request");
    get(&api, "/pokemon/%FF").await.assert_problem(400, "malformed_request");
}

#[tokio::test]
async fn other_content_types_are_refused() {
    let api = ready();
    for content_type in
        [None, Some("text/plain"), Some("application/x-www-form-urlencoded"), Some("application/xml")]
    {
        let mut request = Request::post("/predict/battle");
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        let answer = send(&app(api.clone()), request.body(Body::from(BATTLE)).unwrap()).await;
        answer.assert_problem(415, "unsupported_media_type");
    }
}

#[tokio::test]
async fn large_bodies_are_refused_whether_announced_or_streamed() {
    let api = ready();
    let padded = |size: usize| format!("{BATTLE}{}", " ".repeat(size - BATTLE.len()));
    assert_eq!(post(&api, "/predict/battle", padded(16 * 1024)).await.status, 200);
    post(&api, "/predict/battle", padded(16 * 1024 + 1)).await.assert_problem(413, "payload_too_large");
    let chunks = (0..40).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b' '; 1024])));
    let streamed = Body::from_stream(stream::iter(chunks));
    post(&api, "/predict/battle", streamed).await.assert_problem(413, "payload_too_large");
}

#[tokio::test]
async fn a_body_that_never_ends_times_out() {
    let api = ready_with(quick_limits(), None);
    let stalled = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    post(&api, "/predict/battle", stalled).await.assert_problem(408, "request_timeout");
    assert_eq!(api.in_flight(), 0);
}

#[tokio::test]
async fn a_body_cut_short_is_refused() {
    let broken = stream::iter([Ok(Bytes::from("{\"poke")), Err(std::io::Error::other("reset"))]);
    let answer = post(&ready(), "/predict/battle", Body::from_stream(broken)).await;
    answer.assert_problem(400, "malformed_request");
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let limits =
        Limits { answer: Duration::from_millis(50), body: Duration::from_mins(1), ..Limits::default() };
    let api = ready_with(limits, None);
    let stalled = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    post(&api, "/predict/battle", stalled).await.assert_problem(503, "timeout");
    assert_eq!(api.in_flight(), 0);
}

#[tokio::test]
async fn beyond_the_limit_requests_are_shed_but_operators_are_served() {
    let api = ready_with(Limits { in_flight: 1, ..Limits::default() }, None);
    let router = app(api.clone());
    let stalled = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/predict/battle").header("content-type", "application/json").body(stalled);
    let held = tokio::spawn(async move { send(&router, request.unwrap()).await });
    while api.in_flight() == 0 {
        tokio::task::yield_now().await;
    }
    let answer = get(&api, "/pokemon/25").await;
    answer.assert_problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), "1");
    for path in ["/health", "/health/live", "/metrics", "/openapi.json"] {
        assert_eq!(get(&api, path).await.status, 200, "{path}");
    }
    held.abort();
    assert!(held.await.unwrap_err().is_cancelled());
    assert_eq!(get(&api, "/pokemon/25").await.status, 200, "a request that went away gives its place back");
}

#[tokio::test]
async fn a_key_is_asked_for_except_by_operators_and_readers() {
    let api = ready_with(Limits::default(), Some(KEY));
    for path in ["/health", "/health/live", "/metrics", "/openapi.json", "/docs/"] {
        assert_eq!(get(&api, path).await.status, 200, "{path}");
    }
    for path in ["/pokemon", "/pokemon/25", "/moves", "/moves/85", "/types", "/version", "/nowhere"] {
        let answer = get(&api, path).await;
        answer.assert_problem(401, "unauthorized");
        assert!(!answer.header("www-authenticate").is_empty());
    }
    post(&api, "/predict/battle", BATTLE).await.assert_problem(401, "unauthorized");
    for (key, status) in [(KEY, 200), ("", 401), ("a-key-of-test", 401), ("A-KEY-OF-TESTS", 401)] {
        let request = Request::get("/types").header("X-API-Key", key).body(Body::empty()).unwrap();
        assert_eq!(send(&app(api.clone()), request).await.status, status, "{key:?}");
    }
}

#[tokio::test]
async fn request_ids_are_taken_over_when_harmless_and_made_otherwise() {
    let api = ready();
    let long = "x".repeat(65);
    for (given, kept) in
        [("trace-1.a:b_C", true), ("", false), ("with space", false), ("a\"b", false), (long.as_str(), false)]
    {
        let request = Request::get("/health").header("x-request-id", given).body(Body::empty()).unwrap();
        let answer = send(&app(api.clone()), request).await;
        assert_eq!(answer.header("x-request-id") == given, kept, "{given:?}");
        assert!(!answer.header("x-request-id").is_empty());
    }
}

#[tokio::test]
async fn a_reload_changes_answers_at_once() {
    let api = empty_with(Limits::default(), None);
    let router = app(api.clone());
    let types = || Request::get("/types").body(Body::empty()).unwrap();
    assert_eq!(send(&router, types()).await.status, 503);
    let mut dex = pokedex();
    api.set_catalogue(Catalogue::new(dex.clone()));
    assert_eq!(send(&router, types()).await.json()["items"][0]["name_en"], json!("normal"));
    dex.types[0].name_en = "Plain".to_owned();
    api.set_catalogue(Catalogue::new(dex));
    assert_eq!(send(&router, types()).await.json()["items"][0]["name_en"], json!("Plain"));
}
