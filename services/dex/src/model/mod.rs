//! The trained model as it is served: an evaluator of `XGBoost`'s own JSON and the metadata that travels with it. Needs no
//! native library. A file is checked completely when it is read, so that evaluating it cannot fail or panic.

mod complete;
mod forest;
mod metadata;
mod parse;

use std::path::{Path, PathBuf};

pub use forest::{Forest, sigmoid};
pub use metadata::{Metadata, Split};

/// File name of the model inside the models folder.
pub const MODEL_FILE: &str = "battle_winner.json";
/// File name of the metadata; written after the model, so its presence means that both are complete.
pub const METADATA_FILE: &str = "battle_winner.metadata.json";

/// Why a model cannot be served. Every variant names the file or the place inside it.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} is larger than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("{}: the metadata is not what this program writes", path.display())]
    Metadata { path: PathBuf, source: serde_json::Error },
    #[error("the model is not XGBoost's JSON")]
    Syntax(#[from] serde_json::Error),
    #[error("the model's {field} is {found}; only {expected} is served")]
    Unsupported { field: &'static str, found: String, expected: &'static str },
    #[error("the model's {field} is malformed: {found:?}")]
    Malformed { field: &'static str, found: String },
    #[error("tree {tree}: {problem}")]
    Tree { tree: usize, problem: String },
    #[error("the {part} was made for other features: {problem}")]
    Features { part: &'static str, problem: String },
    #[error(
        "the model file does not belong to the metadata beside it (SHA-256 {found}, metadata says {expected})"
    )]
    Mismatch { expected: String, found: String },
}

/// Reads a whole file up to `limit` bytes; a models folder is not trusted to hold something that fits in memory.
fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ModelError> {
    use std::io::Read as _;
    let failed = |source| ModelError::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > limit {
        return Err(ModelError::TooLarge { path: path.to_owned(), limit });
    }
    Ok(bytes)
}

/// A model with its metadata, both checked and known to belong together.
#[derive(Debug, Clone)]
pub struct Model {
    pub forest: Forest,
    pub metadata: Metadata,
}

impl Model {
    /// Largest model file accepted: two hundred trees of depth eight take about 6 MB.
    const MODEL_LIMIT: u64 = 256 << 20;
    const METADATA_LIMIT: u64 = 4 << 20;

    /// Loads the pair of files from a models folder and checks it against the features this program computes.
    pub fn load(dir: &Path, features: &[&str]) -> Result<Self, ModelError> {
        let path = dir.join(METADATA_FILE);
        let metadata: Metadata = serde_json::from_slice(&read(&path, Self::METADATA_LIMIT)?)
            .map_err(|source| ModelError::Metadata { path, source })?;
        let bytes = read(&dir.join(MODEL_FILE), Self::MODEL_LIMIT)?;
        let found = sha256_hex(&bytes);
        if found != metadata.model_sha256 {
            return Err(ModelError::Mismatch { expected: metadata.model_sha256, found });
        }
        check_names("metadata", &metadata.features, features)?;
        let forest = Forest::from_json(&bytes, features)?;
        Ok(Self { forest, metadata })
    }
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    sha2::Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The features a model was trained on must be ours, in our order: anything else predicts nonsense without a sign.
fn check_names(part: &'static str, found: &[String], expected: &[&str]) -> Result<(), ModelError> {
    if found.len() != expected.len() {
        let problem = format!("{} features instead of {}", found.len(), expected.len());
        return Err(ModelError::Features { part, problem });
    }
    match found.iter().zip(expected).position(|(found, expected)| found != expected) {
        None => Ok(()),
        Some(i) => {
            let problem = format!("feature {i} is {:?} instead of {:?}", found[i], expected[i]);
            Err(ModelError::Features { part, problem })
        }
    }
}
