//! What is sent to MLflow and in which order, against a stub that answers as version 3 does.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has failed")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dex::model::{Metadata, Split};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use trainer::booster::{Curve, Parameters};
use trainer::mlflow::{self, Client, HeldOut, MlflowError, NoHeldOut, Record, Recorded, spool};
use trainer::report::File;
use trainer::tune::{Fit, Trial};

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
        ("mlflow/registered-models/alias?", 404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST"})),
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
        metrics: BTreeMap::from([("brier".to_owned(), 0.01), ("log_loss".to_owned(), 0.2)]),
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

fn training(metadata: Metadata) -> Record {
    let parameters = Parameters::DEFAULT;
    let fit = Fit { parameters, fold: 0, one_in: 1, log_loss: 0.2, rounds: 9, seconds: 1.0 };
    Record {
        metadata,
        model: "{}".to_owned(),
        trials: vec![Trial { parameters, rung: 0, log_loss: 0.2, fits: vec![fit] }],
        curve: Curve { training: vec![0.5, 0.3], judging: vec![0.6, 0.4] },
        report: vec![File { name: "index.html".to_owned(), text: "<p>".to_owned() }],
        commit: "c0ffee".to_owned(),
        started: Duration::from_secs(1),
        ended: Duration::from_secs(2),
    }
}

async fn send(address: &str, metadata: Metadata) -> Result<mlflow::Recorded, MlflowError> {
    mlflow::record(&Client::new(address)?, &training(metadata), &NoHeldOut).await
}

#[tokio::test]
async fn a_training_is_recorded_in_order_and_registered() {
    let (address, seen) = stub(answers()).await;
    let recorded = send(&address, metadata()).await.unwrap();
    let Recorded { run_id, version, alias } = &recorded;
    assert_eq!((run_id.as_str(), version.as_str(), *alias), ("r1", "3", "champion"));
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
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/report/index.html",
            "POST mlflow/runs/create",
            "POST mlflow/runs/log-batch",
            "POST mlflow/runs/update",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/MLmodel",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/model.json",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/requirements.txt",
            "PUT mlflow-artifacts/artifacts/5/r1/artifacts/model/python_env.yaml",
            "POST mlflow/runs/log-model",
            "POST mlflow/registered-models/create",
            "POST mlflow/model-versions/create",
            "GET mlflow/registered-models/alias?name=battle_winner&alias=champion",
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
    let steps: Vec<_> = batch["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|m| m["key"] == "curve_held_out_log_loss")
        .map(|m| (m["step"].as_u64(), m["value"].as_f64()))
        .collect();
    assert_eq!(steps, [(Some(1), Some(0.6)), (Some(2), Some(0.4))]);
    let created: Vec<_> = seen.iter().filter(|(r, _)| r == "POST mlflow/runs/create").collect();
    assert!(created[0].1.contains("c0ffee") && created[0].1.contains("data_hash"));
    assert!(created[1].1.contains(r#"{"key":"mlflow.parentRunId","value":"r1"}"#), "{}", created[1].1);
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
    let error = send(&address, metadata()).await.unwrap_err();
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
    let error = send(&format!("http://{free}"), metadata()).await.unwrap_err();
    assert!(matches!(error, MlflowError::Away { .. }), "{error}");

    let mut answers = answers();
    answers[2].2 = json!({"run": {"info": {"run_id": "r1", "artifact_uri": "/mlruns/5/r1"}}});
    let (address, _) = stub(answers).await;
    let error = send(&address, metadata()).await.unwrap_err();
    assert!(matches!(error, MlflowError::ArtifactStore { .. }), "{error}");
}

/// Every model has this log loss.
struct Judge(f64);

impl HeldOut for Judge {
    fn log_loss(&self, _: &[u8]) -> Option<f64> {
        Some(self.0)
    }
}

/// A stub whose champion was trained on the data named, with the log loss given; another file than a model stands behind it.
fn with_champion(data_hash: &str, log_loss: f64) -> Vec<(&'static str, u16, Value)> {
    let mut answers = answers();
    answers.retain(|(path, ..)| *path != "mlflow/registered-models/alias?");
    let run = json!({"run": {
        "info": {"artifact_uri": "mlflow-artifacts:/5/r0/artifacts"},
        "data": {
            "tags": [{"key": "data_hash", "value": data_hash}, {"key": "code_version", "value": "0"}],
            "metrics": [{"key": "log_loss", "value": log_loss}],
        },
    }});
    answers.insert(0, ("mlflow/runs/get?run_id=r0", 200, run));
    let version = json!({"model_version": {"run_id": "r0", "version": "2"}});
    answers.insert(0, ("mlflow/registered-models/alias?", 200, version));
    answers.push(("mlflow-artifacts", 200, json!({})));
    answers
}

#[tokio::test]
async fn only_a_better_model_becomes_champion() {
    for (data, champion, alias) in [
        ("d", 0.3, "champion"),
        ("d", 0.2, "challenger"),
        ("d", 0.1, "challenger"),
        // Other data, and its file is no model of today's features: it cannot be served.
        ("other", 0.1, "champion"),
    ] {
        let (address, seen) = stub(with_champion(data, champion)).await;
        let client = Client::new(&address).unwrap();
        let recorded = mlflow::record(&client, &training(metadata()), &Judge(0.1)).await.unwrap();
        assert_eq!(recorded.alias, alias, "{data} {champion}");
        let seen = seen.lock().unwrap();
        let (_, body) = seen.iter().find(|(r, _)| r == "POST mlflow/registered-models/alias").unwrap();
        assert!(body.contains(alias), "{body}");
    }
}

#[tokio::test]
async fn what_could_not_be_sent_waits_and_is_sent_later_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let first = training(metadata());
    let second = Record { ended: Duration::from_secs(9), ..training(metadata()) };
    spool::keep(dir.path(), &second).unwrap();
    spool::keep(dir.path(), &first).unwrap();
    let folder = dir.path().join(spool::DIR);
    std::fs::write(folder.join("0.json"), "{").unwrap();

    // Away: everything stays.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let away = Client::new(&format!("http://{free}")).unwrap();
    assert!(matches!(spool::send(&away, dir.path()).await, Err(MlflowError::Away { .. })));
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 3);

    let (address, seen) = stub(answers()).await;
    assert_eq!(spool::send(&Client::new(&address).unwrap(), dir.path()).await.unwrap(), 2);
    let seen = seen.lock().unwrap();
    let ends: Vec<Value> = seen
        .iter()
        .filter(|(r, body)| r == "POST mlflow/runs/update" && !body.is_empty())
        .map(|(_, body)| serde_json::from_str::<Value>(body).unwrap()["end_time"].clone())
        .collect();
    assert_eq!(ends, [2000, 2000, 9000, 9000], "nested run and training, the older training first");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "what is no record is left");
}

#[tokio::test]
async fn a_server_is_asked_whether_it_knows_a_model() {
    let with = |found: (&'static str, u16, Value), runs: Value| {
        let mut answers = answers();
        answers.retain(|(path, ..)| !path.contains("get-by-name"));
        answers.insert(0, found);
        answers.insert(0, ("mlflow/runs/search", 200, runs));
        answers
    };
    let experiment = ("mlflow/experiments/get-by-name", 200, json!({"experiment": {"experiment_id": "5"}}));
    let none = ("mlflow/experiments/get-by-name", 404, json!({"error_code": "RESOURCE_DOES_NOT_EXIST"}));
    for (found, runs, is_known) in [
        (none, json!({"runs": [{}]}), false),
        (experiment.clone(), json!({}), false),
        (experiment, json!({"runs": [{"info": {"run_id": "r1"}}]}), true),
    ] {
        let (address, seen) = stub(with(found, runs)).await;
        let client = Client::new(&address).unwrap();
        assert_eq!(mlflow::is_recorded(&client, &metadata()).await.unwrap(), is_known);
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|(request, _)| !request.contains("create")), "only asked: {seen:?}");
    }
}

#[test]
fn a_training_is_told_again_from_its_files() {
    let dir = tempfile::tempdir().unwrap();
    let known = Metadata { model_sha256: dex::model::sha256_hex(b"{}"), ..metadata() };
    let record = training(known.clone());
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    assert!(Record::of_files(dir.path(), &known).is_err(), "there is nothing");
    write("battle_winner.json", "{}");
    write("battle_winner.metadata.json", "{}");
    write("report/index.html", "<p>");
    write("report/.writing-7", "half");
    let bare = Record::of_files(dir.path(), &known).unwrap();
    assert_eq!((&bare.report, bare.trials.len()), (&record.report, 0), "killed before its course was kept");
    record.keep_course(dir.path()).unwrap();
    assert_eq!(Record::of_files(dir.path(), &known).unwrap(), record);
    let other = Metadata { model_sha256: "0".repeat(64), ..known.clone() };
    assert!(Record::of_files(dir.path(), &other).unwrap_err().to_string().contains("battle_winner.json"));
    training(other).keep_course(dir.path()).unwrap();
    let again = Record::of_files(dir.path(), &known).unwrap();
    assert_eq!(again.curve, Curve::default(), "what is kept is another model's");
}
