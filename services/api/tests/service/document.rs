//! The OpenAPI document: whole, consistent, and what it says is what is there.

use api::state::Limits;
use serde_json::Value;

use crate::support::{KEY, get, ready, ready_with};

async fn document() -> Value {
    get(&ready(), "/openapi.json").await.json()
}

#[tokio::test]
async fn paths_and_statuses() {
    let document = document().await;
    let mut lines = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let statuses: Vec<&str> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            lines.push(format!("{} {path}: {}", method.to_uppercase(), statuses.join(" ")));
        }
    }
    lines.sort();
    insta::assert_snapshot!(lines.join("\n"), @"
    GET /health/live: 200 431 500
    GET /health: 200 431 500 503
    GET /metrics: 200 431 500
    GET /moves/{id_or_name}: 200 304 400 401 404 429 431 500 503
    GET /moves: 200 304 401 422 429 431 500 503
    GET /pokemon/search: 200 304 401 422 429 431 500 503
    GET /pokemon/{id_or_name}: 200 304 400 401 404 429 431 500 503
    GET /pokemon: 200 304 401 422 429 431 500 503
    GET /predict/explain: 200 304 401 404 422 429 431 500 503
    GET /predict/model-info: 200 304 401 429 431 500 503
    GET /types/affinities: 200 304 401 429 431 500 503
    GET /types: 200 304 401 429 431 500 503
    GET /version: 200 304 401 429 431 500 503
    POST /predict/batch: 200 400 401 404 408 413 415 422 429 431 500 503
    POST /predict/battle: 200 400 401 404 408 413 415 422 429 431 500 503
    POST /predict/best-move: 200 400 401 404 408 413 415 422 429 431 500 503
    POST /predict/team: 200 400 401 404 408 413 415 422 429 431 500 503
    ");
}

#[tokio::test]
async fn it_is_openapi_3_1_with_names_for_all() {
    let document = document().await;
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{}", document["openapi"]);
    let mut ids = Vec::new();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
            assert!(operation["summary"].is_string(), "{operation}");
            assert_eq!(operation["tags"].as_array().unwrap().len(), 1, "{operation}");
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "operation ids are unique");
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_schema_is_used() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(target)) = fields.get("$ref") {
                    found.push(target);
                }
                fields.values().for_each(|v| references(v, found));
            }
            Value::Array(values) => values.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    for target in &found {
        let path = target.strip_prefix('#').unwrap();
        assert!(document.pointer(path).is_some(), "{target} leads nowhere");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        let target = format!("#/components/schemas/{name}");
        assert!(found.contains(&target.as_str()), "{name} is not used");
    }
}

#[tokio::test]
async fn errors_are_problem_documents() {
    let document = document().await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let responses = operation["responses"].as_object().unwrap();
            // A head that is too large never comes to an operation.
            let problems = |status: &str| status >= "400" && status != "431";
            for (status, response) in responses.iter().filter(|(status, _)| problems(status)) {
                let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(schema, "#/components/schemas/Problem", "{path} {status}");
            }
        }
    }
}

#[tokio::test]
async fn the_battle_request_says_what_is_enforced() {
    let document = document().await;
    let request = &document["components"]["schemas"]["BattleRequest"];
    assert_eq!(request["additionalProperties"], false, "{request:#}");
    assert_eq!(request["required"], serde_json::json!(["pokemon_a", "pokemon_b"]));
    let moves = &request["properties"]["moves_a"];
    assert_eq!((&moves["maxItems"], &moves["type"]), (&4.into(), &serde_json::json!(["array", "null"])));
    let reference = &document["components"]["schemas"]["Reference"]["oneOf"];
    assert_eq!((&reference[0]["minimum"], &reference[0]["maximum"]), (&1.into(), &65535.into()));
    assert_eq!((&reference[1]["minLength"], &reference[1]["maxLength"]), (&1.into(), &64.into()));
}

#[tokio::test]
async fn the_key_is_demanded_where_it_is_asked_for() {
    let api = ready_with(Limits::default(), Some(KEY));
    let document = get(&api, "/openapi.json").await.json();
    for (path, item) in document["paths"].as_object().unwrap() {
        let open = path.starts_with("/health") || path == "/metrics";
        for operation in item.as_object().unwrap().values() {
            assert_eq!(operation["security"].is_null(), open, "{path}");
            assert_eq!(operation["responses"]["401"].is_null(), open, "{path}");
        }
    }
    assert_eq!(document["components"]["securitySchemes"]["api_key"]["name"], "X-API-Key");
}

#[tokio::test]
async fn the_page_comes_from_the_binary() {
    let api = ready();
    let entry = get(&api, "/docs").await;
    assert_eq!((entry.status.as_u16(), entry.header("location")), (307, "/docs/"));
    let page = get(&api, "/docs/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    let html = page.text();
    assert!(html.contains("swagger-ui") && !html.contains("https://"), "{html}");
    for name in ["swagger-ui.css", "swagger-ui-bundle.js", "swagger-initializer.js"] {
        let file = get(&api, &format!("/docs/{name}")).await;
        assert_eq!(file.status, 200, "{name}");
        assert!(!file.body.is_empty());
    }
    assert!(get(&api, "/docs/swagger-initializer.js").await.text().contains("/openapi.json"));
    for name in ["nothing.js", "..%2f..%2fetc%2fpasswd"] {
        get(&api, &format!("/docs/{name}")).await.assert_problem(404, "not_found");
    }
}
