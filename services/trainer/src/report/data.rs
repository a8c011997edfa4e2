//! The report's figures for programs: what the plots draw, as JSON, so that the web page can draw it in its own language.

use serde::Serialize;

use super::{Importance, Report};
use crate::metrics::{BINS, Bin};

/// Of the document's shape.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    calibration: Calibration<'a>,
    /// The strongest first.
    importances: &'a [Importance],
}

/// Bins of equal width; empty ones have weight 0.
#[derive(Serialize)]
struct Calibration<'a> {
    held_out: &'a [Bin; BINS],
    unseen: &'a [Bin; BINS],
}

pub(super) fn json(report: &Report<'_>) -> Result<String, serde_json::Error> {
    let [held_out, unseen] = &report.calibration;
    serde_json::to_string_pretty(&Document {
        version: VERSION,
        calibration: Calibration { held_out, unseen },
        importances: report.importances,
    })
}
