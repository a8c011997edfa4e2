//! Health, versions and metrics.

use api::app::app;
use api::state::Limits;
use dex::metrics::{API, ERROR_TYPES, Kind};
use serde_json::json;

use crate::support::{Formula, KEY, call, empty_with, get, post, quick_limits, ready, ready_with, send};

const BATTLE: &str = r#"{"pokemon_a": 25, "pokemon_b": "raichu-alola"}"#;

#[tokio::test]
async fn readiness_names_what_fails() {
    let api = empty_with(Limits::default(), None);
    assert_eq!(get(&api, "/health/live").await.json(), json!({"status": "live"}));
    let failing = async || {
        let problem = get(&api, "/health").await.assert_problem(503, "not_ready");
        let checks = problem["failing"].as_array().unwrap().clone();
        checks.iter().map(|check| check["check"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(failing().await, ["pokedex", "model", "database"]);
    api.set_catalogue(crate::support::catalogue(crate::support::pokedex()));
    assert_eq!(failing().await, ["model", "database"]);
    api.set_model(Box::new(Formula::new()));
    api.database_failed("cannot connect");
    assert_eq!(failing().await, ["database"]);
    api.database_answered();
    assert_eq!(get(&api, "/health").await.json(), json!({"status": "ready"}));
    api.begin_drain();
    assert_eq!(failing().await, ["shutdown"]);
    assert_eq!(get(&api, "/types").await.status, 200, "a service that stops still answers");
}

#[tokio::test]
async fn versions_tell_what_is_loaded() {
    let loaded = get(&ready(), "/version").await.json();
    assert_eq!(loaded["model"], json!({"name": "formula", "version": "1"}));
    assert_eq!(loaded["pokedex"], json!({"pokemon": 6, "moves": 5}));
    let empty = get(&empty_with(Limits::default(), None), "/version").await.json();
    assert_eq!((&empty["model"], &empty["pokedex"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn inputs_that_drift_from_the_training_show_in_the_metrics() {
    let api = ready();
    let name = "model_input_drift_psi{feature=\"a_speed\",model_name=\"formula\"}";
    for _ in 0..10 {
        assert_eq!(post(&api, "/predict/battle", BATTLE).await.status, 200);
    }
    let text = get(&api, "/metrics").await.text();
    assert!(text.contains("model_input_drift_rows{model_name=\"formula\"} 10"));
    assert!(text.contains(&format!("{name} NaN")), "too few to say");
    for _ in 10..dex::drift::WINDOW {
        post(&api, "/predict/battle", BATTLE).await;
    }
    let text = get(&api, "/metrics").await.text();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    // Always the same Pokémon, where training had all speeds.
    assert!(line.trim().parse::<f64>().unwrap() > 1.0, "{line}");
}

#[tokio::test]
async fn every_metric_of_the_list_is_exposed_and_no_other() {
    let text = get(&ready(), "/metrics").await.text();
    let mut exposed: Vec<(&str, &str)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let kind = |kind| match kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let mut listed: Vec<(&str, &str)> = API.iter().map(|metric| (metric.name, kind(metric.kind))).collect();
    exposed.sort_unstable();
    listed.sort_unstable();
    assert_eq!(exposed, listed);
    assert!(text.contains(
        "api_request_duration_seconds_bucket{endpoint=\"/predict/battle\",method=\"POST\",le=\"0.5\"} 0"
    ));
    assert!(text.contains("model_prediction_confidence_bucket{model_name=\"formula\",le=\"0.6\"} 0"));
    assert!(text.contains("model_info{model_name=\"formula\",version=\"1\"} 1"));
}

#[tokio::test]
async fn requests_are_counted_by_template_and_kind() {
    let api = ready();
    for path in ["/pokemon/25", "/pokemon/evoli", "/pokemon/nobody", "/nowhere/1", "/nowhere/2"] {
        get(&api, path).await;
    }
    call(&api, "HEAD", "/pokemon/25").await;
    call(&api, "BREW", "/pokemon/25").await;
    post(&api, "/predict/battle", BATTLE).await;
    post(&api, "/predict/battle", "{").await;
    let text = get(&api, "/metrics").await.text();
    for line in [
        r#"api_requests_total{endpoint="/pokemon/{id_or_name}",method="GET",status="200"} 3"#,
        r#"api_requests_total{endpoint="/pokemon/{id_or_name}",method="GET",status="404"} 1"#,
        r#"api_requests_total{endpoint="/pokemon/{id_or_name}",method="other",status="405"} 1"#,
        r#"api_requests_total{endpoint="unmatched",method="GET",status="404"} 2"#,
        r#"api_errors_total{endpoint="unmatched",error_type="not_found",method="GET"} 2"#,
        r#"api_errors_total{endpoint="/predict/battle",error_type="malformed_request",method="POST"} 1"#,
        r#"api_errors_total{endpoint="/predict/battle",error_type="internal",method="POST"} 0"#,
        r#"api_request_duration_seconds_count{endpoint="/predict/battle",method="POST"} 2"#,
        r#"model_predictions_total{model_name="formula"} 1"#,
        r#"model_prediction_confidence_bucket{model_name="formula",le="0.6"} 0"#,
        r#"model_prediction_confidence_bucket{model_name="formula",le="0.65"} 1"#,
        r#"model_prediction_pokemon_types_total{pokemon_type="psychic",side="b"} 1"#,
        r#"model_prediction_pokemon_types_total{pokemon_type="psychic",side="a"} 0"#,
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\nnot in\n{text}");
    }
}

/// Every series name of the text format, values left off.
fn series(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn no_traffic_adds_a_series() {
    let api = ready_with(quick_limits(), Some(KEY));
    let open = ready_with(quick_limits(), None);
    for api in [&api, &open] {
        let before = series(&get(api, "/metrics").await.text());
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"] {
            for path in [
                "/",
                "/pokemon",
                "/pokemon?limit=x",
                "/pokemon/25",
                "/pokemon/x",
                "/pokemon/%FF",
                "/moves",
                "/moves/1",
                "/types",
                "/types/affinities",
                "/pokemon/search",
                "/pokemon/search?q=x",
                "/predict/explain",
                "/predict/explain?pokemon_a=25&pokemon_b=95",
                "/predict/explain?pokemon_a=x&pokemon_b=95",
                "/predict/model-info",
                "/predict/best-move",
                "/predict/batch",
                "/predict/team",
                "/version",
                "/health",
                "/health/live",
                "/metrics",
                "/docs",
                "/docs/",
                "/docs/x",
                "/openapi.json",
                "/predict/battle",
                "/nowhere",
            ] {
                call(api, method, path).await;
            }
        }
        let bodies = [
            "",
            "{",
            "{}",
            BATTLE,
            r#"{"pokemon_a": "x", "pokemon_b": 1}"#,
            r#"{"pokemon_a": 132, "pokemon_b": 95}"#,
        ];
        for body in bodies {
            for path in ["battle", "battle?method=simulate", "best-move", "batch", "team"] {
                post(api, &format!("/predict/{path}"), body).await;
            }
        }
        post(api, "/predict/batch", format!(r#"{{"battles": [{BATTLE}]}}"#)).await;
        post(api, "/predict/team", r#"{"team_a": [25], "team_b": [95]}"#).await;
        let conditional = axum::http::Request::get("/types").header("if-none-match", "*");
        send(&app(api.clone()), conditional.body(axum::body::Body::empty()).unwrap()).await;
        post(api, "/predict/battle", " ".repeat(20_000)).await;
        let stalled = futures_util::stream::pending::<Result<axum::body::Bytes, std::io::Error>>();
        post(api, "/predict/battle", axum::body::Body::from_stream(stalled)).await;
        assert_eq!(series(&get(api, "/metrics").await.text()), before);
        assert!(before.len() < 2000, "{} series", before.len());
    }
}

#[test]
fn error_types_have_one_status_each() {
    for (label, status) in ERROR_TYPES {
        assert!((400..=599).contains(status), "{label}");
    }
}
