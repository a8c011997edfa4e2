//! The only file that names `XGBoost`: trains, predicts and writes its JSON.

use dex::features;
use xgb::parameters::BoosterParameters;
use xgb::{Booster as Inner, DMatrix, XGBError};

use crate::dataset::Table;

/// `XGBoost` said no.
#[derive(Debug, thiserror::Error)]
#[error("XGBoost: {0}")]
pub struct BoosterError(#[from] XGBError);

/// What training is told, by `XGBoost`'s names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parameters {
    pub max_depth: u32,
    pub eta: f32,
    pub min_child_weight: f32,
    pub lambda: f32,
    pub colsample_bytree: f32,
    pub rounds: u32,
    pub seed: u64,
}

impl Parameters {
    /// What the fast grid found best on the shipped data; used without a search.
    pub const DEFAULT: Self = Self {
        max_depth: 8,
        eta: 0.2,
        min_child_weight: 1.0,
        lambda: 1.0,
        colsample_bytree: 0.7,
        rounds: 300,
        seed: 42,
    };

    /// As `XGBoost` takes them and as they are recorded.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("objective", "binary:logistic".to_owned()),
            ("tree_method", "hist".to_owned()),
            ("max_depth", self.max_depth.to_string()),
            ("eta", self.eta.to_string()),
            ("min_child_weight", self.min_child_weight.to_string()),
            ("lambda", self.lambda.to_string()),
            ("colsample_bytree", self.colsample_bytree.to_string()),
            ("seed", self.seed.to_string()),
        ]
    }
}

/// Rows in `XGBoost`'s own form.
#[derive(Debug)]
pub struct Matrix(DMatrix);

impl Matrix {
    /// Copies a table with its labels and weights.
    pub fn new(table: &Table) -> Result<Self, BoosterError> {
        let mut matrix = DMatrix::from_dense(&table.values, table.len())?;
        matrix.set_labels(&table.labels)?;
        matrix.set_weights(&table.weights)?;
        matrix.set_feature_names(&features::NAMES)?;
        Ok(Self(matrix))
    }
}

/// A trained model.
pub struct Booster(Inner);

impl Booster {
    /// Trains for all rounds.
    pub fn train(matrix: &Matrix, parameters: &Parameters, threads: usize) -> Result<Self, BoosterError> {
        let mut inner = Inner::new_with_cached_dmats(&BoosterParameters::default(), &[&matrix.0])?;
        for (name, value) in parameters.pairs() {
            inner.set_param(name, &value)?;
        }
        inner.set_param("nthread", &threads.to_string())?;
        inner.set_param("verbosity", "1")?;
        for round in 0..parameters.rounds {
            inner.update(&matrix.0, i32::try_from(round).unwrap_or(i32::MAX))?;
        }
        inner.set_feature_names(&features::NAMES.to_vec())?;
        Ok(Self(inner))
    }

    /// `XGBoost`'s own probabilities, one per row.
    pub fn predict(&self, matrix: &Matrix) -> Result<Vec<f32>, BoosterError> {
        Ok(self.0.predict(&matrix.0)?)
    }

    /// The model as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, BoosterError> {
        Ok(self.0.save_buffer(false)?)
    }
}
