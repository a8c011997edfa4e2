//! Fits that are done, one JSON object per line, so that an interrupted search goes on where it stopped.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::TuneError;
use crate::booster::Parameters;

/// One training with its judgement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    pub parameters: Parameters,
    pub fold: u8,
    /// Learned from one training matchup in so many.
    pub one_in: u32,
    /// Best log loss on the fold, and the rounds it took.
    pub log_loss: f64,
    pub rounds: u32,
    pub seconds: f64,
}

impl Fit {
    /// Whether it answers the same question.
    pub(super) fn is(&self, parameters: &Parameters, fold: u8, one_in: u32) -> bool {
        (self.parameters, self.fold, self.one_in) == (*parameters, fold, one_in)
    }
}

/// The file, and what it held when it was opened.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: Mutex<File>,
    pub(super) found: Vec<Fit>,
}

impl Journal {
    /// Opens the journal of a search. A last line that was cut off by an interrupt is dropped.
    pub(super) fn open(path: &Path) -> Result<Self, TuneError> {
        let failed = |source| TuneError::Journal { path: path.to_owned(), source };
        if let Some(dir) = path.parent() {
            std::fs::create_dir_all(dir).map_err(failed)?;
        }
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(error)),
        };
        let found: Vec<Fit> = text.lines().map_while(|line| serde_json::from_str(line).ok()).collect();
        let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), found })
    }

    /// Notes a fit before the next one begins.
    pub(super) fn note(&self, fit: &Fit) -> Result<(), TuneError> {
        let failed = |source| TuneError::Journal { path: self.path.clone(), source };
        let mut line = serde_json::to_vec(fit).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.write_all(&line).map_err(failed)
    }
}
