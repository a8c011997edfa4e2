//! Symptoms of the machine and the engine: what `preflight` finds, put where a person would look for it.

use super::Ailment;
use super::facts::Known;
use crate::checks::{CheckResult, Outcome};
use crate::finding::Finding;

const ENGINE: &str = "preflight/engine-too-old";
const CLOCK: &str = "preflight/clock";
const DISK: &str = "preflight/disk-";
const PORT: &str = "preflight/port-";

fn coded(known: &Known<'_>, is: impl Fn(&str) -> bool) -> Vec<Ailment> {
    known.preflight.iter().filter(|finding| is(finding.code)).cloned().map(Ailment::new).collect()
}

pub(super) fn engine(known: &Known<'_>) -> Vec<Ailment> {
    coded(known, |code| code == ENGINE)
}

/// Of the engine, and of the services that tell the time.
pub(super) fn clocks(known: &Known<'_>) -> Vec<Ailment> {
    let mut found = coded(known, |code| code == CLOCK);
    let services = known.unexplained().filter(|result| is_clock(result));
    found.extend(services.filter_map(|result| of_result("doctor/clock", result)));
    found
}

pub(super) fn is_clock(result: &CheckResult) -> bool {
    result.name == "clock"
}

pub(super) fn disk(known: &Known<'_>) -> Vec<Ailment> {
    coded(known, |code| code.starts_with(DISK))
}

pub(super) fn ports(known: &Known<'_>) -> Vec<Ailment> {
    coded(known, |code| code.starts_with(PORT))
}

pub(super) fn others(known: &Known<'_>) -> Vec<Ailment> {
    coded(known, |code| {
        ![ENGINE, CLOCK].contains(&code) && !code.starts_with(DISK) && !code.starts_with(PORT)
    })
}

/// A failed check as an ailment.
pub(super) fn of_result(code: &'static str, result: &CheckResult) -> Option<Ailment> {
    let Outcome::Failed { evidence, hint } = &result.outcome else { return None };
    let message = format!("{}: {}: {evidence}", result.service, result.name);
    Some(Ailment::new(Finding::error(code, message).hint(hint.as_str())))
}
