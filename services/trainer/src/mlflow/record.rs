//! What is recorded of a training: everything that a later sending needs, so that it can wait on disk.

use std::time::Duration;

use dex::model::Metadata;
use serde::{Deserialize, Serialize};

use crate::booster::Curve;
use crate::job::Trained;
use crate::report::File;
use crate::tune::Trial;

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
}
