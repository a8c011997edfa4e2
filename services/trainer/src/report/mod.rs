//! What people read about a model: plots, one HTML page, a model card; and the figures of the plots for programs.

mod card;
mod data;
mod importance;
mod page;
mod plots;

use dex::model::Metadata;
pub use importance::{Importance, importances};
pub use plots::PlotError;
use serde::{Deserialize, Serialize};

use crate::booster::Curve;
use crate::metrics::{BINS, Bin};
use crate::tune::Trial;

/// Everything a report tells.
#[derive(Debug)]
pub struct Report<'a> {
    pub metadata: &'a Metadata,
    pub importances: &'a [Importance],
    pub curve: &'a Curve,
    /// On held-out pairs and on unseen species.
    pub calibration: [[Bin; BINS]; 2],
    pub trials: &'a [Trial],
}

/// A file of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    pub name: String,
    pub text: String,
}

/// A file of the report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Plot(#[from] PlotError),
    #[error("cannot encode the report's figures")]
    Encode(#[from] serde_json::Error),
}

/// The report's files.
pub fn files(report: &Report<'_>) -> Result<Vec<File>, ReportError> {
    let [held_out, unseen] = &report.calibration;
    let calibration = plots::calibration(&[("held-out pairs", held_out), ("unseen species", unseen)])?;
    let curve = plots::learning_curve(report.curve)?;
    let importances = plots::importances(report.importances)?;
    let page = page::html(report, &[&calibration, &curve, &importances]);
    let file = |name: &str, text: String| File { name: name.to_owned(), text };
    Ok(vec![
        file("calibration.svg", calibration),
        file("learning-curve.svg", curve),
        file("importances.svg", importances),
        file("index.html", page),
        file("model-card.md", card::markdown(report)),
        file("report.json", data::json(report)?),
    ])
}

/// Metrics as people call them: name in the metadata, words, meaning.
const METRICS: [(&str, &str, &str); 6] = [
    (
        "brier",
        "Brier score",
        "mean squared distance between the odds and the share of battles won; 0 is perfect",
    ),
    (
        "log_loss",
        "log loss",
        "surprise per battle in nats; its floor is the entropy of the battles themselves",
    ),
    ("auc", "AUC", "how often a won battle has better odds than a lost one"),
    ("accuracy_decided", "winner right", "share of pairs decided at least 80 to 20 whose winner is called"),
    ("ece", "calibration error", "mean distance of the calibration curve from the diagonal"),
    ("mean_absolute_error", "mean error", "mean distance between the odds and the share of battles won"),
];

/// Columns of the comparison: prefix in the metadata and heading.
const COLUMNS: [(&str, &str); 5] = [
    ("", "held-out pairs"),
    (crate::evaluate::UNSEEN, "unseen species"),
    ("baseline_logistic_", "logistic regression"),
    ("baseline_base_stats_", "base-stat total"),
    ("baseline_type_chart_", "type chart"),
];

/// What a reader must know before trusting a number.
const LIMITS: [&str; 4] = [
    "The odds are those of one Pokémon against one under the normal rules of a link battle (level 50, no items), both sides playing their strongest move by a fixed ranking; no switching and no status moves are chosen.",
    "The labels are battles of this project's own engine, which is held against an independent simulator; neither is the cartridge.",
    "Baselines are fitted on the same training rows and judged on the held-out pairs.",
    "Pokémon outside the Let's Go Pokédex, and rules such as abilities or items, are outside the model.",
];

fn metric(metadata: &Metadata, prefix: &str, name: &str) -> String {
    let value = metadata.metrics.get(&format!("{prefix}{name}"));
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.4}"))
}
