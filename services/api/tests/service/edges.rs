//! What stands around the routes: framing, limits, keys, ids.

use std::time::Duration;

use api::app::app;
use api::cors::Cors;
use api::gate::Rules;
use api::keys::Keys;
use api::state::Limits;
use axum::body::{Body, Bytes};
use axum::http::Request;
use futures_util::stream;
use serde_json::json;

use crate::support::{
    KEY, call, catalogue, empty_with, get, pokedex, post, quick_limits, ready, ready_behind, ready_with, send,
};

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
    for path in [
        "/pokemon",
        "/pokemon/25",
        "/pokemon/search?q=x",
        "/moves",
        "/moves/85",
        "/types",
        "/types/affinities",
        "/version",
        "/predict/explain",
        "/predict/model-info",
        "/nowhere",
    ] {
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
    api.set_catalogue(catalogue(dex.clone()));
    assert_eq!(send(&router, types()).await.json()["items"][0]["name_en"], json!("normal"));
    dex.types[0].name_en = "Plain".to_owned();
    api.set_catalogue(catalogue(dex));
    assert_eq!(send(&router, types()).await.json()["items"][0]["name_en"], json!("Plain"));
}

fn with_key(path: &str, key: &str) -> Request<Body> {
    Request::get(path).header("x-api-key", key).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn keys_have_quotas_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys.json");
    let hash = |key: &str| dex::model::sha256_hex(key.as_bytes());
    let keys = json!({"keys": [
        {"name": "slow", "sha256": hash("slow-key"), "per_second": 2},
        {"name": "daily", "sha256": hash("daily-key"), "per_day": 3},
        {"name": "free", "sha256": hash("free-key")},
    ]});
    std::fs::write(&path, keys.to_string()).unwrap();
    let rules = Rules { keys: Keys::read(&path).unwrap(), key_required: true, ..Rules::default() };
    let router = app(ready_behind(rules, Cors::default()));
    let count = async |key: &str| {
        let mut answers = Vec::new();
        for _ in 0..5 {
            answers.push(send(&router, with_key("/types", key)).await);
        }
        answers.into_iter().filter(|answer| answer.status == 200).count()
    };
    assert_eq!((count("slow-key").await, count("daily-key").await, count("free-key").await), (2, 3, 5));
    assert_eq!(count("other-key").await, 0);
    let answer = send(&router, with_key("/types", "daily-key")).await;
    answer.assert_problem(429, "too_many_requests");
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=24 * 60 * 60).contains(&wait), "{wait}");
    send(&router, with_key("/types", "")).await.assert_problem(401, "unauthorized");
}

#[tokio::test]
async fn an_address_has_its_rate_and_operators_have_none() {
    let rules = Rules { per_address: Some(3), behind_proxy: true, ..Rules::default() };
    let router = app(ready_behind(rules, Cors::default()));
    let from = |path: &str, address: &str| {
        Request::get(path).header("x-forwarded-for", address).body(Body::empty()).unwrap()
    };
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(send(&router, from("/types", "10.0.0.1")).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let answer = send(&router, from("/nowhere", "10.0.0.1")).await;
    answer.assert_problem(429, "too_many_requests");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(send(&router, from("/types", "10.0.0.2")).await.status, 200);
    assert_eq!(send(&router, from("/health", "10.0.0.1")).await.status, 200);
}

#[tokio::test]
async fn pages_of_other_origins_are_let_in_when_named() {
    let ask = async |api: &api::state::Api, method: &str, origin: &str| {
        let request = Request::builder().method(method).uri("/types").header("origin", origin);
        let request = request.header("access-control-request-method", "GET");
        send(&app(api.clone()), request.body(Body::empty()).unwrap()).await
    };
    let allowed = "access-control-allow-origin";
    let closed = ready();
    let answer = ask(&closed, "GET", "https://a.example").await;
    assert_eq!((answer.header(allowed), answer.header("vary")), ("", ""));
    ask(&closed, "OPTIONS", "https://a.example").await.assert_problem(405, "method_not_allowed");

    let open = ready_behind(Rules::default(), Cors::parse("https://a.example").unwrap());
    let answer = ask(&open, "OPTIONS", "https://a.example").await;
    assert_eq!((answer.status.as_u16(), answer.header(allowed)), (204, "https://a.example"));
    assert!(answer.header("access-control-allow-headers").contains("x-api-key"));
    let answer = ask(&open, "GET", "https://a.example").await;
    assert_eq!((answer.status.as_u16(), answer.header(allowed)), (200, "https://a.example"));
    assert_eq!(answer.header("vary"), "origin");
    for method in ["GET", "OPTIONS"] {
        let answer = ask(&open, method, "https://b.example").await;
        assert_eq!(answer.header(allowed), "", "{method}");
    }
}
