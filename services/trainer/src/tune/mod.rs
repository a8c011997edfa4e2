//! The search for training parameters: cross-validation in five folds of matchups, all of a grid or by successive halving, one
//! fit per core, resumable. Never looks at what is held out.

mod grid;
mod journal;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

pub use grid::{Rung, combinations, rungs};
pub use journal::Fit;
use journal::Journal;
use serde::{Deserialize, Serialize};
use tracing::info;

use crate::booster::{Booster, BoosterError, Matrix, Parameters, Stopping};
use crate::settings::{Grid, Search};
use crate::split::{Division, Place, is_sampled};
use crate::table::Table;

/// Why a search failed. What it has found so far is kept.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    #[error(transparent)]
    Booster(#[from] BoosterError),
    #[error("cannot write the search's journal {}", path.display())]
    Journal { path: PathBuf, source: std::io::Error },
    #[error("a worker of the search stopped")]
    Worker,
    #[error("fold {fold} of the training matchups is empty")]
    Empty { fold: u8 },
}

/// Trees at most, and rounds without progress before a fit ends. Twice the trees take a twentieth off the Brier score and double
/// what every prediction costs.
pub const STOPPING: Stopping = Stopping { most_rounds: 300, patience: Some(10) };

/// One combination with what the folds said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    pub parameters: Parameters,
    /// Rung it reached, from 0.
    pub rung: usize,
    /// Mean log loss over the folds of that rung.
    pub log_loss: f64,
    /// The fits of that rung, by fold.
    pub fits: Vec<Fit>,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub parameters: Parameters,
    /// Mean of the best rounds over the folds.
    pub rounds: u32,
    /// Every combination at the last rung it reached, in the grid's order.
    pub trials: Vec<Trial>,
    /// Fits made now; the others were in the journal.
    pub made: usize,
}

/// A search over a table of training rows.
#[derive(Debug)]
pub struct Tuner<'a> {
    pub table: &'a Table,
    pub division: &'a Division,
    /// Where fits are noted; a finished search with the same data finds all of them again.
    pub journal: &'a Path,
    pub threads: usize,
}

impl Tuner<'_> {
    /// Searches a grid; the best has the lowest mean log loss, the first of equals.
    pub fn search(&self, grid: Grid, search: Search) -> Result<Found, TuneError> {
        let journal = Journal::open(self.journal)?;
        if !journal.found.is_empty() {
            info!(fits = journal.found.len(), path = %self.journal.display(), "search resumed");
        }
        let mut fits = journal.found.clone();
        let before = fits.len();
        let mut left = combinations(grid);
        let mut trials: Vec<Trial> = Vec::new();
        for (number, rung) in rungs(grid, search).into_iter().enumerate() {
            let start = Instant::now();
            for fold in rung.folds.clone() {
                let open: Vec<_> = left
                    .iter()
                    .filter(|p| !fits.iter().any(|f| f.is(p, fold, rung.one_in)))
                    .copied()
                    .collect();
                fits.extend(self.fit_all(&open, fold, rung.one_in, &journal)?);
            }
            let mut judged: Vec<Trial> = left.iter().map(|p| trial(*p, number, &rung, &fits)).collect();
            info!(
                rung = number,
                combinations = judged.len(),
                folds = rung.folds.len(),
                seconds = start.elapsed().as_secs_f64().round(),
                "search rung done"
            );
            for t in &judged {
                trials.retain(|old| old.parameters != t.parameters);
                trials.push(t.clone());
            }
            judged.sort_by(|a, b| a.log_loss.total_cmp(&b.log_loss));
            left = judged.iter().take(rung.keep).map(|t| t.parameters).collect();
        }
        let order = combinations(grid);
        trials.sort_by_key(|t| order.iter().position(|p| *p == t.parameters));
        let parameters = left.first().copied().unwrap_or(Parameters::DEFAULT);
        let rounds = trials.iter().find(|t| t.parameters == parameters).map_or(0, mean_rounds);
        Ok(Found { parameters, rounds, trials, made: fits.len() - before })
    }

    /// Rounds for given parameters, from one fold.
    pub fn rounds(&self, parameters: &Parameters) -> Result<u32, TuneError> {
        let [learn, judge] = self.matrices(0, 1)?;
        let (_, curve) = Booster::train([&learn, &judge], parameters, STOPPING, false, self.threads)?;
        Ok(curve.best().0)
    }

    /// Fits each combination once, one per thread at a time. Workers have their own rows: `XGBoost` keeps caches in them.
    fn fit_all(
        &self,
        open: &[Parameters],
        fold: u8,
        one_in: u32,
        journal: &Journal,
    ) -> Result<Vec<Fit>, TuneError> {
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let workers = self.workers().min(open.len());
        let threads = (self.threads / workers).max(1);
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<Fit>, TuneError> {
            let [learn, judge] = self.matrices(fold, one_in)?;
            let mut done = Vec::new();
            while let Some(parameters) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                let start = Instant::now();
                let (_, curve) = Booster::train([&learn, &judge], parameters, STOPPING, false, threads)?;
                let (rounds, log_loss) = curve.best();
                let seconds = start.elapsed().as_secs_f64();
                let fit = Fit { parameters: *parameters, fold, one_in, log_loss, rounds, seconds };
                journal.note(&fit)?;
                done.push(fit);
            }
            Ok(done)
        };
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let mut all = Vec::new();
            for handle in handles {
                all.extend(handle.join().map_err(|_| TuneError::Worker)??);
            }
            Ok(all)
        })
    }

    /// As many as there are threads, but no more copies of the rows than fit into a gigabyte (about ten bytes a value).
    fn workers(&self) -> usize {
        let copy = 10 * self.table.values.len();
        self.threads.min((1 << 30) / copy.max(1)).max(1)
    }

    /// Rows learned from when a fold judges, and the fold's own.
    fn matrices(&self, judged: u8, one_in: u32) -> Result<[Matrix; 2], TuneError> {
        let part = |is_judged: bool| {
            let table = self.table.select(|key| match self.division.place(key.pokemon) {
                Place::Training { fold } => {
                    (fold == judged) == is_judged
                        && (is_judged || one_in == 1 || is_sampled(key.pokemon, one_in))
                }
                Place::HeldOutPair | Place::UnseenSpecies => false,
            });
            if table.is_empty() { Err(TuneError::Empty { fold: judged }) } else { Ok(Matrix::new(&table)?) }
        };
        Ok([part(false)?, part(true)?])
    }
}

fn trial(parameters: Parameters, number: usize, rung: &Rung, fits: &[Fit]) -> Trial {
    let mut own: Vec<Fit> = fits
        .iter()
        .filter(|f| rung.folds.clone().any(|fold| f.is(&parameters, fold, rung.one_in)))
        .cloned()
        .collect();
    own.sort_by_key(|f| f.fold);
    own.dedup_by_key(|f| f.fold);
    let log_loss = own.iter().map(|f| f.log_loss).sum::<f64>() / own.len().max(1) as f64;
    Trial { parameters, rung: number, log_loss, fits: own }
}

fn mean_rounds(trial: &Trial) -> u32 {
    let rounds: u32 = trial.fits.iter().map(|f| f.rounds).sum();
    rounds / u32::try_from(trial.fits.len()).unwrap_or(1).max(1)
}
