//! Writes a small model that needs no training, for tests of what serves models: `cargo run -p dex --example toy_model -- DIR`.
//! It is a valid model file of a few trees, not a good model.

#![expect(clippy::unwrap_used, reason = "a tool of tests: what goes wrong ends it")]

use std::path::PathBuf;

use dex::drift::Distribution;
use dex::features;
use dex::model::{METADATA_FILE, MODEL_FILE, sha256_hex};
use serde_json::{Value, json};

fn tree(feature: &str, threshold: f32) -> Value {
    let column = features::NAMES.iter().position(|&name| name == feature).unwrap();
    json!({
        "left_children": [1, -1, -1], "right_children": [2, -1, -1], "split_indices": [column, 0, 0],
        "split_conditions": [threshold, -0.6, 0.6], "default_left": [0, 0, 0], "sum_hessian": [2.0, 1.0, 1.0],
    })
}

fn main() {
    let dir = PathBuf::from(std::env::args_os().nth(1).unwrap());
    let splits = [
        ("race", -0.25),
        ("race", 0.0),
        ("race", 0.25),
        ("total_difference", 0.0),
        ("speed_difference", 0.0),
    ];
    let trees: Vec<Value> = splits.map(|(feature, threshold)| tree(feature, threshold)).to_vec();
    let model = json!({"version": [3, 2, 0], "learner": {
        "feature_names": features::NAMES.to_vec(),
        "gradient_booster": {"name": "gbtree", "model": {"trees": trees}},
        "learner_model_param": {"base_score": "[5E-1]", "num_feature": features::COUNT.to_string()},
        "objective": {"name": "binary:logistic"},
    }})
    .to_string();
    let hash = sha256_hex(model.as_bytes());
    // It learned from nothing; all inputs are said to have been spread evenly from -1 to 1, so that there is a drift to look at.
    let even = (0..=200_u8).map(|i| f32::from(i) / 100.0 - 1.0);
    let reference = features::NAMES.map(|feature| Distribution::of(feature, even.clone())).to_vec();
    let metadata = json!({
        "name": "toy", "version": hash[..12], "model_sha256": hash, "features": features::NAMES.to_vec(), "metrics": {},
        "trained_at": "2026-01-01T00:00:00Z", "code_version": "0", "data_hash": "", "scenarios": [],
        "split": {"train_matchups": 0, "test_matchups": 0, "train_rows": 0, "test_rows": 0},
        "xgboost_version": "3.2.0", "parameters": {}, "reference": reference,
    });
    std::fs::write(dir.join(MODEL_FILE), model).unwrap();
    std::fs::write(dir.join(METADATA_FILE), metadata.to_string()).unwrap();
}
