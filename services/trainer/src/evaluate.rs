//! What a model is worth on rows it has not seen, beside the baselines. Pure.

use std::collections::BTreeMap;

use dex::features;
use dex::model::Forest;
use dex::pokedex::Pokedex;
use dex::predict::antisymmetric;
use rayon::prelude::*;

use crate::baseline;
use crate::metrics::{self, Judged};
use crate::table::Table;

/// Prefix of the metrics on matchups with a species never seen; those on held-out pairs of known species have none.
pub const UNSEEN: &str = "unseen_species_";

/// Pairs predictions of both orders as they are served, averaged, with the truth. Rows stand side by side in a table.
pub fn judge(table: &Table, predicted: &[f32]) -> Vec<Judged> {
    let pairs = predicted.chunks_exact(2).zip(table.rates.chunks_exact(2)).zip(table.battles.chunks_exact(2));
    pairs
        .flat_map(|((p, rate), weight)| {
            let ahead = antisymmetric(p[0].into(), p[1].into());
            [(ahead, rate[0], weight[0]), (1.0 - ahead, rate[1], weight[1])]
        })
        .map(|(probability, rate, weight)| Judged { probability, rate: rate.into(), weight: weight.into() })
        .collect()
}

/// The served evaluator's answers, in parallel.
pub fn predict(forest: &Forest, table: &Table) -> Vec<f32> {
    table.values.par_chunks_exact(features::COUNT).map(|row| forest.probability(row)).collect()
}

/// The parts of a data set.
#[derive(Debug)]
pub struct Parts {
    pub training: Table,
    /// Pairs never learned from, of known species.
    pub held_out: Table,
    /// Matchups with a species never learned from; may be empty for a small Pokédex.
    pub unseen: Table,
}

/// Metrics on held-out pairs, under [`UNSEEN`] those on unseen species, and under `baseline_…` those of the baselines on the
/// held-out pairs. Also how the model does by scenario: `brier_best_move` and so on.
pub fn report(dex: &Pokedex, parts: &Parts, forest: &Forest) -> BTreeMap<String, f64> {
    let Parts { training, held_out, unseen } = parts;
    let judged = judge(held_out, &predict(forest, held_out));
    let mut all = metrics::all(&judged);
    for scenario in crate::scenario::Scenario::ALL {
        let own = judged.iter().zip(&held_out.keys).filter(|(_, key)| key.scenario == scenario);
        let own: Vec<Judged> = own.map(|(j, _)| *j).collect();
        if !own.is_empty() {
            all.insert(format!("brier_{}", scenario.name()), metrics::all(&own)["brier"]);
        }
    }
    let mut add = |prefix: &str, judged: &[Judged]| {
        all.extend(metrics::all(judged).into_iter().map(|(name, value)| (format!("{prefix}{name}"), value)));
    };
    if !unseen.is_empty() {
        add(UNSEEN, &judge(unseen, &predict(forest, unseen)));
    }
    for (name, probabilities) in baseline::NAMES.iter().zip(baseline::all(dex, training, held_out)) {
        let rows = probabilities.into_iter().zip(held_out.rates.iter().zip(&held_out.battles));
        let judged: Vec<Judged> = rows
            .map(|(probability, (&rate, &weight))| Judged {
                probability,
                rate: rate.into(),
                weight: weight.into(),
            })
            .collect();
        add(&format!("baseline_{name}_"), &judged);
    }
    all
}
