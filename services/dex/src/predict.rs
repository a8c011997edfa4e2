//! The odds of a battle from the trained model: features, both orders, average. Pure after loading.

use std::path::Path;
use std::sync::Arc;

use crate::battle::{Fighter, Matchup, Rules};
use crate::drift::Monitor;
use crate::features::{self, COUNT, Row};
use crate::model::{Metadata, Model, ModelError, sigmoid};
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
        let probability_a = self.odds(&matchup);
        Prediction {
            probability_a,
            probability_b: 1.0 - probability_a,
            best_move_a: opening_move(&matchup, 0),
            best_move_b: opening_move(&matchup, 1),
        }
    }

    /// The odds that side 0 wins. No allocation.
    pub fn odds(&self, matchup: &Matchup) -> f64 {
        let rows = features::rows(matchup);
        self.drift.observe(&rows[0]);
        let mut margins = [0.0; 2];
        self.model.forest.margins(&rows, &mut margins);
        both_orders(margins)
    }

    /// The odds of each matchup, equal to [`Predictor::odds`]; a long list costs less per matchup.
    pub fn odds_of(&self, matchups: &[Matchup]) -> Vec<f64> {
        let rows = rows_of(matchups);
        rows.iter().step_by(2).for_each(|row| self.drift.observe(row));
        self.odds_of_rows(&rows)
    }

    /// The same for battles nobody asked about, such as those with a Pokémon's other moves: they do not count as input that
    /// drifts.
    pub fn odds_if(&self, matchups: &[Matchup]) -> Vec<f64> {
        self.odds_of_rows(&rows_of(matchups))
    }

    fn odds_of_rows(&self, rows: &[Row]) -> Vec<f64> {
        let mut margins = vec![0.0; rows.len()];
        self.model.forest.margins(rows, &mut margins);
        margins.chunks_exact(2).map(|pair| both_orders([pair[0], pair[1]])).collect()
    }

    /// Why: what each feature adds to the log-odds of side 0, as the mean of both orders.
    pub fn explain(&self, matchup: &Matchup) -> Explanation {
        let rows = features::rows(matchup);
        let mut orders = [[0.0; COUNT]; 2];
        let [mean, mean_swapped] = [0, 1].map(|i| self.model.forest.contributions(&rows[i], &mut orders[i]));
        let contributions =
            std::array::from_fn(|i| f64::midpoint(orders[0][i], -orders[1][features::swapped(i)]));
        Explanation { base: f64::midpoint(mean, -mean_swapped), contributions, values: rows[0] }
    }
}

/// Where the odds of a battle come from. `base` and the contributions add up to half the difference of the log-odds that the
/// model gives the two orders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explanation {
    /// Log-odds before anything is known of the battle; 0 up to rounding, since both orders have the same.
    pub base: f64,
    /// By feature, in the order of [`features::NAMES`]; positive speaks for side 0.
    pub contributions: [f64; COUNT],
    /// The features' values.
    pub values: Row,
}

/// The move a side opens with: its best damage against this foe. `None` for a Pokémon without a damaging move.
pub fn opening_move(matchup: &Matchup, side: usize) -> Option<u16> {
    matchup.opening(side).map(|slot| matchup.fighter(side).moves()[slot].id)
}

/// Both rows of each, one after the other.
fn rows_of(matchups: &[Matchup]) -> Vec<Row> {
    let mut rows = Vec::with_capacity(2 * matchups.len());
    for matchup in matchups {
        rows.extend_from_slice(&features::rows(matchup));
    }
    rows
}

fn both_orders(margins: [f32; 2]) -> f64 {
    let [ab, ba] = margins.map(|margin| f64::from(sigmoid(margin)));
    antisymmetric(ab, ba)
}

/// The mean of what the two orders say. Computed from the larger side, so that swapping the sides gives exactly the
/// complement: for p ≥ 0.5, `1 - p` loses nothing.
pub fn antisymmetric(ab: f64, ba: f64) -> f64 {
    let [a, b] = [f64::midpoint(ab, 1.0 - ba), f64::midpoint(ba, 1.0 - ab)];
    if a >= b { a } else { 1.0 - b }
}
