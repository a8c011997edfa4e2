//! Problems as text: findings of the definition, and what became of services that failed.

use std::fmt::Write as _;

use super::names::Names;
use crate::event::{Failure, Phase};
use crate::finding::{Finding, Severity};
use crate::world::Instance;

/// Findings, one block each: `error: file:line: message`, then the hint.
pub fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let _ = writeln!(text, "{word}: {finding} [{}]", finding.code);
        if let Some(hint) = &finding.hint {
            let _ = writeln!(text, "  hint: {hint}");
        }
    }
    text
}

/// What failed and why, root causes only; what was skipped because of it in one line each.
pub fn diagnosis<'a>(phases: impl Iterator<Item = (&'a Instance, &'a Phase)> + Clone) -> String {
    let mut text = String::new();
    let names = Names::of(phases.clone().map(|(instance, _)| instance));
    for (instance, phase) in phases.clone() {
        if let Phase::Failed(failure) = phase {
            text.push_str(&block(names.name(instance), failure));
        }
    }
    for (instance, phase) in phases {
        if let Phase::Skipped { because } = phase {
            let _ = writeln!(text, "skipped: {}: it needs {because}", names.name(instance));
        }
    }
    text
}

/// One failure: what happened to whom, the evidence, the next step.
pub fn block(service: impl std::fmt::Display, failure: &Failure) -> String {
    let mut text = format!("error: {service}: {} [{}]\n", failure.what, failure.code);
    for line in &failure.evidence {
        let _ = writeln!(text, "  | {line}");
    }
    if let Some(hint) = &failure.hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::model::ServiceName;

    #[test]
    fn the_root_cause_comes_first_with_its_evidence_and_the_next_step() {
        let failure = Failure {
            evidence: vec!["row counts differ".to_owned()],
            ..Failure::new("ended with exit code 1").code("up/ended").hint("pdex logs etl")
        };
        let phases = [
            (Instance::first(ServiceName::new("api")), Phase::Skipped { because: ServiceName::new("etl") }),
            (Instance::first(ServiceName::new("etl")), Phase::Failed(failure)),
        ];
        let text = diagnosis(phases.iter().map(|(name, phase)| (name, phase)));
        assert_eq!(
            text,
            "error: etl: ended with exit code 1 [up/ended]\n  | row counts differ\n  hint: pdex logs etl\nskipped: api: it needs etl\n"
        );
    }
}
