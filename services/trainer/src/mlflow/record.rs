//! What is recorded of a training: everything that a later sending needs, so that it can wait on disk.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use dex::model::{METADATA_FILE, MODEL_FILE, Metadata, sha256_hex};
use serde::{Deserialize, Serialize};

use crate::artifact::{self, ArtifactError};
use crate::booster::Curve;
use crate::job::{REPORT_DIR, Trained};
use crate::report::File;
use crate::tune::Trial;

/// What neither the model nor its metadata nor its report say of its training, in the models folder.
const COURSE_FILE: &str = "battle_winner.training.json";

/// One training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub metadata: Metadata,
    /// `XGBoost`'s JSON, as text.
    pub model: String,
    pub trials: Vec<Trial>,
    pub curve: Curve,
    pub report: Vec<File>,
    /// Commit the trainer was built from.
    pub commit: String,
    /// Since 1970.
    pub started: Duration,
    pub ended: Duration,
}

/// See [`COURSE_FILE`].
#[derive(Debug, Serialize, Deserialize)]
struct Course {
    /// Of the model that it led to.
    model_sha256: String,
    trials: Vec<Trial>,
    curve: Curve,
    commit: String,
    started: Duration,
    ended: Duration,
}

/// The files of a training are not whole.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {why}")]
pub struct FilesError {
    path: String,
    why: String,
}

impl Record {
    /// Of a training that has just ended.
    pub fn new(trained: &Trained, started: Duration, ended: Duration) -> Self {
        Self {
            metadata: trained.metadata.clone(),
            model: String::from_utf8_lossy(&trained.model).into_owned(),
            trials: trained.trials.clone(),
            curve: trained.curve.clone(),
            report: trained.report.clone(),
            commit: crate::job::commit().to_owned(),
            started,
            ended,
        }
    }

    /// Keeps beside the model what [`Self::of_files`] does not find elsewhere.
    pub fn keep_course(&self, model_dir: &Path) -> Result<(), ArtifactError> {
        let path = model_dir.join(COURSE_FILE);
        let course = Course {
            model_sha256: self.metadata.model_sha256.clone(),
            trials: self.trials.clone(),
            curve: self.curve.clone(),
            commit: self.commit.clone(),
            started: self.started,
            ended: self.ended,
        };
        let bytes = serde_json::to_vec(&course)
            .map_err(|error| ArtifactError { path: path.clone(), source: error.into() })?;
        artifact::write(&path, &bytes).map(drop)
    }

    /// Of the training that led to the model in a folder, whose metadata these are: for a server that knows nothing of it. Where it was
    /// killed before its course was kept, search and learning curve are empty.
    pub fn of_files(model_dir: &Path, metadata: &Metadata) -> Result<Self, FilesError> {
        let read = |path: &Path| {
            let failed = |why: String| FilesError { path: path.display().to_string(), why };
            std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))
        };
        let model = read(&model_dir.join(MODEL_FILE))?;
        if sha256_hex(model.as_bytes()) != metadata.model_sha256 {
            let path = model_dir.join(MODEL_FILE).display().to_string();
            return Err(FilesError {
                path,
                why: "it is not the model that its metadata describe".to_owned(),
            });
        }
        let course = course_of(model_dir, metadata)?;
        let entries = std::fs::read_dir(model_dir.join(REPORT_DIR)).into_iter().flatten().flatten();
        let mut report: Vec<File> = entries
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok().filter(|name| !name.starts_with('.'))?;
                Some(File { name, text: read(&entry.path()).ok()? })
            })
            .collect();
        report.sort_by(|a, b| a.name.cmp(&b.name));
        let Course { trials, curve, commit, started, ended, .. } = course;
        Ok(Self { metadata: metadata.clone(), model, trials, curve, report, commit, started, ended })
    }
}

fn course_of(model_dir: &Path, metadata: &Metadata) -> Result<Course, FilesError> {
    let kept = std::fs::read(model_dir.join(COURSE_FILE)).ok();
    let kept = kept.and_then(|bytes| serde_json::from_slice::<Course>(&bytes).ok());
    if let Some(course) = kept.filter(|course| course.model_sha256 == metadata.model_sha256) {
        return Ok(course);
    }
    let path = model_dir.join(METADATA_FILE);
    let written = std::fs::metadata(&path).and_then(|file| file.modified());
    let written = written.map_err(|e| FilesError { path: path.display().to_string(), why: e.to_string() })?;
    let at = written.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Course {
        model_sha256: metadata.model_sha256.clone(),
        trials: Vec::new(),
        curve: Curve::default(),
        commit: crate::job::commit().to_owned(),
        started: at,
        ended: at,
    })
}
