//! The record of a training in MLflow, by its plain REST interface.

mod client;
mod flavour;

pub use client::{Client, MlflowError};

use std::time::Duration;

use dex::model::Metadata;
use serde_json::{Value, json};
use tracing::info;

use crate::clock;
use crate::tune::Trial;

/// Experiment that runs are filed under.
pub const EXPERIMENT: &str = "battle_winner";
/// Alias of the version to serve.
pub const ALIAS: &str = "champion";

/// What is recorded.
#[derive(Debug)]
pub struct Record<'a> {
    pub metadata: &'a Metadata,
    /// `XGBoost`'s JSON.
    pub model: &'a [u8],
    pub trials: &'a [Trial],
    /// Since 1970.
    pub started: Duration,
    pub ended: Duration,
}

/// What MLflow made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub run_id: String,
    /// Version of the registered model.
    pub version: String,
}

/// Sends everything: experiment, run, parameters, metrics, tags, artifacts, registered version with its alias. A run that
/// could not be completed is marked as failed.
pub async fn record(client: &Client, record: &Record<'_>) -> Result<Recorded, MlflowError> {
    let experiment = experiment(client).await?;
    let run = client
        .post(
            "runs/create",
            &json!({
                "experiment_id": experiment,
                "run_name": format!("train {}", record.metadata.trained_at),
                "start_time": millis(record.started),
                "tags": tags(record.metadata),
            }),
        )
        .await?;
    let run_id = text(&run, "/run/info/run_id")?.to_owned();
    let artifacts = text(&run, "/run/info/artifact_uri")?.to_owned();
    let sent = fill(client, record, &run_id, &artifacts).await;
    let status = if sent.is_ok() { "FINISHED" } else { "FAILED" };
    let end = json!({"run_id": run_id, "status": status, "end_time": millis(record.ended)});
    let closed = client.post("runs/update", &end).await;
    let version = sent?;
    closed?;
    info!(run_id, version, "recorded in MLflow");
    Ok(Recorded { run_id, version })
}

/// The experiment's id, made on first use.
async fn experiment(client: &Client) -> Result<String, MlflowError> {
    let found = client.get("experiments/get-by-name", &[("experiment_name", EXPERIMENT)]).await;
    match found {
        Ok(found) => Ok(text(&found, "/experiment/experiment_id")?.to_owned()),
        Err(error) if error.has_code("RESOURCE_DOES_NOT_EXIST") => {
            let made = client.post("experiments/create", &json!({"name": EXPERIMENT})).await?;
            Ok(text(&made, "/experiment_id")?.to_owned())
        }
        Err(error) => Err(error),
    }
}

/// Everything between the opening and the closing of a run; returns the registered version.
async fn fill(
    client: &Client,
    record: &Record<'_>,
    run_id: &str,
    artifacts: &str,
) -> Result<String, MlflowError> {
    let mut batch = batch(record);
    batch["run_id"] = json!(run_id);
    client.post("runs/log-batch", &batch).await?;
    let metadata = serde_json::to_vec_pretty(record.metadata).map_err(MlflowError::Encode)?;
    client.upload(artifacts, "battle_winner.metadata.json", metadata).await?;
    for (name, bytes) in flavour::files(record, run_id) {
        client.upload(artifacts, &format!("model/{name}"), bytes).await?;
    }
    let described = flavour::description(record, run_id).to_string();
    client.post("runs/log-model", &json!({"run_id": run_id, "model_json": described})).await?;
    register(client, &record.metadata.name, run_id, &format!("{artifacts}/model")).await
}

/// A new version of the registered model, which the alias then points to.
async fn register(client: &Client, name: &str, run_id: &str, source: &str) -> Result<String, MlflowError> {
    match client.post("registered-models/create", &json!({"name": name})).await {
        Err(error) if !error.has_code("RESOURCE_ALREADY_EXISTS") => return Err(error),
        _ => {}
    }
    let made = client
        .post("model-versions/create", &json!({"name": name, "source": source, "run_id": run_id}))
        .await?;
    let version = text(&made, "/model_version/version")?.to_owned();
    let alias = json!({"name": name, "alias": ALIAS, "version": version});
    client.post("registered-models/alias", &alias).await?;
    Ok(version)
}

fn batch(record: &Record<'_>) -> Value {
    let metadata = record.metadata;
    let at = millis(record.ended);
    let metric = |key: &str, value: f64, step: usize| json!({"key": key, "value": value, "timestamp": at, "step": step});
    let mut metrics: Vec<Value> =
        metadata.metrics.iter().map(|(name, value)| metric(name, *value, 0)).collect();
    metrics.extend(
        record.trials.iter().enumerate().map(|(i, trial)| metric("search_log_loss", trial.log_loss, i)),
    );
    let split = metadata.split;
    for (name, rows) in [("train_rows", split.train_rows), ("test_rows", split.test_rows)] {
        metrics.push(metric(name, rows as f64, 0));
    }
    let params: Vec<Value> =
        metadata.parameters.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({"metrics": metrics, "params": params})
}

fn tags(metadata: &Metadata) -> Value {
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    json!([
        tag("data_hash", &metadata.data_hash),
        tag("model_sha256", &metadata.model_sha256),
        tag("code_version", &metadata.code_version),
        tag("scenarios", &metadata.scenarios.join(",")),
        tag("mlflow.source.name", "trainer"),
    ])
}

fn millis(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// A text that an answer must contain.
fn text<'a>(answer: &'a Value, pointer: &'static str) -> Result<&'a str, MlflowError> {
    answer.pointer(pointer).and_then(Value::as_str).ok_or(MlflowError::Answer { missing: pointer })
}

/// The time now, as records count it.
pub fn now() -> Duration {
    clock::since_epoch()
}
