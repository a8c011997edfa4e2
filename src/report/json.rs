//! The same facts for programs. Each document carries the version of its shape.

use serde_json::{Value, json};

use crate::checks::{CheckResult, Outcome};
use crate::plan::{Decision, Plan, Present, Reason, ServicePlan};
use crate::world::time::Timestamp;

use super::document;

/// `plan --json`.
pub fn plan(plan: &Plan, now: Timestamp) -> Value {
    let names = |list: &[Present]| list.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    let services: Vec<Value> = plan.services.iter().map(service).collect();
    let facts = json!({
        "project": plan.project,
        "changes": !plan.is_empty(),
        "networks": plan.networks,
        "volumes": plan.volumes,
        "services": services,
        "left_overs": plan.stale.len(),
        "orphans": names(&plan.orphans),
        "remove_orphans": plan.remove_orphans,
    });
    document(now, facts)
}

fn service(service: &ServicePlan) -> Value {
    let containers: Vec<Value> = service
        .instances
        .iter()
        .map(|instance| {
            let decision = match &instance.decision {
                Decision::Create => "create",
                Decision::Recreate(_) => "recreate",
                Decision::Start => "start",
                Decision::Restart(_) => "restart",
                Decision::Keep => "keep",
                Decision::Run(_) => "run",
                Decision::Done => "done",
            };
            let reason = match &instance.decision {
                Decision::Recreate(reason) | Decision::Restart(reason) | Decision::Run(reason) => {
                    Some(reason)
                }
                _ => None,
            };
            let fields = match reason {
                Some(Reason::ConfigurationChanged(changes)) => {
                    changes.iter().map(ToString::to_string).collect()
                }
                _ => Vec::new(),
            };
            json!({
                "number": instance.number,
                "decision": decision,
                "reason": reason.map(ToString::to_string),
                "fields": fields,
            })
        })
        .collect();
    let gates: Vec<Value> = service
        .gates
        .iter()
        .map(|g| json!({"service": g.service, "condition": g.condition, "required": g.required}))
        .collect();
    json!({
        "service": service.name,
        "job": service.job,
        "image": service.image.reference,
        "obtain_image": service.image.obtain,
        "after": gates,
        "containers": containers,
        "remove": service.surplus.iter().map(|c| c.name.clone()).collect::<Vec<_>>(),
    })
}

/// `validate --json`.
pub fn checks(results: &[CheckResult], now: Timestamp) -> Value {
    let rows: Vec<Value> = results
        .iter()
        .map(|r| match &r.outcome {
            Outcome::Passed(evidence) => row(r, "passed", evidence, None),
            Outcome::Skipped(why) => row(r, "skipped", why, None),
            Outcome::Failed { evidence, hint } => row(r, "failed", evidence, Some(hint)),
        })
        .collect();
    let failed = results.iter().any(CheckResult::has_failed);
    document(now, json!({"passed": !failed, "checks": rows}))
}

fn row(result: &CheckResult, outcome: &str, evidence: &str, hint: Option<&String>) -> Value {
    json!({
        "service": result.service,
        "check": result.name,
        "proves": result.proves,
        "outcome": outcome,
        "evidence": evidence,
        "hint": hint,
        "took_ms": u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX),
    })
}
