//! What an audit found, for people and for programs: text, JSON, SARIF, the list of rules, and the parts list.

pub mod sarif;
pub mod sbom;

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::document;
use crate::checks::audit::overlay::Mend;
use crate::checks::audit::{Advice, Issue, Risk, Rule, Scan, rules};
use crate::world::time::Timestamp;

/// Lines of one rule that are shown; the documents have all.
const SHOWN: usize = 25;

/// The findings that are not accepted, rule by rule, the worst first, and a closing line for each advice.
pub fn text(issues: &[Issue]) -> String {
    let mut text = String::new();
    let open: Vec<&Issue> = issues.iter().filter(|issue| !issue.accepted).collect();
    for group in open.chunk_by(|a, b| (a.risk, a.rule.id) == (b.risk, b.rule.id)) {
        let Some(first) = group.first() else { continue };
        let rule = first.rule;
        let _ = writeln!(
            text,
            "{}: {} [{}]\n  why: {}\n  fix: {}",
            first.risk, rule.title, rule.id, rule.why, rule.fix
        );
        for issue in group.iter().take(SHOWN) {
            let _ = writeln!(text, "  {}", line(issue));
        }
        if group.len() > SHOWN {
            let _ = writeln!(text, "  … and {} more (`--json` has all)", group.len() - SHOWN);
        }
        text.push('\n');
    }
    text.push_str(&advice(issues));
    text.push_str(&summary(issues));
    text
}

/// `stack.yaml:3:5: db: adds SYS_ADMIN (also container shop-db-1)`
fn line(issue: &Issue) -> String {
    let containers = issue.containers.join(", ");
    let seen = match (issue.defined, issue.containers.len()) {
        (true, 1..) => format!(" (so runs {containers})"),
        (false, _) => " (the container, not the definition)".to_owned(),
        (true, _) => String::new(),
    };
    format!("{}{seen}", issue.finding)
}

/// Whether each advice for production is followed.
fn advice(issues: &[Issue]) -> String {
    let mut text = "advice for production\n".to_owned();
    for advice in Advice::ALL {
        let against = breaches(issues, advice);
        let mut ids: Vec<&str> = against.iter().map(|issue| issue.rule.id).collect();
        ids.dedup();
        let _ = match against.len() {
            0 => writeln!(text, "✓ {}", advice.title()),
            count => writeln!(text, "✗ {} ({count}: {})", advice.title(), ids.join(", ")),
        };
    }
    text + "\n"
}

/// Findings that are worth acting on: what is only worth knowing breaks no advice. Accepted ones do not make it followed.
fn breaches(issues: &[Issue], advice: Advice) -> Vec<&Issue> {
    issues.iter().filter(|issue| issue.rule.advice == Some(advice) && issue.risk > Risk::Info).collect()
}

fn count(issues: &[Issue], risk: Risk) -> usize {
    issues.iter().filter(|issue| !issue.accepted && issue.risk == risk).count()
}

fn summary(issues: &[Issue]) -> String {
    let accepted = issues.iter().filter(|issue| issue.accepted).count();
    let open = issues.len() - accepted;
    let by_risk = Risk::ALL.into_iter().rev().filter(|risk| count(issues, *risk) > 0);
    let by_risk: Vec<String> = by_risk.map(|risk| format!("{} {risk}", count(issues, risk))).collect();
    let mut text = match open {
        0 => "nothing found".to_owned(),
        1 => format!("1 finding: {}", by_risk.join(", ")),
        _ => format!("{open} findings: {}", by_risk.join(", ")),
    };
    if accepted > 0 {
        let _ = write!(text, "; {accepted} accepted by the baseline");
    }
    text + "\n"
}

/// `audit --json`.
pub fn json(issues: &[Issue], scan: &Scan, threshold: Risk, now: Timestamp) -> Value {
    let findings: Vec<Value> = issues.iter().map(finding).collect();
    let counts: serde_json::Map<String, Value> =
        Risk::ALL.into_iter().map(|risk| (risk.to_string(), json!(count(issues, risk)))).collect();
    let advice: Vec<Value> = Advice::ALL
        .into_iter()
        .map(|advice| {
            let against = breaches(issues, advice);
            json!({"advice": advice.title(), "followed": against.is_empty(), "findings": against.len()})
        })
        .collect();
    let failures: Vec<Value> = scan
        .failures
        .iter()
        .map(|(image, scanner, why)| json!({"image": image, "scanner": scanner, "why": why}))
        .collect();
    let facts = json!({
        "passed": passes(issues, threshold),
        "threshold": threshold.as_str(),
        "counts": counts,
        "findings": findings,
        "advice": advice,
        "scanners": scan.scanners,
        "scan_failures": failures,
    });
    document(now, facts)
}

/// Whether nothing that counts is as bad as that.
pub fn passes(issues: &[Issue], threshold: Risk) -> bool {
    !issues.iter().any(|issue| !issue.accepted && issue.risk >= threshold)
}

fn finding(issue: &Issue) -> Value {
    let place = issue
        .finding
        .place
        .as_ref()
        .map(|place| json!({"file": place.file, "line": place.line, "column": place.column}));
    json!({
        "rule": issue.rule.id,
        "severity": issue.risk.as_str(),
        "service": issue.service,
        "containers": issue.containers,
        "defined": issue.defined,
        "about": issue.key,
        "place": place,
        "message": issue.finding.message,
        "why": issue.rule.why,
        "fix": issue.rule.fix,
        "references": issue.rule.references,
        "accepted": issue.accepted,
    })
}

/// `audit --rules`: the documentation of every rule, as the rows of a table in Markdown.
pub fn list() -> String {
    let mut text =
        "| rule | severity | finds | why | fix | CIS 1.6 |\n|---|---|---|---|---|---|\n".to_owned();
    for rule in rules() {
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {} |",
            rule.id,
            rule.risk,
            rule.title,
            cell(rule.why),
            cell(rule.fix),
            items(rule)
        );
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// `4.1, 5.24`
fn items(rule: &Rule) -> String {
    let numbers = rule.references.iter().map(|reference| reference.trim_start_matches("CIS "));
    numbers.collect::<Vec<_>>().join(", ")
}

/// `audit --fix`: what the overlay mends.
pub fn mends(mends: &[Mend]) -> String {
    let line = |mend: &Mend| format!("  {}: {}\n", mend.service, mend.attributes.join(", "));
    mends.iter().map(line).collect()
}
