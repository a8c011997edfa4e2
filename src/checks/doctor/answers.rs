//! Symptoms that only show when services are asked: what `validate` finds wrong with those that run.

use super::Ailment;
use super::facts::Known;
use super::machine::{is_clock, of_result};
use super::places::is_of_networks;
use crate::checks::CheckResult;
use crate::finding::{Finding, Severity};

/// From the API's own numbers through Prometheus to the dashboards, in that order.
pub(super) fn metrics(known: &Known<'_>) -> Vec<Ailment> {
    let failed = known.unexplained().filter(|result| is_of_metrics(result));
    let mut found: Vec<Ailment> = failed.filter_map(|result| of_result("doctor/metrics", result)).collect();
    let silent = known.requests.is_some_and(|count| count < 1.0);
    if found.is_empty() && silent {
        let message =
            "no prediction was asked for in the last ten minutes, so the dashboards have little to show";
        let finding = Finding::error("doctor/no-traffic", message).hint("`pdex generate-load --duration 5`");
        found.push(Ailment::new(Finding { severity: Severity::Note, ..finding }));
    }
    found
}

fn is_of_metrics(result: &CheckResult) -> bool {
    let asked = ["prometheus", "node-exporter", "grafana"].contains(&result.service.as_str());
    let api = result.service == "api" && result.name == "metrics";
    (asked || api) && !is_clock(result) && !result.is_of_every_service()
}

pub(super) fn others(known: &Known<'_>) -> Vec<Ailment> {
    let answered = known
        .unexplained()
        .filter(|result| !is_of_metrics(result) && !is_clock(result) && !result.is_of_every_service())
        .filter(|result| !is_of_networks(result))
        .filter_map(|result| of_result("doctor/answer", result));
    // What a container was given is wrong whatever else is.
    let placed = known
        .results
        .iter()
        .filter(|result| result.has_failed() && result.is_of_every_service() && !is_of_networks(result))
        .filter_map(|result| of_result("doctor/not-as-defined", result));
    answered.chain(placed).collect()
}
