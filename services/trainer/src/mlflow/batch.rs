//! Parameters, metrics and tags as MLflow takes them. Pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Record, millis};
use crate::tune::Trial;

/// Metrics the server takes in one request.
const MOST_METRICS: usize = 1_000;

/// A training's parameters and metrics: what it came to at step 0, the losses after each tree at their step.
pub(super) fn of_training(record: &Record) -> Vec<Value> {
    let metadata = &record.metadata;
    let at = millis(record.ended);
    let mut metrics: Vec<Value> =
        metadata.metrics.iter().map(|(name, value)| metric(name, *value, 0, at)).collect();
    let split = metadata.split;
    for (name, rows) in
        [("train_rows", split.train_rows), ("test_rows", split.test_rows), ("unseen_rows", split.unseen_rows)]
    {
        metrics.push(metric(name, rows as f64, 0, at));
    }
    for (i, trial) in record.trials.iter().enumerate() {
        metrics.push(metric("search_log_loss", trial.log_loss, i, at));
    }
    let curves = [
        ("curve_training_log_loss", &record.curve.training),
        ("curve_held_out_log_loss", &record.curve.judging),
    ];
    for (name, losses) in curves {
        metrics.extend(losses.iter().enumerate().map(|(i, loss)| metric(name, *loss, i + 1, at)));
    }
    let params: Vec<Value> =
        metadata.parameters.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    let mut batches: Vec<Value> =
        metrics.chunks(MOST_METRICS).map(|chunk| json!({"metrics": chunk})).collect();
    if let Some(first) = batches.first_mut() {
        first["params"] = json!(params);
    }
    batches
}

/// One combination: the folds are its steps.
pub(super) fn of_trial(trial: &Trial, ended: Duration) -> Value {
    let at = millis(ended);
    let mut metrics = vec![metric("log_loss", trial.log_loss, 0, at)];
    for fit in &trial.fits {
        let step = usize::from(fit.fold);
        metrics.push(metric("fold_log_loss", fit.log_loss, step, at));
        metrics.push(metric("fold_rounds", f64::from(fit.rounds), step, at));
        metrics.push(metric("fold_seconds", fit.seconds, step, at));
    }
    let pairs = trial.parameters.pairs();
    let params: Vec<Value> = pairs.iter().map(|(key, value)| json!({"key": key, "value": value})).collect();
    json!({"metrics": metrics, "params": params})
}

pub(super) fn tags(record: &Record) -> Value {
    let metadata = &record.metadata;
    let tag = |key: &str, value: &str| json!({"key": key, "value": value});
    json!([
        tag("data_hash", &metadata.data_hash),
        tag("model_sha256", &metadata.model_sha256),
        tag("code_version", &metadata.code_version),
        tag("scenarios", &metadata.scenarios.join(",")),
        tag("mlflow.source.name", "trainer"),
        tag("mlflow.source.git.commit", &record.commit),
    ])
}

fn metric(key: &str, value: f64, step: usize, at: u64) -> Value {
    json!({"key": key, "value": value, "timestamp": at, "step": step})
}
