//! What is sent to MLflow and in which order, against a stub that answers as version 3 does.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has failed")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dex::model::{Metadata, Split};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trainer::mlflow::{self, Client, MlflowError, Record};

/// One request: method and path, and its body.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

/// Serves `answers` by path prefix and notes what was asked; a path without an answer gets 500.
async fn stub(answers: Vec<(&'static str, u16, Value)>) -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, &answers, &noted).await;
        }
    });
    (address, seen)
}

/// Answers one request and closes the connection.
async fn serve(mut stream: TcpStream, answers: &[(&'static str, u16, Value)], seen: &Seen) {
    let mut bytes = Vec::new();
    let head = loop {
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return;
        }
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let headers = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
    let length = headers.lines().find_map(|l| l.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |l| l.trim().parse().unwrap());
    while bytes.len() < head + length {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0);
    }
    let line = String::from_utf8_lossy(&bytes[..head]).lines().next().unwrap().to_owned();
    let (method, rest) = line.split_once(' ').unwrap();
    let path = rest.split(' ').next().unwrap().trim_start_matches("/api/2.0/");
    let body = String::from_utf8_lossy(&bytes[head..]).into_owned();
    seen.lock().unwrap().push((format!("{method} {path}"), body));
    let answer = answers.iter().find(|(prefix, ..)| path.starts_with(prefix));
    let (status, body) = answer.map_or((500, json!({})), |(_, status, body)| (*status, body.clone()));
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.unwrap();
}

fn answers() -> Vec<(&'static str, u16, Value)> {
    let run = json!({"run": {"info": {"run_id": "r1", "artifact_uri": "mlflow-artifacts:/5/r1/artifacts"}}});
    vec![
        ("mlflow/experiments/get-by-name", 404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST"})),
        ("mlflow/experiments/create", 200, json!({"experiment_id": "5"})),
        ("mlflow/runs/create", 200, run),
        ("mlflow/registered-models/create", 400, json!({"error_code": "RESOURCE_ALREADY_EXISTS"})),
        ("mlflow/model-versions/create", 200, json!({"model_version": {"version": "3"}})),
        ("mlflow", 200, json!({})),
    ]
}

fn metadata() -> Metadata {
    Metadata {
        name: "battle_winner".to_owned(),
        version: "abc".to_owned(),
        model_sha256: "0123456789abcdef".repeat(4),
        features: vec!["x".to_owned()],
        metrics: BTreeMap::from([("brier".to_owned(), 0.01)]),
        trained_at: "2026-01-01T00:00:00Z".to_owned(),
        code_version: "0".to_owned(),
        data_hash: "d".to_owned(),
        scenarios: vec!["best_move".to_owned()],
        split: Split {
            train_matchups: 4,
            test_matchups: 1,
            train_rows: 8,
            test_rows: 2,
            unseen_matchups: 0,
            unseen_rows: 0,
        },
        unseen_pokemon: Vec::new(),
        reference: Vec::new(),
        xgboost_version: "3.2.0".to_owned(),
        parameters: BTreeMap::from([("eta".to_owned(), "0.1".to_owned())]),
    }
}

async fn send(address: &str, metadata: &Metadata) -> Result<mlflow::Recorded, MlflowError> {
    let record = Record {
        metadata,
        model: b"{}",
        trials: &[],
        started: Duration::from_secs(1),
        ended: Duration::from_secs(2),
    };
    mlflow::record(&Client::new(address)?, &record).await
}

#[tokio::test]
async fn a_training_is_recorded_in_order_and_registered() {
    let (address, seen) = stub(answers()).await;
    let recorded = send(&address, &metadata()).await.unwrap();
    assert_eq!((recorded.run_id.as_str(), recorded.version.as_str()), ("r1", "3"));
    let seen = seen.lock().unwrap();
    let asked: Vec<_> = seen.iter().map(|(request, _)| request.as_str()).collect();
    assert_eq!(
        asked,
        [
            "GET mlflow/experiments/get-by-name?experiment_name=battle_winner",
            "POST mlflow/experiments/create",
            "POST mlflow/runs/create",
            "POST mlflow/runs/log-batch",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/battle_winner.metadata.json",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/MLmodel",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/model.json",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/requirements.txt",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/python_env.yaml",
            "POST mlflow/runs/log-model",
            "POST mlflow/registered-models/create",
            "POST mlflow/model-versions/create",
            "POST mlflow/registered-models/alias",
            "POST mlflow/runs/update",
        ]
    );
    let body = |request: &str| -> Value {
        let (_, body) = seen.iter().find(|(r, _)| r.ends_with(request)).unwrap();
        serde_json::from_str(body).unwrap()
    };
    let batch = body("runs/log-batch");
    assert_eq!(batch["params"], json!([{"key": "eta", "value": "0.1"}]));
    assert_eq!(batch["metrics"][0], json!({"key": "brier", "value": 0.01, "timestamp": 2000, "step": 0}));
    let version = body("model-versions/create");
    assert_eq!(version["source"], "mlflow-artifacts:/5/r1/artifacts/model");
    let alias = json!({"name": "battle_winner", "alias": "champion", "version": "3"});
    assert_eq!(body("registered-models/alias"), alias);
    let end = json!({"run_id": "r1", "status": "FINISHED", "end_time": 2000});
    assert_eq!(body("runs/update"), end);
}

#[tokio::test]
async fn a_run_that_cannot_be_completed_is_closed_as_failed() {
    let mut answers = answers();
    answers.retain(|(path, ..)| *path != "mlflow");
    answers.push(("mlflow/runs/update", 200, json!({})));
    let (address, seen) = stub(answers).await;
    let error = send(&address, &metadata()).await.unwrap_err();
    assert!(matches!(error, MlflowError::Refused { status: 500, .. }), "{error}");
    let seen = seen.lock().unwrap();
    let (request, body) = seen.last().unwrap();
    assert_eq!(request, "POST mlflow/runs/update");
    assert!(body.contains("FAILED"), "{body}");
}

#[tokio::test]
async fn a_server_that_is_away_or_keeps_no_artifacts_is_said() {
    // A port that was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = send(&format!("http://{free}"), &metadata()).await.unwrap_err();
    assert!(matches!(error, MlflowError::Away { .. }), "{error}");

    let mut answers = answers();
    answers[2].2 = json!({"run": {"info": {"run_id": "r1", "artifact_uri": "/mlruns/5/r1"}}});
    let (address, _) = stub(answers).await;
    let error = send(&address, &metadata()).await.unwrap_err();
    assert!(matches!(error, MlflowError::ArtifactStore { .. }), "{error}");
}
