//! What ails a stack, symptom by symptom, each with the evidence and the command that mends it. A symptom is a small function from
//! facts to ailments in the list below; what `preflight` and `validate` detect is taken from them and not detected again.

mod answers;
mod clues;
mod facts;
mod machine;
mod places;
pub mod record;
mod services;

use std::collections::BTreeSet;

use super::Facts;
use crate::definition::model::ServiceName;
use crate::finding::{Finding, Severity};
use crate::runtime::Runtime;

use facts::{Known, gather};

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ailment {
    pub finding: Finding,
    /// What it was seen by, most telling last.
    pub evidence: Vec<String>,
    pub mend: Mend,
}

impl Ailment {
    fn new(finding: Finding) -> Self {
        Self { finding, evidence: Vec::new(), mend: Mend::Person }
    }

    fn seen_by(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }

    fn mended_by(mut self, mend: Mend) -> Self {
        self.mend = mend;
        self
    }
}

/// Who mends it. Whatever takes something away (a volume, a process) is left to a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mend {
    /// `pdex unpause`
    Unpause(ServiceName),
    /// `pdex up --force-recreate`, of containers that can start no more: an engine remembers a network by its number, so that of a
    /// network made anew is no help to a container that was on the old one. Named volumes stay.
    Recreate(Vec<ServiceName>),
    /// `pdex up --no-recreate`: makes what is missing, starts what is stopped, replaces nothing.
    Up(Vec<ServiceName>),
    /// `pdex restart`
    Restart(ServiceName),
    /// The finding's hint says how.
    Person,
}

impl Mend {
    /// What a person would type; `None` where it takes more than that.
    pub fn command(&self) -> Option<String> {
        match self {
            Self::Unpause(service) => Some(format!("pdex unpause {service}")),
            Self::Recreate(services) => Some(format!("pdex up --force-recreate {}", joined(services))),
            Self::Up(services) => Some(format!("pdex up --no-recreate {}", joined(services))),
            Self::Restart(service) => Some(format!("pdex restart {service}")),
            Self::Person => None,
        }
    }
}

impl Mend {
    /// Whom it is done to.
    pub fn services(&self) -> &[ServiceName] {
        match self {
            Self::Unpause(service) | Self::Restart(service) => std::slice::from_ref(service),
            Self::Recreate(services) | Self::Up(services) => services,
            Self::Person => &[],
        }
    }
}

fn joined(services: &[ServiceName]) -> String {
    services.iter().map(ServiceName::as_str).collect::<Vec<_>>().join(" ")
}

/// What was looked at, and what was found there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Symptom {
    /// One word.
    pub title: &'static str,
    pub ailments: Vec<Ailment>,
}

type Look = fn(&Known<'_>) -> Vec<Ailment>;

/// What is looked at, in the order of the report: what may be the cause of what comes later stands first.
const SYMPTOMS: [(&str, Look); 12] = [
    ("engine", machine::engine),
    ("clocks", machine::clocks),
    ("disk", machine::disk),
    ("ports", machine::ports),
    ("machine", machine::others),
    ("images", places::images),
    ("volumes", places::volumes),
    ("networks", places::networks),
    ("names", places::names),
    ("services", services::sick),
    ("metrics", answers::metrics),
    ("answers", answers::others),
];

/// Looks for every symptom in all services of the definition.
pub async fn examine<R: Runtime>(facts: &Facts<'_, R>) -> Vec<Symptom> {
    let known = gather(facts).await;
    let symptoms = SYMPTOMS.iter().map(|(title, look)| Symptom { title, ailments: look(&known) });
    symptoms.collect()
}

/// Errors that were found.
pub fn errors(symptoms: &[Symptom]) -> usize {
    let all = symptoms.iter().flat_map(|symptom| &symptom.ailments);
    all.filter(|ailment| ailment.finding.severity == Severity::Error).count()
}

/// What mends without taking anything away, each once, in the order that it has to be done.
pub fn mends(symptoms: &[Symptom]) -> BTreeSet<Mend> {
    let all = symptoms.iter().flat_map(|symptom| &symptom.ailments).map(|ailment| &ailment.mend);
    all.filter(|mend| **mend != Mend::Person).cloned().collect()
}

/// The engine itself does not answer: nothing else can be looked for.
pub fn without_engine(what: &str, hint: Option<&str>) -> Symptom {
    let finding = Finding::error("doctor/engine", what);
    let finding = match hint {
        Some(hint) => finding.hint(hint),
        None => finding,
    };
    Symptom { title: SYMPTOMS[0].0, ailments: vec![Ailment::new(finding)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_something_away_has_no_command_of_its_own() {
        assert_eq!(Mend::Person.command(), None);
        let up = Mend::Up(vec![ServiceName::new("db"), ServiceName::new("api")]);
        assert_eq!(up.command().as_deref(), Some("pdex up --no-recreate db api"));
        assert_eq!((up.services().len(), Mend::Person.services().len()), (2, 0));
    }
}
