//! The one-page report: HTML that needs no other file.

use std::fmt::Write as _;

use super::{COLUMNS, LIMITS, METRICS, Report, metric};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
table{border-collapse:collapse;margin:1rem 0}th,td{border-bottom:1px solid #ddd;padding:.3rem .7rem;text-align:right}\
th:first-child,td:first-child{text-align:left}svg{max-width:100%;height:auto}small{color:#666}";

/// The page with the pictures inside.
pub(super) fn html(report: &Report<'_>, pictures: &[&str]) -> String {
    let m = report.metadata;
    let mut text = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Model {0}</title><style>{STYLE}</style>\
         <h1>Battle model {0}</h1><p>Trained {1} by version {2} with XGBoost {3} on {4} rows of {5} matchups; data {6}.</p>",
        m.version,
        m.trained_at,
        escape(&m.code_version),
        escape(&m.xgboost_version),
        m.split.train_rows,
        m.split.train_matchups,
        m.data_hash.get(..12).unwrap_or(&m.data_hash),
    );
    text += "<h2>How good it is</h2><table><tr><th></th>";
    for (_, heading) in COLUMNS {
        let _ = write!(text, "<th>{heading}</th>");
    }
    text += "</tr>";
    for (name, words, meaning) in METRICS {
        let _ = write!(text, "<tr><td>{words}<br><small>{meaning}</small></td>");
        for (prefix, _) in COLUMNS {
            let _ = write!(text, "<td>{}</td>", metric(m, prefix, name));
        }
        text += "</tr>";
    }
    let _ = write!(
        text,
        "</table><p>Held out: {} pairs of known species ({} rows) and {} matchups with one of {} Pokémon whose species was \
         never seen ({} rows).</p>",
        m.split.test_matchups,
        m.split.test_rows,
        m.split.unseen_matchups,
        m.unseen_pokemon.len(),
        m.split.unseen_rows
    );
    for picture in pictures {
        text += picture;
    }
    text += &search(report);
    text += "<h2>Parameters</h2><table>";
    for (name, value) in &m.parameters {
        let _ = write!(text, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value));
    }
    text += "</table><h2>Limits</h2><ul>";
    for limit in LIMITS {
        let _ = write!(text, "<li>{}</li>", escape(limit));
    }
    text + "</ul></html>\n"
}

/// The best combinations of the search.
fn search(report: &Report<'_>) -> String {
    if report.trials.is_empty() {
        return String::new();
    }
    let mut best: Vec<_> = report.trials.iter().collect();
    best.sort_by(|a, b| b.rung.cmp(&a.rung).then(a.log_loss.total_cmp(&b.log_loss)));
    let mut text = format!(
        "<h2>Search</h2><p>{} combinations; the best ten.</p><table><tr><th>parameters</th><th>folds</th>\
         <th>trees</th><th>log loss</th></tr>",
        best.len()
    );
    for trial in best.into_iter().take(10) {
        let p = trial.parameters;
        let rounds: u32 = trial.fits.iter().map(|f| f.rounds).sum();
        let _ = write!(
            text,
            "<tr><td>depth {}, eta {}, min child weight {}, lambda {}, columns {}</td><td>{}</td><td>{}</td>\
             <td>{:.5}</td></tr>",
            p.max_depth,
            p.eta,
            p.min_child_weight,
            p.lambda,
            p.colsample_bytree,
            trial.fits.len(),
            rounds / u32::try_from(trial.fits.len()).unwrap_or(1).max(1),
            trial.log_loss
        );
    }
    text + "</table>"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
