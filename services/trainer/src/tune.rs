//! The search for training parameters: every combination of a grid, judged on a group of training matchups that it has not
//! seen. Never looks at the held-out part.

use dex::pokedex::Pokedex;
use tracing::info;

use crate::booster::{Booster, BoosterError, Matrix, Parameters};
use crate::dataset::{Bout, Table};
use crate::evaluate;
use crate::metrics;
use crate::settings::Grid;
use crate::split::Part;

/// One combination with what the folds said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    pub parameters: Parameters,
    /// Mean over the folds.
    pub log_loss: f64,
}

/// The training matchups are divided into so many groups…
const FOLDS: u32 = 5;
/// …and so many of them are judged in turn. One is enough to order combinations by what all the data gives: a search on
/// three folds of a quarter of the matchups took as long and preferred trees that were too small for the whole.
const JUDGED: u32 = 1;

/// The combinations of a grid; the defaults are among them.
pub fn combinations(grid: Grid) -> Vec<Parameters> {
    let (depths, etas, weights): (&[u32], &[f32], &[f32]) = match grid {
        Grid::Fast => (&[6, 8], &[0.1, 0.2], &[1.0]),
        Grid::Extended => (&[5, 6, 8], &[0.05, 0.1, 0.2], &[1.0, 2.0, 5.0]),
    };
    let mut all = Vec::new();
    for &max_depth in depths {
        for &eta in etas {
            for &min_child_weight in weights {
                all.push(Parameters { max_depth, eta, min_child_weight, ..Parameters::DEFAULT });
            }
        }
    }
    all
}

/// Tries every combination; the best has the lowest log loss, the first of equals.
pub fn search(
    dex: &Pokedex,
    bouts: &[Bout],
    grid: Grid,
    threads: usize,
) -> Result<(Parameters, Vec<Trial>), BoosterError> {
    let mut folds = Vec::new();
    for fold in 0..JUDGED {
        let part = |part: Part| {
            let table = Table::new(dex, bouts, part);
            Matrix::new(&table).map(|matrix| (table, matrix))
        };
        let learn = part(Part::AllButFold { fold, of: FOLDS })?.1;
        folds.push((learn, part(Part::Fold { fold, of: FOLDS })?));
    }
    let mut trials = Vec::new();
    for parameters in combinations(grid) {
        let mut sum = 0.0;
        for (learn, (table, matrix)) in &folds {
            let predicted = Booster::train(learn, &parameters, threads)?.predict(matrix)?;
            sum += metrics::all(&evaluate::judge(table, &predicted))["log_loss"];
        }
        let trial = Trial { parameters, log_loss: sum / f64::from(JUDGED) };
        let Parameters { max_depth, eta, min_child_weight, .. } = parameters;
        info!(max_depth, %eta, %min_child_weight, log_loss = trial.log_loss, "tried parameters");
        trials.push(trial);
    }
    let best = trials.iter().min_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
    Ok((best.map_or(Parameters::DEFAULT, |t| t.parameters), trials))
}
