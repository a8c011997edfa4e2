//! The odds of a battle from the trained model: features, both orders, average. Pure after loading.

use std::path::Path;
use std::sync::Arc;

use crate::battle::{Fighter, Matchup, Rules};
use crate::drift::Monitor;
use crate::features;
use crate::model::{Metadata, Model, ModelError};
use crate::pokedex::{Move, Pokedex, Pokemon};

/// One side of a battle.
#[derive(Debug, Clone)]
pub struct Side<'a> {
    pub pokemon: &'a Pokemon,
    /// Up to four; none means the best set the Pokémon can learn.
    pub moves: Vec<&'a Move>,
}

/// What the model says about a battle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    pub probability_a: f64,
    /// Exactly `1 - probability_a`.
    pub probability_b: f64,
    /// The move each side opens with: its best damage against this foe. `None` for a Pokémon without a damaging move.
    pub best_move_a: Option<u16>,
    pub best_move_b: Option<u16>,
}

/// A loaded model that answers battles.
#[derive(Debug, Clone)]
pub struct Predictor {
    model: Model,
    /// What it is asked, beside what it learned from.
    drift: Arc<Monitor>,
}

impl Predictor {
    /// Loads the model and its metadata from a models folder and checks both completely.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        let model = Model::load(dir, &features::NAMES)?;
        let drift = Arc::new(Monitor::new(model.metadata.reference.clone()));
        Ok(Self { model, drift })
    }

    /// Name the model is registered under.
    pub fn name(&self) -> &str {
        &self.model.metadata.name
    }

    /// Content version of the model.
    pub fn version(&self) -> &str {
        &self.model.metadata.version
    }

    /// Everything known about the model.
    pub fn metadata(&self) -> &Metadata {
        &self.model.metadata
    }

    /// How what it was asked differs from what it learned from.
    pub fn drift(&self) -> &Monitor {
        &self.drift
    }

    /// The odds of `a` against `b`. Both orders are evaluated and averaged, so swapping the sides swaps the answer exactly.
    pub fn predict(&self, dex: &Pokedex, a: &Side<'_>, b: &Side<'_>) -> Prediction {
        let rules = Rules::default();
        let [a, b] = [a, b].map(|side| Fighter::new(dex, &rules, side.pokemon, &side.moves));
        let matchup = Matchup::new(&dex.chart, &a, &b);
        let rows = features::rows(&matchup);
        self.drift.observe(&rows[0]);
        let [ab, ba] = rows.map(|row| f64::from(self.model.forest.probability(&row)));
        let best_move =
            |side: usize| matchup.opening(side).map(|slot| matchup.fighter(side).moves()[slot].id);
        let probability_a = antisymmetric(ab, ba);
        Prediction {
            probability_a,
            probability_b: 1.0 - probability_a,
            best_move_a: best_move(0),
            best_move_b: best_move(1),
        }
    }
}

/// The mean of what the two orders say. Computed from the larger side, so that swapping the sides gives exactly the
/// complement: for p ≥ 0.5, `1 - p` loses nothing.
pub fn antisymmetric(ab: f64, ba: f64) -> f64 {
    let [a, b] = [f64::midpoint(ab, 1.0 - ba), f64::midpoint(ba, 1.0 - ab)];
    if a >= b { a } else { 1.0 - b }
}
