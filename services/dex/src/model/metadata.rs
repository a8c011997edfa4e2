//! What is known about a trained model, stored beside it. Plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::drift::Reference;

/// How many rows and matchups each side of the split holds. A matchup is an unordered pair; it stands on one side only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub train_matchups: usize,
    pub test_matchups: usize,
    pub train_rows: usize,
    pub test_rows: usize,
    /// Matchups with a species that the model has never seen.
    #[serde(default)]
    pub unseen_matchups: usize,
    #[serde(default)]
    pub unseen_rows: usize,
}

/// The metadata file. Maps are ordered so that equal training gives equal bytes but for `trained_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Name under which the model is registered and reported.
    pub name: String,
    /// Short content version: the first twelve digits of [`Metadata::model_sha256`].
    pub version: String,
    /// SHA-256 of the model file, in hexadecimal; ties the two files together.
    pub model_sha256: String,
    /// Feature names in the order of the model's columns.
    pub features: Vec<String>,
    /// Metrics on held-out matchups, by name, e.g. `log_loss`, `brier`, `auc`.
    pub metrics: BTreeMap<String, f64>,
    /// RFC 3339, UTC.
    pub trained_at: String,
    /// Version of the program that trained it.
    pub code_version: String,
    /// SHA-256 over the Pokédex and everything that shapes the data set.
    pub data_hash: String,
    /// Scenarios whose battles the model learned from.
    pub scenarios: Vec<String>,
    pub split: Split,
    /// Ids of the Pokémon whose species the model has never seen, ascending.
    #[serde(default)]
    pub unseen_pokemon: Vec<u16>,
    /// How the features were distributed in training; what is asked later is compared with it.
    #[serde(default)]
    pub reference: Reference,
    /// Version of the library that trained it, e.g. `"3.2.0"`.
    pub xgboost_version: String,
    /// Training parameters, by `XGBoost`'s names.
    pub parameters: BTreeMap<String, String>,
}
