//! Boosted trees in flat arrays, and their evaluation. Equal to `XGBoost`'s own prediction: the same comparisons on `f32`
//! and the same order of additions.

use super::ModelError;
use super::complete::Complete;

/// One node in eight bytes: what deciding takes and no more. Children stand side by side, so one index finds both.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Node {
    /// Goes right when the value of the row is not below this. Infinite in a leaf, which so leads to itself.
    pub(super) threshold: f32,
    pub(super) feature: u16,
    /// The left child, the right one following it, or the leaf itself; counted from the tree's first node.
    pub(super) left: u16,
}

/// One tree: its part of the nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) start: u32,
    pub(super) count: u32,
    /// Steps from the root to the deepest leaf.
    pub(super) depth: u32,
}

/// A binary classifier: the sum of its trees' leaves is the log-odds that the first Pokémon wins.
#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    pub(super) nodes: Vec<Node>,
    /// By node: the value of a leaf, the mean of the leaves below for others, weighted by what training saw of each.
    pub(super) values: Vec<f32>,
    /// By node: where a missing value goes.
    pub(super) default_left: Vec<bool>,
    pub(super) trees: Vec<Tree>,
    /// The same trees made for walking many rows, when they are small enough for that.
    pub(super) complete: Option<Complete>,
    /// Log-odds before the first tree.
    pub(super) base_margin: f32,
    pub(super) features: usize,
}

/// Rows walked down a tree side by side: each waits for memory while the others go on.
pub(super) const ABREAST: usize = 8;
/// Rows that fit into the first-level cache together with a tree.
const BLOCK: usize = 64;

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
        self.trees.len()
    }

    /// Log-odds for one row, missing values (NaN) included.
    ///
    /// # Panics
    /// When the row is not [`Forest::features`] long.
    pub fn margin(&self, row: &[f32]) -> f32 {
        assert_eq!(row.len(), self.features, "a row has one value per feature of the model");
        self.trees.iter().fold(self.base_margin, |sum, tree| {
            let mut leaf = 0.0;
            self.walk(tree, row, |at| leaf = self.values[at]);
            sum + leaf
        })
    }

    /// Calls `visit` with every node on the row's way down a tree, the leaf last.
    fn walk(&self, tree: &Tree, row: &[f32], mut visit: impl FnMut(usize)) {
        let start = tree.start as usize;
        let mut at = 0;
        loop {
            let node = &self.nodes[start + at];
            visit(start + at);
            if usize::from(node.left) == at {
                return;
            }
            let x = row[usize::from(node.feature)];
            // XGBoost: left when x < split; a missing value follows the default direction.
            let right = if x.is_nan() { !self.default_left[start + at] } else { x >= node.threshold };
            at = usize::from(node.left) + usize::from(right);
        }
    }

    /// Log-odds for many rows, equal to [`Forest::margin`] of each.
    ///
    /// # Panics
    /// When rows are not [`Forest::features`] long or `margins` is not as long as `rows`.
    pub fn margins<const N: usize>(&self, rows: &[[f32; N]], margins: &mut [f32]) {
        assert_eq!(N, self.features, "a row has one value per feature of the model");
        assert_eq!(rows.len(), margins.len(), "a margin per row");
        for (rows, margins) in rows.chunks(BLOCK).zip(margins.chunks_mut(BLOCK)) {
            // A leaf leads to itself by a comparison that only finite numbers lose.
            if rows.iter().flatten().all(|x| x.is_finite()) {
                margins.fill(self.base_margin);
                self.add_block(rows, margins);
            } else {
                for (row, margin) in rows.iter().zip(margins) {
                    *margin = self.margin(row);
                }
            }
        }
    }

    fn add_block<const N: usize>(&self, rows: &[[f32; N]], margins: &mut [f32]) {
        match &self.complete {
            Some(complete) => complete.add(rows, margins),
            None => self.add_abreast(rows, margins),
        }
    }

    /// The way for trees that are too deep to be made complete.
    fn add_abreast<const N: usize>(&self, rows: &[[f32; N]], margins: &mut [f32]) {
        for tree in &self.trees {
            let range = tree.start as usize..(tree.start + tree.count) as usize;
            let (nodes, values) = (&self.nodes[range.clone()], &self.values[range]);
            for (rows, margins) in rows.chunks(ABREAST).zip(margins.chunks_mut(ABREAST)) {
                // A short last group walks its first row more than once.
                let group: [&[f32; N]; ABREAST] = std::array::from_fn(|i| rows.get(i).unwrap_or(&rows[0]));
                let mut at = [0_usize; ABREAST];
                for _ in 0..tree.depth {
                    for (at, row) in at.iter_mut().zip(group) {
                        let node = nodes[*at];
                        let right = row[usize::from(node.feature)] >= node.threshold;
                        *at = usize::from(node.left) + usize::from(right);
                    }
                }
                for (margin, at) in margins.iter_mut().zip(at) {
                    *margin += values[at];
                }
            }
        }
    }

    /// What each feature adds to the log-odds of a row, along the row's ways down the trees: at each split the mean below
    /// moves, and the move is the feature's. Together with the value returned, the forest's mean, they add up to the margin.
    /// (`XGBoost` calls it `approx_contribs`.)
    ///
    /// # Panics
    /// When the row or `contributions` is not [`Forest::features`] long.
    pub fn contributions(&self, row: &[f32], contributions: &mut [f64]) -> f64 {
        assert_eq!(row.len(), self.features, "a row has one value per feature of the model");
        contributions.fill(0.0);
        let mut mean = f64::from(self.base_margin);
        for tree in &self.trees {
            mean += f64::from(self.values[tree.start as usize]);
            let mut above: Option<usize> = None;
            self.walk(tree, row, |at| {
                if let Some(above) = above {
                    let step = f64::from(self.values[at]) - f64::from(self.values[above]);
                    contributions[usize::from(self.nodes[above].feature)] += step;
                }
                above = Some(at);
            });
        }
        mean
    }

    /// Probability for one row.
    pub fn probability(&self, row: &[f32]) -> f32 {
        sigmoid(self.margin(row))
    }
}

/// The logistic function as `XGBoost` computes it: in `f32`, with the exponent held below overflow.
pub fn sigmoid(x: f32) -> f32 {
    let denominator = (-x).min(88.7).exp() + 1.0 + 1e-16;
    1.0 / denominator
}
