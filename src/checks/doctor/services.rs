//! Services that do not start or do not stay up, each told once: what waits for another is told with that.

use super::clues::{self, Clue, Kind};
use super::facts::{Absent, Known, Patient};
use super::{Ailment, Mend, places};
use crate::checks::{CheckResult, Outcome};
use crate::definition::model::ServiceName;
use crate::finding::{Finding, Severity};
use crate::world::machine::bytes;
use crate::world::{Health, State};

/// Last lines that are shown.
const LINES: usize = 8;

pub(super) fn sick(known: &Known<'_>) -> Vec<Ailment> {
    if known.world.containers.is_empty() {
        let finding = Finding::error("doctor/not-started", "nothing of this stack has been started");
        return vec![Ailment::new(Finding { severity: Severity::Note, ..finding }.hint("`pdex up`"))];
    }
    // What has no container for want of its image, or cannot start for want of a network, is told with that.
    let lacks_image = |patient: &Patient<'_>| {
        let missing =
            |absent: &Absent<'_>| absent.answer.is_err() && absent.service.name == patient.service.name;
        patient.container.is_none() && known.absent.iter().any(missing)
    };
    roots(known)
        .filter(|patient| !places::is_elsewhere(&patient.lines) && !lacks_image(patient))
        .filter(|patient| patient.container.is_none() || !places::lacks_network(known, patient.service))
        .map(|patient| ailment(known, patient))
        .collect()
}

/// Those whose last lines are a clue of some kind.
pub(super) fn with_clue(known: &Known<'_>, is: impl Fn(Kind) -> bool) -> Vec<Ailment> {
    let of_kind = |patient: &&Patient<'_>| clues::read(&patient.lines).is_some_and(|(clue, _)| is(clue.kind));
    roots(known).filter(of_kind).map(|patient| ailment(known, patient)).collect()
}

fn roots<'k>(known: &'k Known<'k>) -> impl Iterator<Item = &'k Patient<'k>> {
    known.patients.iter().filter(|patient| patient.because.is_none())
}

fn ailment(known: &Known<'_>, patient: &Patient<'_>) -> Ailment {
    let clue = clues::read(&patient.lines);
    let (code, said) = what(patient);
    let name = &patient.service.name;
    let (code, message) = match clue {
        Some((clue, _)) => (clue.code, format!("{name}: {}: {said}", clue.says)),
        None => (code, format!("{name}: {said}")),
    };
    let mend = mend(known, patient, clue.map(|(clue, _)| clue));
    let mut finding = Finding::error(code, message);
    finding.hint = hint(known, patient, clue.map(|(clue, _)| clue), &mend);
    Ailment::new(finding).seen_by(evidence(known, patient, clue.map(|(_, line)| line))).mended_by(mend)
}

/// The state in words, with its code.
fn what(patient: &Patient<'_>) -> (&'static str, String) {
    let memory = patient.service.limits().memory.and_then(|limit| u64::try_from(limit).ok());
    let out_of_memory = patient.end.as_ref().is_some_and(|end| end.exit.out_of_memory);
    if let Some(limit) = memory.filter(|_| out_of_memory) {
        let what = format!("ran out of memory: its limit is {} ({})", bytes(limit), patient.said);
        return ("doctor/out-of-memory", what);
    }
    let code = match patient.container.map(|container| &container.state) {
        None => "doctor/no-container",
        Some(State::Created) => "doctor/never-started",
        Some(State::Running { health: Some(Health::Unhealthy) }) => "doctor/unhealthy",
        Some(State::Running { .. }) => "doctor/still-running",
        Some(State::Paused) => "doctor/paused",
        Some(State::Restarting) => "doctor/ends-again-and-again",
        Some(State::Exited(_)) => "doctor/ended",
        Some(State::Removing | State::Dead) => "doctor/dead",
    };
    // How often an engine has started it is not told; how it ended the last time is.
    let last = patient.end.as_ref().filter(|_| code == "doctor/ends-again-and-again");
    let last = last.map(|end| format!(", the last time with {}", end.exit.meaning())).unwrap_or_default();
    (code, format!("{}{last}", patient.said))
}

/// What is safe: to start what is stopped, to restart what answers no more. Not where that would change nothing.
fn mend(known: &Known<'_>, patient: &Patient<'_>, clue: Option<&Clue>) -> Mend {
    if clue.is_some_and(|clue| clue.stays) {
        return Mend::Person;
    }
    let name = patient.service.name.clone();
    let up = || Mend::Up(std::iter::once(name.clone()).chain(waiting(known, &name).cloned()).collect());
    let Some(container) = patient.container else { return up() };
    match &container.state {
        // A one-shot that failed on its input fails on it again.
        State::Exited(_) if patient.job => Mend::Person,
        State::Created | State::Exited(_) => up(),
        State::Running { health: Some(Health::Unhealthy) } => Mend::Restart(name),
        State::Paused => Mend::Unpause(name),
        State::Running { .. } | State::Restarting | State::Removing | State::Dead => Mend::Person,
    }
}

fn hint(known: &Known<'_>, patient: &Patient<'_>, clue: Option<&Clue>, mend: &Mend) -> Option<String> {
    if let Some(clue) = clue {
        return Some((clue.hint)(known.definition, patient.service));
    }
    let name = &patient.service.name;
    let code = what(patient).0;
    match (mend, code) {
        (_, "doctor/out-of-memory") => {
            Some(format!("raise deploy.resources.limits.memory of {name}, or have it use less"))
        }
        (Mend::Person, "doctor/still-running") => Some(format!("`pdex wait {name}` ends when it has")),
        (Mend::Person, "doctor/dead") => Some(format!("`pdex rm -f {name}`, then `pdex up {name}`")),
        (Mend::Person, "doctor/ended") => {
            Some(format!("`pdex logs {name}` shows all it printed; `pdex up {name}` runs it again"))
        }
        (Mend::Person, _) => Some(format!(
            "`pdex logs {name}` shows all it printed; `pdex up --force-recreate {name}` makes it anew"
        )),
        _ => None,
    }
}

fn evidence(known: &Known<'_>, patient: &Patient<'_>, telling: Option<&str>) -> Vec<String> {
    let name = patient.service.name.as_str();
    let mut lines: Vec<String> = Vec::new();
    let printed = patient.test.iter().flat_map(|text| text.lines()).filter(|line| !line.trim().is_empty());
    lines.extend(printed.map(|line| format!("health test: {line}")));
    let last = patient.lines.len().saturating_sub(LINES);
    let shown = &patient.lines[last..];
    if let Some(telling) = telling.filter(|telling| !shown.iter().any(|line| line == telling)) {
        lines.extend([telling.to_owned(), "…".to_owned()]);
    }
    lines.extend(shown.iter().cloned());
    let waiting: Vec<&str> = waiting(known, &patient.service.name).map(ServiceName::as_str).collect();
    if !waiting.is_empty() {
        lines.push(format!("waiting for it: {}", waiting.join(", ")));
    }
    let failing = known.results.iter().filter(|result| failed_because(known, result, name));
    lines.extend(failing.filter_map(|result| match &result.outcome {
        Outcome::Failed { evidence, .. } => {
            Some(format!("because of it: {}, {}: {evidence}", result.service, result.name))
        }
        _ => None,
    }));
    lines
}

/// The services that are not well because another is not, in the order they start in.
fn waiting<'k>(known: &'k Known<'_>, root: &ServiceName) -> impl Iterator<Item = &'k ServiceName> {
    let others = known.patients.iter().filter(move |other| other.because.as_ref() == Some(root));
    others.map(|other| &other.service.name)
}

fn failed_because(known: &Known<'_>, result: &CheckResult, name: &str) -> bool {
    result.has_failed()
        && !crate::checks::containers::is_own(result.name)
        && !result.is_of_every_service()
        && known.explains(result).is_some_and(|cause| cause.as_str() == name)
}
