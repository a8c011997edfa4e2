//! An audit in SARIF 2.1.0, as code hosts and editors read it.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::checks::audit::{Issue, Risk, rules};

/// The document. Files below `root` are named relative to it.
pub fn document(issues: &[Issue], root: &Path) -> Value {
    let descriptors: Vec<Value> = rules().map(descriptor).collect();
    let results: Vec<Value> = issues.iter().map(|issue| result(issue, root)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "pdex",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": descriptors,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn descriptor(rule: &crate::checks::audit::Rule) -> Value {
    json!({
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.why},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": level(rule.risk)},
        "properties": {"security-severity": score(rule.risk), "tags": rule.references},
    })
}

fn level(risk: Risk) -> &'static str {
    match risk {
        Risk::Critical | Risk::High => "error",
        Risk::Medium => "warning",
        Risk::Low | Risk::Info => "note",
    }
}

/// What hosts sort by, in the middle of the range that each calls by our word.
fn score(risk: Risk) -> &'static str {
    match risk {
        Risk::Critical => "9.5",
        Risk::High => "8.0",
        Risk::Medium => "5.5",
        Risk::Low => "3.0",
        Risk::Info => "0.0",
    }
}

fn result(issue: &Issue, root: &Path) -> Value {
    let index = rules().position(|rule| rule.id == issue.rule.id);
    let mut result = json!({
        "ruleId": issue.rule.id,
        "ruleIndex": index,
        "level": level(issue.risk),
        "message": {"text": format!("{}. Fix: {}", issue.finding.message, issue.rule.fix)},
        "locations": [location(issue, root)],
        "partialFingerprints": {"pdex/v1": fingerprint(issue)},
        "properties": {"severity": issue.risk.as_str(), "security-severity": score(issue.risk), "containers": issue.containers},
    });
    if issue.accepted {
        result["suppressions"] = json!([{"kind": "external", "justification": "accepted by the baseline"}]);
    }
    result
}

/// The place in the file, or the container's name where there is none.
fn location(issue: &Issue, root: &Path) -> Value {
    let mut location = json!({});
    if let Some(place) = &issue.finding.place {
        let path = place.file.strip_prefix(root).unwrap_or(&place.file);
        let mut physical = json!({"artifactLocation": {"uri": uri(path)}});
        if place.line > 0 {
            physical["region"] = json!({"startLine": place.line, "startColumn": place.column.max(1)});
        }
        location["physicalLocation"] = physical;
    }
    let service = issue.service.as_ref().map(|name| (name.to_string(), "service"));
    let containers = issue.containers.iter().map(|name| (name.clone(), "container"));
    let names: Vec<Value> = service
        .into_iter()
        .chain(containers)
        .map(|(name, kind)| json!({"name": name, "kind": kind}))
        .collect();
    if !names.is_empty() {
        location["logicalLocations"] = json!(names);
    }
    location
}

/// A path as a reference: what has another meaning in an address is spelt out.
fn uri(path: &Path) -> String {
    let mut text = String::new();
    if path.is_absolute() {
        text.push_str("file://");
    }
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(*byte)),
            byte => {
                // Writing to a String cannot fail.
                let _ = write!(text, "%{byte:02X}");
            }
        }
    }
    text
}

/// The same for the same finding on every run, wherever its line moves to.
fn fingerprint(issue: &Issue) -> String {
    let service = issue.service.as_ref().map(ToString::to_string).unwrap_or_default();
    let digest = Sha256::digest(format!("{}\0{service}\0{}", issue.rule.id, issue.key));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_references() {
        for (path, expected) in [
            ("stack/a.yaml", "stack/a.yaml"),
            ("/srv/my stack/é.yaml", "file:///srv/my%20stack/%C3%A9.yaml"),
            ("a?b#c%d", "a%3Fb%23c%25d"),
        ] {
            assert_eq!(uri(Path::new(path)), expected);
        }
    }
}
