//! Trees filled up to one depth, so that a step is a comparison and a doubling: no child to look up, no end to look for.

use super::forest::{ABREAST, Forest};

/// Depth that every tree is filled up to; forests with a deeper tree are not made complete.
const DEPTH: u32 = 8;
/// Leaves of a complete tree, and one more than its splits, which are numbered from 1: the children of `i` are `2i` and `2i + 1`.
const LEAVES: usize = 1 << DEPTH;
/// Values in a row, filled up with 0, so that a byte cannot name one outside.
const WIDTH: usize = 256;
/// Rows that stay in the first-level cache while a tree is walked.
const BLOCK: usize = 16;
/// Trees that the two orders of one battle are walked down at a time.
const TREES: usize = 4;

type Row = [f32; WIDTH];

/// One tree.
#[derive(Debug, Clone, PartialEq)]
struct Tree {
    thresholds: [f32; LEAVES],
    features: [u8; LEAVES],
    leaves: [f32; LEAVES],
}

/// All trees of a forest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Complete(Vec<Tree>);

impl Complete {
    /// `None` for a forest with a deeper tree or more features.
    pub(super) fn new(forest: &Forest) -> Option<Self> {
        if forest.features > WIDTH || forest.trees.iter().any(|tree| tree.depth > DEPTH) {
            return None;
        }
        let fill = |tree: &super::forest::Tree| {
            // Where nothing is set a row goes left: it is below the infinite.
            let mut complete =
                Tree { thresholds: [f32::INFINITY; LEAVES], features: [0; LEAVES], leaves: [0.0; LEAVES] };
            complete.fill(forest, tree.start as usize, 0, 1);
            complete
        };
        Some(Self(forest.trees.iter().map(fill).collect()))
    }

    /// Adds the trees' leaves to the margins of finite rows, tree by tree.
    pub(super) fn add<const N: usize>(&self, rows: &[[f32; N]], margins: &mut [f32]) {
        if let ([a, b], [of_a, of_b]) = (rows, &mut *margins) {
            return self.add_pair([&padded(a), &padded(b)], [of_a, of_b]);
        }
        for (rows, margins) in rows.chunks(BLOCK).zip(margins.chunks_mut(BLOCK)) {
            let mut block = [[0.0; WIDTH]; BLOCK];
            for (padded, row) in block.iter_mut().zip(rows) {
                padded[..N].copy_from_slice(row);
            }
            for tree in &self.0 {
                for (rows, margins) in block.chunks_exact(ABREAST).zip(margins.chunks_mut(ABREAST)) {
                    let group: [&Row; ABREAST] = std::array::from_fn(|i| &rows[i]);
                    let [leaves] = walk(std::array::from_ref(tree), group);
                    for (margin, leaf) in margins.iter_mut().zip(leaves) {
                        *margin += leaf;
                    }
                }
            }
        }
    }

    fn add_pair(&self, rows: [&Row; 2], [of_a, of_b]: [&mut f32; 2]) {
        let mut add = |leaves: &[[f32; 2]]| {
            for [a, b] in leaves {
                *of_a += a;
                *of_b += b;
            }
        };
        let (groups, rest) = self.0.as_chunks::<TREES>();
        for group in groups {
            add(&walk(group, rows));
        }
        for tree in rest {
            add(&walk(std::array::from_ref(tree), rows));
        }
    }
}

impl Tree {
    /// Puts node `k` of a tree that starts at `start` to place `at`.
    fn fill(&mut self, forest: &Forest, start: usize, k: usize, at: usize) {
        let node = forest.nodes[start + k];
        let left = usize::from(node.left);
        if left == k {
            // Always to the left from here down.
            let steps = LEAVES.ilog2() - at.ilog2();
            self.leaves[(at << steps) - LEAVES] = forest.values[start + k];
            return;
        }
        self.thresholds[at] = node.threshold;
        // At most WIDTH features.
        self.features[at] = node.feature.to_le_bytes()[0];
        self.fill(forest, start, left, 2 * at);
        self.fill(forest, start, left + 1, 2 * at + 1);
    }
}

fn padded<const N: usize>(row: &[f32; N]) -> Row {
    let mut padded = [0.0; WIDTH];
    padded[..N].copy_from_slice(row);
    padded
}

/// The leaves of rows in trees, all walked side by side: each waits for memory while the others go on. A place is a byte: what
/// the last step carries over is the number of the leaf.
#[inline]
fn walk<const T: usize, const R: usize>(trees: &[Tree; T], rows: [&Row; R]) -> [[f32; R]; T] {
    let mut at = [[1_u8; R]; T];
    for _ in 0..DEPTH {
        for (at, tree) in at.iter_mut().zip(trees) {
            for (at, row) in at.iter_mut().zip(rows) {
                let i = usize::from(*at);
                let right = row[usize::from(tree.features[i])] >= tree.thresholds[i];
                *at = at.wrapping_mul(2) | u8::from(right);
            }
        }
    }
    std::array::from_fn(|t| at[t].map(|at| trees[t].leaves[usize::from(at)]))
}
