//! The same facts for programs. Each document carries the version of its shape.

use serde_json::{Value, json};

use super::tables;
use crate::checks::{CheckResult, Outcome};
use crate::definition::model::Definition;
use crate::world::World;

/// Raised when a field changes its meaning or goes.
const VERSION: u32 = 1;

/// `ps --json`.
pub fn containers(definition: &Definition, world: &World) -> Value {
    let rows: Vec<Value> = definition
        .services
        .keys()
        .flat_map(|name| world.of(name))
        .map(|c| json!({"service": c.service, "container": c.name, "id": c.id.0, "state": tables::state(c)}))
        .collect();
    json!({"version": VERSION, "project": definition.project, "containers": rows})
}

/// `validate --json`.
pub fn checks(results: &[CheckResult]) -> Value {
    let rows: Vec<Value> = results
        .iter()
        .map(|r| match &r.outcome {
            Outcome::Passed(evidence) => row(r, "passed", evidence, None),
            Outcome::Skipped(why) => row(r, "skipped", why, None),
            Outcome::Failed { evidence, hint } => row(r, "failed", evidence, Some(hint)),
        })
        .collect();
    let failed = results.iter().any(CheckResult::has_failed);
    json!({"version": VERSION, "passed": !failed, "checks": rows})
}

fn row(result: &CheckResult, outcome: &str, evidence: &str, hint: Option<&String>) -> Value {
    json!({
        "service": result.service,
        "check": result.name,
        "outcome": outcome,
        "evidence": evidence,
        "hint": hint,
    })
}
