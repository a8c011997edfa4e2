//! Records that could not be sent, in the models folder, until a server answers.

use std::path::{Path, PathBuf};

use tracing::{info, warn};

use super::champion::NoHeldOut;
use super::{Client, MlflowError, Record, record};
use crate::artifact::{self, ArtifactError};

/// The folder's place in the models folder.
pub const DIR: &str = "mlflow-spool";

/// Keeps a record for later. Trainings sort by the time they ended.
pub fn keep(model_dir: &Path, record: &Record) -> Result<PathBuf, ArtifactError> {
    let name = format!("{:013}-{}.json", record.ended.as_millis(), record.metadata.version);
    let path = model_dir.join(DIR).join(name);
    let bytes = serde_json::to_vec(record)
        .map_err(|error| ArtifactError { path: path.clone(), source: error.into() })?;
    artifact::write(&path, &bytes)
}

/// Sends what waits, the oldest first, and removes what arrived. Stops at the first that the server does not take. Returns how
/// many arrived.
pub async fn send(client: &Client, model_dir: &Path) -> Result<usize, MlflowError> {
    let mut sent = 0;
    for path in waiting(model_dir) {
        let read = std::fs::read(&path).map_err(|e| e.to_string());
        let waits =
            read.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).map_err(|e| e.to_string()));
        match waits {
            Ok(waits) => {
                record(client, &waits, &NoHeldOut).await?;
                if let Err(error) = std::fs::remove_file(&path) {
                    warn!(path = %path.display(), %error, "sent, but it stays in the spool");
                }
                sent += 1;
            }
            Err(error) => warn!(path = %path.display(), error, "not a record; left where it is"),
        }
    }
    if sent > 0 {
        info!(sent, "trainings that waited were recorded in MLflow");
    }
    Ok(sent)
}

/// Files of the spool by name.
fn waiting(model_dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(model_dir.join(DIR)).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    paths.sort();
    paths
}
