//! The record of a training in MLflow, by its plain REST interface.

mod batch;
mod champion;
mod client;
mod flavour;
mod record;
pub mod spool;

use std::time::Duration;

pub use champion::{CHALLENGER, CHAMPION, HeldOut, NoHeldOut};
pub use client::{Client, MlflowError};
use dex::model::Metadata;
pub use record::{FilesError, Record};
use serde_json::{Value, json};
use tracing::info;

use crate::clock;

/// Experiment that runs are filed under.
pub const EXPERIMENT: &str = "battle_winner";

/// What MLflow made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    pub run_id: String,
    /// Version of the registered model.
    pub version: String,
    /// [`CHAMPION`] or [`CHALLENGER`].
    pub alias: &'static str,
}

/// Sends everything: experiment, run, parameters, metrics by step, tags, artifacts, a nested run for each combination of the
/// search, registered version with its alias. A run that could not be completed is marked as failed.
pub async fn record(
    client: &Client,
    record: &Record,
    held_out: &(dyn HeldOut + Sync),
) -> Result<Recorded, MlflowError> {
    let experiment = experiment(client).await?;
    let run = client
        .post(
            "runs/create",
            &json!({
                "experiment_id": experiment,
                "run_name": format!("train {}", record.metadata.trained_at),
                "start_time": millis(record.started),
                "tags": batch::tags(record),
            }),
        )
        .await?;
    let run_id = text(&run, "/run/info/run_id")?.to_owned();
    let artifacts = text(&run, "/run/info/artifact_uri")?.to_owned();
    let sent = fill(client, record, held_out, [&experiment, &run_id, &artifacts]).await;
    let closed = close(client, &run_id, sent.is_ok(), record.ended).await;
    let (version, alias) = sent?;
    closed?;
    info!(run_id, version, alias, "recorded in MLflow");
    Ok(Recorded { run_id, version, alias })
}

/// Whether a server knows the training of a model.
pub async fn is_recorded(client: &Client, metadata: &Metadata) -> Result<bool, MlflowError> {
    let Some(experiment) = present_experiment(client).await? else { return Ok(false) };
    let search = json!({
        "experiment_ids": [experiment],
        "filter": format!("tags.model_sha256 = '{}' AND attributes.status = 'FINISHED'", metadata.model_sha256),
        "max_results": 1,
    });
    let found = client.post("runs/search", &search).await?;
    Ok(found["runs"].as_array().is_some_and(|runs| !runs.is_empty()))
}

/// The experiment's id, made on first use.
async fn experiment(client: &Client) -> Result<String, MlflowError> {
    if let Some(present) = present_experiment(client).await? {
        return Ok(present);
    }
    let made = client.post("experiments/create", &json!({"name": EXPERIMENT})).await?;
    Ok(text(&made, "/experiment_id")?.to_owned())
}

async fn present_experiment(client: &Client) -> Result<Option<String>, MlflowError> {
    match client.get("experiments/get-by-name", &[("experiment_name", EXPERIMENT)]).await {
        Ok(found) => Ok(Some(text(&found, "/experiment/experiment_id")?.to_owned())),
        Err(error) if error.has_code("RESOURCE_DOES_NOT_EXIST") => Ok(None),
        Err(error) => Err(error),
    }
}

async fn close(client: &Client, run_id: &str, ok: bool, ended: Duration) -> Result<(), MlflowError> {
    let status = if ok { "FINISHED" } else { "FAILED" };
    let end = json!({"run_id": run_id, "status": status, "end_time": millis(ended)});
    client.post("runs/update", &end).await.map(drop)
}

/// Everything between the opening and the closing of a run; returns the registered version and its alias.
async fn fill(
    client: &Client,
    record: &Record,
    held_out: &(dyn HeldOut + Sync),
    [experiment, run_id, artifacts]: [&str; 3],
) -> Result<(String, &'static str), MlflowError> {
    for mut batch in batch::of_training(record) {
        batch["run_id"] = json!(run_id);
        client.post("runs/log-batch", &batch).await?;
    }
    let metadata = serde_json::to_vec_pretty(&record.metadata).map_err(MlflowError::Encode)?;
    client.upload(artifacts, "battle_winner.metadata.json", metadata).await?;
    for file in &record.report {
        client.upload(artifacts, &format!("report/{}", file.name), file.text.clone().into_bytes()).await?;
    }
    nested(client, record, experiment, run_id).await?;
    for (name, bytes) in flavour::files(record, run_id) {
        client.upload(artifacts, &format!("model/{name}"), bytes).await?;
    }
    let described = flavour::description(record, run_id).to_string();
    client.post("runs/log-model", &json!({"run_id": run_id, "model_json": described})).await?;
    let version = register(client, &record.metadata.name, run_id, &format!("{artifacts}/model")).await?;
    let alias = champion::place(client, record, &version, held_out).await?;
    Ok((version, alias))
}

/// One run for each combination that reached the last rung, below the training's run. The others are in the report: a grid of
/// 243 would bury the experiment.
async fn nested(client: &Client, record: &Record, experiment: &str, parent: &str) -> Result<(), MlflowError> {
    let last = record.trials.iter().map(|t| t.rung).max().unwrap_or_default();
    let many = record.trials.len() > 30;
    for (i, trial) in record.trials.iter().enumerate().filter(|(_, t)| !many || t.rung == last) {
        let run = client
            .post(
                "runs/create",
                &json!({
                    "experiment_id": experiment,
                    "run_name": format!("combination {}", i + 1),
                    "start_time": millis(record.started),
                    "tags": [
                        {"key": "mlflow.parentRunId", "value": parent},
                        {"key": "rung", "value": trial.rung.to_string()},
                    ],
                }),
            )
            .await?;
        let run_id = text(&run, "/run/info/run_id")?;
        let mut batch = batch::of_trial(trial, record.ended);
        batch["run_id"] = json!(run_id);
        client.post("runs/log-batch", &batch).await?;
        close(client, run_id, true, record.ended).await?;
    }
    Ok(())
}

/// A new version of the registered model.
async fn register(client: &Client, name: &str, run_id: &str, source: &str) -> Result<String, MlflowError> {
    match client.post("registered-models/create", &json!({"name": name})).await {
        Err(error) if !error.has_code("RESOURCE_ALREADY_EXISTS") => return Err(error),
        _ => {}
    }
    let made = client
        .post("model-versions/create", &json!({"name": name, "source": source, "run_id": run_id}))
        .await?;
    Ok(text(&made, "/model_version/version")?.to_owned())
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
