//! The combinations of a grid and the order in which they are tried. Pure.

use crate::booster::Parameters;
use crate::settings::{Grid, Search};
use crate::split::FOLDS;

/// One round of a search: what the combinations still in it are judged on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    pub folds: std::ops::Range<u8>,
    /// Learns from one training matchup in so many; 1 is all of them.
    pub one_in: u32,
    /// Combinations that go on.
    pub keep: usize,
}

/// The values of a grid, by parameter.
struct Values {
    depths: &'static [u32],
    etas: &'static [f32],
    weights: &'static [f32],
    lambdas: &'static [f32],
    columns: &'static [f32],
}

/// The combinations of a grid: 8 or 243. The defaults are among them.
pub fn combinations(grid: Grid) -> Vec<Parameters> {
    let Values { depths, etas, weights, lambdas, columns } = match grid {
        Grid::Fast => Values {
            depths: &[6, 8],
            etas: &[0.1, 0.2],
            weights: &[1.0, 5.0],
            lambdas: &[1.0],
            columns: &[0.7],
        },
        Grid::Extended => Values {
            depths: &[6, 8, 10],
            etas: &[0.05, 0.1, 0.2],
            weights: &[1.0, 5.0, 20.0],
            lambdas: &[0.5, 1.0, 4.0],
            columns: &[0.5, 0.7, 1.0],
        },
    };
    let mut all = Vec::new();
    for &max_depth in depths {
        for &eta in etas {
            for &min_child_weight in weights {
                for &lambda in lambdas {
                    for &colsample_bytree in columns {
                        all.push(Parameters {
                            max_depth,
                            eta,
                            min_child_weight,
                            lambda,
                            colsample_bytree,
                            ..Parameters::DEFAULT
                        });
                    }
                }
            }
        }
    }
    all
}

/// The rungs of a search. The last one judges what is left on every fold; a full search has no other.
pub fn rungs(grid: Grid, search: Search) -> Vec<Rung> {
    let all = Rung { folds: 0..FOLDS, one_in: 1, keep: 1 };
    match (search, grid) {
        (Search::Full, _) => vec![all],
        (Search::Halving, Grid::Fast) => vec![Rung { folds: 0..1, one_in: 1, keep: 3 }, all],
        (Search::Halving, Grid::Extended) => {
            vec![Rung { folds: 0..1, one_in: 4, keep: 40 }, Rung { folds: 0..1, one_in: 1, keep: 8 }, all]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_have_their_size_and_hold_the_defaults() {
        for (grid, size) in [(Grid::Fast, 8), (Grid::Extended, 243)] {
            let all = combinations(grid);
            assert_eq!(all.len(), size);
            assert!(all.contains(&Parameters::DEFAULT));
            assert!(all.iter().enumerate().all(|(i, p)| !all[..i].contains(p)));
        }
    }

    #[test]
    fn every_search_ends_on_all_folds_with_one_winner() {
        for (grid, search) in [Grid::Fast, Grid::Extended]
            .into_iter()
            .flat_map(|grid| [(grid, Search::Full), (grid, Search::Halving)])
        {
            let rungs = rungs(grid, search);
            assert_eq!(rungs.last().map(|r| (r.folds.clone(), r.one_in, r.keep)), Some((0..FOLDS, 1, 1)));
            assert!(rungs.is_sorted_by(|a, b| a.keep > b.keep));
        }
    }
}
