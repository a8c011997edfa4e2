//! Which features a model leans on, read from its own JSON. Pure.

use dex::features;
use serde::{Deserialize, Serialize};

/// One feature's part in all splits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Importance {
    pub feature: &'static str,
    /// Share of the total loss reduction.
    pub gain: f64,
    /// Number of splits.
    pub splits: usize,
}

#[derive(Deserialize)]
struct File {
    learner: Learner,
}

#[derive(Deserialize)]
struct Learner {
    gradient_booster: Gradient,
}

#[derive(Deserialize)]
struct Gradient {
    model: Trees,
}

#[derive(Deserialize)]
struct Trees {
    trees: Vec<Tree>,
}

#[derive(Deserialize)]
struct Tree {
    left_children: Vec<i64>,
    split_indices: Vec<usize>,
    loss_changes: Vec<f64>,
}

/// Every feature that is used, the strongest first.
pub fn importances(model: &[u8]) -> Result<Vec<Importance>, serde_json::Error> {
    let file: File = serde_json::from_slice(model)?;
    let mut all: Vec<_> =
        features::NAMES.map(|feature| Importance { feature, gain: 0.0, splits: 0 }).to_vec();
    for tree in &file.learner.gradient_booster.model.trees {
        let nodes = tree.left_children.iter().zip(&tree.split_indices).zip(&tree.loss_changes);
        for ((_, &feature), &gain) in nodes.filter(|((left, _), _)| **left >= 0) {
            if let Some(entry) = all.get_mut(feature) {
                entry.gain += gain;
                entry.splits += 1;
            }
        }
    }
    let total: f64 = all.iter().map(|i| i.gain).sum();
    for importance in &mut all {
        importance.gain /= total.max(f64::MIN_POSITIVE);
    }
    all.retain(|i| i.splits > 0);
    all.sort_by(|a, b| b.gain.total_cmp(&a.gain));
    Ok(all)
}
