//! The model folder as `mlflow.xgboost.load_model` and `mlflow.pyfunc.load_model` expect it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::record::Record;
use crate::clock;

/// Python that MLflow's image runs; only a hint for those who rebuild the environment.
const PYTHON: &str = "3.11";

/// Files of the folder by name.
pub(super) fn files(record: &Record, run_id: &str) -> Vec<(&'static str, Vec<u8>)> {
    let xgboost = &record.metadata.xgboost_version;
    let requirements = format!("mlflow\nxgboost=={xgboost}\n");
    let environment = format!("python: '{PYTHON}'\ndependencies:\n- -r requirements.txt\n");
    vec![
        ("MLmodel", yaml(record, run_id).into_bytes()),
        ("model.json", record.model.clone().into_bytes()),
        ("requirements.txt", requirements.into_bytes()),
        ("python_env.yaml", environment.into_bytes()),
    ]
}

/// The same facts as the server keeps them.
pub(super) fn description(record: &Record, run_id: &str) -> Value {
    json!({
        "artifact_path": "model",
        "run_id": run_id,
        "utc_time_created": created(record),
        "model_uuid": uuid(record),
        "flavors": {
            "python_function": {
                "data": "model.json",
                "env": {"virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.xgboost",
                "python_version": PYTHON,
            },
            "xgboost": {
                "code": null,
                "data": "model.json",
                "model_class": "xgboost.core.Booster",
                "model_format": "json",
                "xgb_version": record.metadata.xgboost_version,
            },
        },
        "signature": {"inputs": inputs(record).to_string(), "outputs": outputs().to_string(), "params": null},
    })
}

/// Columns with their names: a table with others is refused by MLflow.
fn inputs(record: &Record) -> Value {
    let columns = record.metadata.features.iter();
    columns.map(|name| json!({"type": "float", "name": name, "required": true})).collect()
}

fn outputs() -> Value {
    json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1]}}])
}

/// `MLmodel` is YAML; JSON's scalars and flow collections are YAML too, so each top-level field stands on its line.
fn yaml(record: &Record, run_id: &str) -> String {
    let description = description(record, run_id);
    let mut text = String::new();
    for (name, value) in description.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{name}: {value}");
    }
    text
}

/// MLflow writes times without a zone.
fn created(record: &Record) -> String {
    clock::rfc3339(record.ended).trim_end_matches('Z').replace('T', " ")
}

/// An identity that follows from the content.
fn uuid(record: &Record) -> String {
    record.metadata.model_sha256.chars().take(32).collect()
}
