//! Boosted trees in one flat array, and their evaluation. Equal to `XGBoost`'s own prediction: the same comparisons on `f32`
//! and the same order of additions.

use super::ModelError;

/// One node. Children stand side by side, so one index finds both; a leaf has index 0, which no child can have because a
/// tree's root is never a child.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// Split threshold, or the value of a leaf.
    pub(super) value: f32,
    /// Index of the left child in the forest; the right one follows it.
    pub(super) left: u32,
    pub(super) feature: u16,
    /// Where a missing value goes.
    pub(super) default_left: bool,
}

/// A binary classifier: the sum of its trees' leaves is the log-odds that the first Pokémon wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    pub(super) nodes: Vec<Node>,
    pub(super) roots: Vec<u32>,
    /// Log-odds before the first tree.
    pub(super) base_margin: f32,
    pub(super) features: usize,
}

impl Forest {
    /// Reads `XGBoost`'s JSON (objective `binary:logistic`, booster `gbtree`) and checks it down to the last index.
    /// `features` are the names the caller's rows have; a model with other names or another count is refused.
    pub fn from_json(bytes: &[u8], features: &[&str]) -> Result<Self, ModelError> {
        super::parse::forest(bytes, features)
    }

    /// Number of values a row must have.
    pub const fn features(&self) -> usize {
        self.features
    }

    /// Number of trees.
    pub const fn trees(&self) -> usize {
        self.roots.len()
    }

    /// Log-odds for one row.
    ///
    /// # Panics
    /// When the row is not [`Forest::features`] long.
    pub fn margin(&self, row: &[f32]) -> f32 {
        assert_eq!(row.len(), self.features, "a row has one value per feature of the model");
        let mut sum = self.base_margin;
        for &root in &self.roots {
            let mut node = &self.nodes[root as usize];
            while node.left != 0 {
                let x = row[usize::from(node.feature)];
                // XGBoost: left when x < split; a missing value follows the default direction.
                let right = if x.is_nan() { !node.default_left } else { x >= node.value };
                node = &self.nodes[node.left as usize + usize::from(right)];
            }
            sum += node.value;
        }
        sum
    }

    /// Probability for one row.
    pub fn probability(&self, row: &[f32]) -> f32 {
        sigmoid(self.margin(row))
    }
}

/// The logistic function as `XGBoost` computes it: in `f32`, with the exponent held below overflow.
fn sigmoid(x: f32) -> f32 {
    let denominator = (-x).min(88.7).exp() + 1.0 + 1e-16;
    1.0 / denominator
}
