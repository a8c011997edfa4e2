//! Tables of the standard output.

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};

use super::{names::Names, progress::mark, spell, words};
use crate::checks::{CheckResult, Outcome as Checked};
use crate::definition::model::{Definition, Port, ServiceName};
use crate::event::Phase;
use crate::world::Instance;

/// A table under a row of titles.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header.iter().map(|title| title.to_uppercase()));
    table
}

/// Without the spaces that pad the last column.
pub(super) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// The closing table of `up`, in the definition's dependency order.
pub fn outcome<'a>(
    definition: &Definition,
    phases: impl Iterator<Item = (&'a Instance, &'a Phase)> + Clone,
) -> String {
    let names = Names::of(phases.clone().map(|(instance, _)| instance));
    let mut rows = table(&["service", "state", "address"]);
    for (instance, phase) in phases {
        let running = matches!(phase, Phase::Ready { .. } | Phase::Started { .. });
        let service = definition.services.get(&instance.service).filter(|_| running);
        let addresses: Vec<String> =
            service.map_or_else(Vec::new, |s| s.ports.iter().filter_map(address).collect());
        rows.add_row([
            names.name(instance),
            format!("{} {}", mark(phase), words(phase)),
            addresses.join(" "),
        ]);
    }
    trimmed(&rows)
}

/// The links of services that run.
pub fn links(definition: &Definition, ready: impl Iterator<Item = ServiceName>) -> String {
    let mut rows = Table::new();
    rows.load_style(NOTHING);
    let mut any = false;
    for name in ready {
        for (title, url) in definition.services.get(&name).iter().flat_map(|s| &s.pdex.links) {
            rows.add_row([title, url]);
            any = true;
        }
    }
    if any { trimmed(&rows) } else { String::new() }
}

/// `validate`: a row per check. What is asked of every service and is in order is one row, unless all is wanted.
pub fn checks(results: &[CheckResult], verbose: bool) -> String {
    let mut rows = table(&["", "service", "check", "evidence"]);
    let folds = |result: &CheckResult| !verbose && result.is_of_every_service() && !result.has_failed();
    let mut folded: Vec<&str> = Vec::new();
    for result in results {
        let alike = || results.iter().filter(|other| other.name == result.name && folds(other));
        if !folds(result) || alike().count() == 1 {
            let (mark, evidence) = told(result);
            let proves =
                if verbose { format!("{} ({})\n", result.proves, spell(result.took)) } else { String::new() };
            rows.add_row([mark, &result.service, result.name, &format!("{proves}{evidence}")]);
        } else if !folded.contains(&result.name) {
            folded.push(result.name);
            let passed = alike().filter(|other| matches!(other.outcome, Checked::Passed(_))).count();
            let mark = if passed > 0 { "✓" } else { "–" };
            let evidence = format!("as the definition has it: {passed} of {} services", alike().count());
            rows.add_row([mark, "all", result.name, &evidence]);
        }
    }
    trimmed(&rows)
}

fn told(result: &CheckResult) -> (&'static str, String) {
    match &result.outcome {
        Checked::Passed(evidence) => ("✓", evidence.clone()),
        Checked::Skipped(why) => ("–", why.clone()),
        Checked::Failed { evidence, hint } => ("✗", format!("{evidence}\nhint: {hint}")),
    }
}

fn address(port: &Port) -> Option<String> {
    let host = port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
    Some(format!("{host}:{}", port.published?))
}
