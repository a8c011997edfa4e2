//! What a model is worth on rows it has not seen, beside the base-stat rule.

use std::collections::BTreeMap;

use dex::features;
use dex::model::Forest;
use dex::predict::antisymmetric;
use rayon::prelude::*;

use crate::dataset::Table;
use crate::metrics::{self, BaseStatRule, Judged};

/// Pairs predictions of both orders as they are served, averaged, with the truth. Rows stand side by side in a table.
pub fn judge(table: &Table, predicted: &[f32]) -> Vec<Judged> {
    let pairs =
        predicted.chunks_exact(2).zip(table.labels.chunks_exact(2)).zip(table.weights.chunks_exact(2));
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

/// Metrics of the model, and under `baseline_…` those of the rule "the higher base-stat total wins", fitted on `training`.
pub fn report(held_out: &Table, predicted: &[f32], training: &Table) -> BTreeMap<String, f64> {
    let rule = BaseStatRule::fit(&training.base_stat_lead, &training.labels);
    let baseline: Vec<Judged> = held_out
        .base_stat_lead
        .iter()
        .zip(held_out.labels.iter().zip(&held_out.weights))
        .map(|(&lead, (&rate, &weight))| Judged {
            probability: rule.probability(lead),
            rate: rate.into(),
            weight: weight.into(),
        })
        .collect();
    let mut all = metrics::all(&judge(held_out, predicted));
    all.extend(metrics::all(&baseline).into_iter().map(|(name, value)| (format!("baseline_{name}"), value)));
    all
}
