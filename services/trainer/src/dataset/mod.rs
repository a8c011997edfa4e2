//! The data set's file: Parquet, one row per order of a bout, written while the battles are fought and whole or not at all.
//!
//! Columns: what was fought and how it ended, then the features by name, in the order the model has them.

mod columns;
mod read;
mod write;

use std::path::PathBuf;

pub use read::read;
pub use write::generate;

use crate::artifact::ArtifactError;

/// The file's place in the models folder.
pub const FILE: &str = "dataset/battles.parquet";

/// Key of the data hash among the file's own metadata.
const HASH_KEY: &str = "pdex.data_hash";

/// Why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is not a complete Parquet file; make it anew with ML_MODE=dataset", path.display())]
    Corrupt { path: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{}: {problem}", path.display())]
    Foreign { path: PathBuf, problem: String },
    #[error("{}, row {row}: {problem}", path.display())]
    Row { path: PathBuf, row: usize, problem: String },
    #[error("cannot write {}", path.display())]
    Encode { path: PathBuf, source: parquet::errors::ParquetError },
    #[error(transparent)]
    Write(#[from] ArtifactError),
}
