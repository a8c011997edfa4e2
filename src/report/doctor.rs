//! What `doctor` found.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document;
use crate::checks::doctor::{self, Ailment, Symptom};
use crate::finding::Severity;
use crate::world::time::Timestamp;

/// Each ailment with its evidence and what mends it, then what was looked at.
pub fn text(symptoms: &[Symptom]) -> String {
    let mut text = String::new();
    for ailment in symptoms.iter().flat_map(|symptom| &symptom.ailments) {
        text.push_str(&block(ailment));
    }
    let looked: Vec<String> = symptoms
        .iter()
        .map(|symptom| format!("{} {}", symptom.title, if is_well(symptom) { "✓" } else { "✗" }))
        .collect();
    let _ = writeln!(text, "looked at: {}", looked.join(", "));
    let _ = writeln!(text, "{}", conclusion(symptoms));
    text
}

fn block(ailment: &Ailment) -> String {
    let word = word(ailment.finding.severity);
    let mut text = format!("{word}: {} [{}]\n", ailment.finding, ailment.finding.code);
    for line in &ailment.evidence {
        let _ = writeln!(text, "  | {line}");
    }
    if let Some(hint) = &ailment.finding.hint {
        let _ = writeln!(text, "  hint: {hint}");
    }
    if let Some(command) = ailment.mend.command() {
        let _ = writeln!(text, "  fix: `{command}`, or `pdex doctor --fix`");
    }
    text
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn is_well(symptom: &Symptom) -> bool {
    symptom.ailments.iter().all(|ailment| ailment.finding.severity != Severity::Error)
}

fn conclusion(symptoms: &[Symptom]) -> String {
    let fixable = symptoms.iter().flat_map(|symptom| &symptom.ailments);
    let fixable = fixable.filter(|ailment| ailment.mend.command().is_some()).count();
    match (doctor::errors(symptoms), fixable) {
        (0, _) => "nothing is wrong".to_owned(),
        (1, 0) => "1 problem, for you to mend".to_owned(),
        (errors, 0) => format!("{errors} problems, for you to mend"),
        (1, _) => "1 problem; `pdex doctor --fix` mends it".to_owned(),
        (errors, fixable) => format!("{errors} problems; `pdex doctor --fix` mends {fixable} of them"),
    }
}

/// `doctor --json`. `fixed` is what `--fix` did before this was found.
pub fn json(symptoms: &[Symptom], fixed: &[String], now: Timestamp) -> Value {
    let rows: Vec<Value> = symptoms
        .iter()
        .map(|symptom| {
            let ailments: Vec<Value> = symptom.ailments.iter().map(ailment).collect();
            json!({"symptom": symptom.title, "well": is_well(symptom), "findings": ailments})
        })
        .collect();
    document(now, json!({"well": doctor::errors(symptoms) == 0, "fixed": fixed, "symptoms": rows}))
}

fn ailment(ailment: &Ailment) -> Value {
    json!({
        "code": ailment.finding.code,
        "severity": word(ailment.finding.severity),
        "message": ailment.finding.message,
        "evidence": ailment.evidence,
        "hint": ailment.finding.hint,
        "fix": ailment.mend.command(),
    })
}
