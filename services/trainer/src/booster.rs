//! The only file that names `XGBoost`: trains, predicts and writes its JSON.

use dex::features;
use serde::{Deserialize, Serialize};
use xgb::parameters::BoosterParameters;
use xgb::{Booster as Inner, DMatrix, XGBError};

use crate::table::Table;

/// `XGBoost` said no.
#[derive(Debug, thiserror::Error)]
#[error("XGBoost: {0}")]
pub struct BoosterError(#[from] XGBError);

/// What training is told, by `XGBoost`'s names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    pub max_depth: u32,
    pub eta: f32,
    pub min_child_weight: f32,
    pub lambda: f32,
    pub colsample_bytree: f32,
    pub seed: u64,
}

impl Parameters {
    /// What the fast grid found best on the shipped data; used without a search.
    pub const DEFAULT: Self =
        Self { max_depth: 8, eta: 0.2, min_child_weight: 1.0, lambda: 1.0, colsample_bytree: 0.7, seed: 42 };

    /// As `XGBoost` takes them and as they are recorded.
    pub fn pairs(&self) -> Vec<(&'static str, String)> {
        vec![
            ("objective", "binary:logistic".to_owned()),
            ("eval_metric", "logloss".to_owned()),
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
        matrix.set_labels(&table.rates)?;
        matrix.set_weights(&table.weights())?;
        matrix.set_feature_names(&features::NAMES)?;
        Ok(Self(matrix))
    }
}

/// When to stop adding trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopping {
    pub most_rounds: u32,
    /// Rounds without a better loss on the judging rows before training ends; `None` trains for all rounds.
    pub patience: Option<u32>,
}

/// Log loss after each round.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// On the rows learned from; empty where nobody asked.
    pub training: Vec<f64>,
    /// On rows not learned from.
    pub judging: Vec<f64>,
}

impl Curve {
    /// Rounds after which the judging loss was lowest, and that loss.
    pub fn best(&self) -> (u32, f64) {
        let best = self.judging.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
        best.map_or((0, f64::INFINITY), |(i, &loss)| (u32::try_from(i + 1).unwrap_or(u32::MAX), loss))
    }
}

/// A trained model.
pub struct Booster(Inner);

impl Booster {
    /// Trains on `learn`, judging every round on `judge`. With patience, what comes after the best round is cut off.
    /// `watch` also judges the rows learned from, for a learning curve.
    pub fn train(
        [learn, judge]: [&Matrix; 2],
        parameters: &Parameters,
        stopping: Stopping,
        watch: bool,
        threads: usize,
    ) -> Result<(Self, Curve), BoosterError> {
        // Known to the booster, both keep their margins between rounds.
        let mut inner = Inner::new_with_cached_dmats(&BoosterParameters::default(), &[&learn.0, &judge.0])?;
        for (name, value) in parameters.pairs() {
            inner.set_param(name, &value)?;
        }
        inner.set_param("nthread", &threads.to_string())?;
        inner.set_param("verbosity", "1")?;
        let mut curve = Curve::default();
        for round in 0..stopping.most_rounds {
            inner.update(&learn.0, i32::try_from(round).unwrap_or(i32::MAX))?;
            curve.judging.push(log_loss(&inner, judge)?);
            if watch {
                curve.training.push(log_loss(&inner, learn)?);
            }
            if stopping.patience.is_some_and(|patience| round + 1 >= curve.best().0 + patience) {
                break;
            }
        }
        if stopping.patience.is_some() {
            let best = curve.best().0;
            inner = inner.slice(0, i32::try_from(best).unwrap_or(i32::MAX))?;
        }
        inner.set_feature_names(&features::NAMES.to_vec())?;
        Ok((Self(inner), curve))
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

fn log_loss(booster: &Inner, matrix: &Matrix) -> Result<f64, BoosterError> {
    let metrics = booster.evaluate(&matrix.0)?;
    Ok(metrics.get("logloss").map_or(f64::INFINITY, |&loss| f64::from(loss)))
}
