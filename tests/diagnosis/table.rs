//! What can be wrong, and what is to be said of it.

use pdex::definition::model::{Attachment, Definition, MountSource, Service, ServiceName};
use serde_json::json;

use crate::stage::Fault;
use crate::stub::{Answer, METRICS, rules, targets};

/// What was done, how it is done here, and the checks that fail with what they say.
pub(crate) type Row = (&'static str, Fault, &'static [&'static str]);

fn service<'a>(definition: &'a mut Definition, name: &str) -> &'a mut Service {
    definition.services.get_mut(&ServiceName::new(name)).unwrap()
}

fn says(definition: &mut Definition, name: &str, script: &str, words: &str) {
    service(definition, name).labels.insert(format!("sim.exec.{script}"), words.to_owned());
}

pub(crate) const FAULTS: &[Row] = &[
    ("the database was killed", Fault::Killed("db"), &["db/running: ended with exit code 137 (SIGKILL)"]),
    ("the page's container was paused", Fault::Paused("streamlit"), &["streamlit/running: paused"]),
    ("MLflow's container was removed", Fault::Removed("mlflow"), &["mlflow/running: it has no container"]),
    (
        "the ETL failed",
        Fault::Made(|d| {
            service(d, "etl").labels.insert("sim.exit".to_owned(), "3".to_owned());
        }),
        &["etl/completed: ended with exit code 3"],
    ),
    (
        "the API was left off a network",
        Fault::Made(|d| {
            service(d, "api").networks.remove("monitoring");
        }),
        &[
            "api/networks: it is not on network lets-go-predictiondex_monitoring: it cannot reach node-exporter",
        ],
    ),
    (
        "the page was let onto a network too many",
        Fault::Made(|d| {
            service(d, "streamlit").networks.insert("monitoring".to_owned(), Attachment::default());
            says(d, "streamlit", "reach", "curl => 0 api 0\nnode-exporter 0");
        }),
        &[
            "streamlit/networks: it is on network lets-go-predictiondex_monitoring, which the definition does not give it: it can \
             reach node-exporter",
            "streamlit/reach: from inside it reaches node-exporter:9100, which the definition keeps from it",
        ],
    ),
    (
        "names are not found inside the page's container",
        Fault::Made(|d| says(d, "streamlit", "reach", "curl => 0 api 6\nnode-exporter 6")),
        &["streamlit/reach: from inside it does not reach api:8000: its name is not known there"],
    ),
    (
        "the database runs without its volume",
        Fault::Made(|d| {
            service(d, "db").mounts.retain(|mount| !matches!(mount.source, MountSource::Volume(_)));
        }),
        &["db/volumes: lets-go-predictiondex_postgres_data is not mounted at /var/lib/postgresql/data"],
    ),
    (
        "Prometheus may write its own rules",
        Fault::Made(|d| service(d, "prometheus").mounts.iter_mut().for_each(|mount| mount.read_only = false)),
        &["prometheus/volumes: /etc/prometheus is writable, the definition says read-only"],
    ),
    (
        "the API runs without limits",
        Fault::Made(|d| service(d, "api").deploy = None),
        &["api/limits: its memory limit is none, the definition says 512 MiB"],
    ),
    (
        "Grafana is open to every network of the machine",
        Fault::Made(|d| service(d, "grafana").ports[0].host_ip = None),
        &["grafana/ports: port 3000 is open at 0.0.0.0:3000, the definition says 127.0.0.1:3000"],
    ),
    (
        "a Pokémon is missing",
        Fault::Made(|d| says(d, "db", "counts", "FROM species => 0 species 153\npokemon 187\nmoves 226")),
        &["db/row-counts: species 153, pokemon 187, moves 226; 188 Pokémon are expected"],
    ),
    (
        "the schema is an older one",
        Fault::Made(|d| says(d, "db", "schema", "pg_constraint => 0 2 0")),
        &["db/schema: version 2, 0 constraints not validated; version 3 and 0 are expected"],
    ),
    (
        "the ETL has failed since",
        Fault::Made(|d| {
            says(
                d,
                "db",
                "freshness",
                "etl_freshness => 0 loaded 2026-01-26 03:00 UTC from live in 5.1 s, 0 rejects, 2 failures since",
            );
        }),
        &["db/freshness: loaded 2026-01-26 03:00 UTC from live in 5.1 s, 0 rejects, 2 failures since"],
    ),
    (
        "the API has no model",
        Fault::Answers(|p| p.api.set("/health", Answer::status(503))),
        &["api/health: HTTP 503 Service Unavailable from http://127.0.0.1:8000/health"],
    ),
    (
        "odds depend on who is named first",
        Fault::Answers(|p| {
            p.api.change("/predict/battle \"pokemon_a\":\"Onix\"", |answer| {
                answer.body =
                    json!({"probability_a": 0.7, "probability_b": 0.3, "winner": "Onix"}).to_string();
            });
        }),
        &["api/prediction: odds do not mirror: 0.25 + 0.75, swapped 0.7 + 0.3"],
    ),
    (
        "the API describes too little",
        Fault::Answers(|p| {
            p.api.set(
                "/openapi.json",
                Answer::ok(json!({"openapi": "3.1.0", "paths": {"/health": {}}}).to_string()),
            );
        }),
        &["api/description: it does not describe /metrics, /predict/battle"],
    ),
    (
        "a metric stands still",
        Fault::Answers(|p| {
            let still = METRICS.replace(
                "model_predictions_total{model_name=\"m\"} {n}",
                "model_predictions_total{model_name=\"m\"} 1",
            );
            p.api.set("/metrics", Answer::ok(still));
        }),
        &["api/metrics: model_predictions_total did not move with a prediction"],
    ),
    (
        "the API's clock is a minute ahead",
        Fault::Answers(|p| p.api.change("/health/live", |answer| answer.ahead_s = 60)),
        &["api/clock: its clock is about 60 s ahead of this machine's"],
    ),
    (
        "the page shows a traceback",
        Fault::Answers(|p| {
            p.streamlit
                .change("/_stcore/stream", |answer| "title\nerror no key".clone_into(&mut answer.body));
        }),
        &["streamlit/page-renders: the page shows an error: Error: no key"],
    ),
    (
        "Prometheus cannot scrape the API",
        Fault::Answers(|p| p.prometheus.set("/api/v1/targets", targets("down", "connection refused"))),
        &["prometheus/targets-up: api: connection refused"],
    ),
    (
        "a rule cannot be evaluated",
        Fault::Answers(|p| {
            p.prometheus.set("/api/v1/rules", rules("err", "many-to-many matching", &json!([])));
        }),
        &["prometheus/rules: HighErrorRate: many-to-many matching"],
    ),
    (
        "a critical alert fires",
        Fault::Answers(|p| {
            let alert = json!({"state": "firing", "labels": {"alertname": "HighErrorRate", "severity": "critical"}, "annotations": {"summary": "7 % of requests fail"}});
            p.prometheus.set("/api/v1/rules", rules("ok", "", &json!([alert])));
        }),
        &["prometheus/alerts: HighErrorRate: 7 % of requests fail"],
    ),
    (
        "the registered model breaks off",
        Fault::Answers(|p| {
            p.mlflow.change(
                "/api/2.0/mlflow-artifacts/artifacts/1/abc/artifacts/model/model.json",
                |answer| {
                    "{\"tree\":1 ".clone_into(&mut answer.body);
                },
            );
        }),
        &["mlflow/registered-model: model.json is no JSON: 10 bytes that break off"],
    ),
    (
        "Grafana cannot ask Prometheus",
        Fault::Answers(|p| {
            let error = json!({"results": {"A": {"error": "dial tcp: lookup prometheus: no such host"}}});
            p.grafana.set("/api/ds/query", Answer { status: 400, ..Answer::ok(error.to_string()) });
        }),
        &["grafana/datasource: Prometheus cannot be asked: dial tcp: lookup prometheus: no such host"],
    ),
];
