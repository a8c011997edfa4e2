//! The odds of a battle from the trained model: features, both orders, average. Pure after loading.

use std::path::Path;

use crate::battle::Rules;
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
}

impl Predictor {
    /// Loads the model and its metadata from a models folder and checks both completely.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        Ok(Self { model: Model::load(dir, &features::NAMES)? })
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

    /// The odds of `a` against `b`. Both orders are evaluated and averaged, so swapping the sides swaps the answer exactly.
    pub fn predict(&self, dex: &Pokedex, a: &Side<'_>, b: &Side<'_>) -> Prediction {
        let rules = Rules::default();
        let ab = self.model.forest.probability(&features::row(dex, &rules, a.pokemon, b.pokemon));
        let ba = self.model.forest.probability(&features::row(dex, &rules, b.pokemon, a.pokemon));
        let probability_a = f64::midpoint(f64::from(ab), 1.0 - f64::from(ba));
        Prediction { probability_a, probability_b: 1.0 - probability_a, best_move_a: None, best_move_b: None }
    }
}
