//! Trees filled up to one depth, and rows turned into ranks: a step is a comparison of two bytes and a doubling, with no child
//! to look up and no end to look for.
//!
//! The rank of a value is how many of its feature's thresholds it is not below. A value is not below a threshold exactly when
//! its rank is at least the threshold's own, so ranks decide as the numbers do, and the leaves are the same.

use super::forest::{ABREAST, Forest};

/// Depth that every tree is filled up to; forests with a deeper tree are not made complete.
const DEPTH: u32 = 8;
/// Leaves of a complete tree, and one more than its splits, which are numbered from 1: the children of `i` are `2i` and `2i + 1`.
const LEAVES: usize = 1 << DEPTH;
/// Ranks in a row, filled up with 0, so that a byte cannot name one outside.
const WIDTH: usize = 256;
/// Thresholds compared at once.
const CUTS: usize = 16;
/// Trees that the two orders of one battle are walked down at a time.
const TREES: usize = 4;
/// The rank of a split that every row passes on the left: none has a higher one.
const NONE_HIGHER: u8 = u8::MAX;

type Ranks = [u8; WIDTH];

/// All trees of a forest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Complete {
    /// By feature.
    cuts: Vec<Cuts>,
    trees: Vec<Tree>,
}

/// The thresholds of one feature, ascending, in blocks filled up with the infinite.
#[derive(Debug, Clone, PartialEq)]
struct Cuts {
    /// The last of each block.
    ends: [f32; CUTS],
    blocks: Vec<[f32; CUTS]>,
}

/// Goes right with a rank above this one.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Split {
    feature: u8,
    rank: u8,
}

/// One tree.
#[derive(Debug, Clone, PartialEq)]
struct Tree {
    splits: [Split; LEAVES],
    leaves: [f32; LEAVES],
}

impl Complete {
    /// `None` for a forest with a deeper tree, more features, or more thresholds of one than a byte counts.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        if forest.features > WIDTH || forest.trees.iter().any(|tree| tree.depth > DEPTH) {
            return None;
        }
        let mut thresholds = vec![Vec::new(); forest.features];
        // Those of leaves are infinite.
        for node in forest.nodes.iter().filter(|node| node.threshold.is_finite()) {
            thresholds[usize::from(node.feature)].push(node.threshold);
        }
        let cuts = thresholds.into_iter().map(Cuts::new).collect::<Option<Vec<_>>>()?;
        let trees = forest.trees.iter().map(|tree| Tree::new(forest, tree.start as usize, &cuts)).collect();
        Some(Self { cuts, trees })
    }

    /// Adds the trees' leaves to the margins of finite rows, tree by tree.
    pub(super) fn add<const N: usize>(&self, rows: &[[f32; N]], margins: &mut [f32]) {
        if let ([a, b], [of_a, of_b]) = (rows, &mut *margins) {
            return self.add_pair([&self.ranks(a), &self.ranks(b)], [of_a, of_b]);
        }
        let mut ranks: Vec<Ranks> = rows.iter().map(|row| self.ranks(row)).collect();
        ranks.resize(rows.len().next_multiple_of(ABREAST), [0; WIDTH]);
        let (groups, _) = ranks.as_chunks::<ABREAST>();
        for tree in &self.trees {
            for (group, margins) in groups.iter().zip(margins.chunks_mut(ABREAST)) {
                let [leaves] = walk(std::array::from_ref(tree), group.each_ref());
                for (margin, leaf) in margins.iter_mut().zip(leaves) {
                    *margin += leaf;
                }
            }
        }
    }

    fn add_pair(&self, rows: [&Ranks; 2], [of_a, of_b]: [&mut f32; 2]) {
        let mut add = |leaves: &[[f32; 2]]| {
            for [a, b] in leaves {
                *of_a += a;
                *of_b += b;
            }
        };
        let (groups, rest) = self.trees.as_chunks::<TREES>();
        for group in groups {
            add(&walk(group, rows));
        }
        for tree in rest {
            add(&walk(std::array::from_ref(tree), rows));
        }
    }

    fn ranks<const N: usize>(&self, row: &[f32; N]) -> Ranks {
        let mut ranks = [0; WIDTH];
        for ((rank, cuts), &x) in ranks.iter_mut().zip(&self.cuts).zip(row) {
            *rank = cuts.rank(x);
        }
        ranks
    }
}

impl Cuts {
    fn new(mut thresholds: Vec<f32>) -> Option<Self> {
        thresholds.sort_by(f32::total_cmp);
        thresholds.dedup();
        if thresholds.len() > usize::from(u8::MAX) {
            return None;
        }
        thresholds.resize(thresholds.len().next_multiple_of(CUTS).max(CUTS), f32::INFINITY);
        let blocks = thresholds.as_chunks::<CUTS>().0.to_vec();
        let mut ends = [f32::INFINITY; CUTS];
        for (end, block) in ends.iter_mut().zip(&blocks) {
            *end = block[CUTS - 1];
        }
        Some(Self { ends, blocks })
    }

    /// How many thresholds a finite value is not below; at most 255.
    #[inline]
    fn rank(&self, x: f32) -> u8 {
        let full = if self.blocks.len() == 1 { 0 } else { not_below(x, &self.ends) };
        let rest = self.blocks.get(full).map_or(0, |block| not_below(x, block));
        (CUTS * full + rest).to_le_bytes()[0]
    }
}

/// All are compared, whatever the first ones say: that takes no decision and so no time for a wrong one.
#[inline]
fn not_below(x: f32, cuts: &[f32; CUTS]) -> usize {
    cuts.iter().map(|cut| u32::from(*cut <= x)).sum::<u32>() as usize
}

impl Tree {
    fn new(forest: &Forest, start: usize, cuts: &[Cuts]) -> Self {
        let mut tree =
            Self { splits: [Split { feature: 0, rank: NONE_HIGHER }; LEAVES], leaves: [0.0; LEAVES] };
        tree.fill(forest, cuts, start, 0, 1);
        tree
    }

    /// Puts node `k` of a tree that starts at `start` to place `at`.
    fn fill(&mut self, forest: &Forest, cuts: &[Cuts], start: usize, k: usize, at: usize) {
        let node = forest.nodes[start + k];
        let left = usize::from(node.left);
        if left == k {
            // Always to the left from here down.
            let steps = LEAVES.ilog2() - at.ilog2();
            self.leaves[(at << steps) - LEAVES] = forest.values[start + k];
            return;
        }
        // The threshold is one of the cuts, so its rank is at least 1. At most WIDTH features.
        self.splits[at] = Split {
            feature: node.feature.to_le_bytes()[0],
            rank: cuts[usize::from(node.feature)].rank(node.threshold) - 1,
        };
        self.fill(forest, cuts, start, left, 2 * at);
        self.fill(forest, cuts, start, left + 1, 2 * at + 1);
    }
}

/// The leaves of rows in trees, all walked side by side: each waits for memory while the others go on. A place is a byte: what
/// the last step carries over is the number of the leaf.
#[inline]
fn walk<const T: usize, const R: usize>(trees: &[Tree; T], rows: [&Ranks; R]) -> [[f32; R]; T] {
    let mut at = [[1_u8; R]; T];
    for _ in 0..DEPTH {
        for (at, tree) in at.iter_mut().zip(trees) {
            for (at, row) in at.iter_mut().zip(rows) {
                let Split { feature, rank } = tree.splits[usize::from(*at)];
                *at = at.wrapping_mul(2) | u8::from(row[usize::from(feature)] > rank);
            }
        }
    }
    std::array::from_fn(|t| at[t].map(|at| trees[t].leaves[usize::from(at)]))
}
