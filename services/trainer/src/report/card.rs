//! The model card: what the model is for, what it learned from, how good it is, where it must not be used.

use std::fmt::Write as _;

use super::{COLUMNS, LIMITS, METRICS, Report, metric};

pub(super) fn markdown(report: &Report<'_>) -> String {
    let m = report.metadata;
    let mut text = format!(
        "# Model card: {} {}\n\n\
         ## What it does\n\n\
         Odds that one Pokémon of Let's Go beats another, given the moves both bring. Gradient-boosted trees (XGBoost {}), {} \
         features computed from the game's own damage formula, no identifiers. Served as the mean of both orders, so the odds of a \
         pair add up to 1.\n\n\
         ## What it learned from\n\n\
         Simulated battles of the scenarios {}: {} rows of {} matchups, each labelled with the share of battles won. Data hash \
         `{}`, trained {} by version {}.\n\n\
         ## How good it is\n\n",
        m.name,
        m.version,
        m.xgboost_version,
        m.features.len(),
        m.scenarios.join(", "),
        m.split.train_rows,
        m.split.train_matchups,
        m.data_hash,
        m.trained_at,
        m.code_version,
    );
    text += "| |";
    for (_, heading) in COLUMNS {
        let _ = write!(text, " {heading} |");
    }
    text += "\n|---|";
    text += &"---:|".repeat(COLUMNS.len());
    text.push('\n');
    for (name, words, _) in METRICS {
        let _ = write!(text, "| {words} |");
        for (prefix, _) in COLUMNS {
            let _ = write!(text, " {} |", metric(m, prefix, name));
        }
        text.push('\n');
    }
    text += "\nStrongest features: ";
    let strongest: Vec<_> = report
        .importances
        .iter()
        .take(8)
        .map(|i| format!("`{}` ({:.0} %)", i.feature, 100.0 * i.gain))
        .collect();
    text += &strongest.join(", ");
    text += ".\n\n## Limits\n\n";
    for limit in LIMITS {
        let _ = writeln!(text, "- {limit}");
    }
    text
}
