//! More pods of what scales: as many as the load asks for, spread over machines, never all away at once.

use serde_json::{Value, json};

use super::name;
use super::stack::Stack;
use super::workload::Kind;
use crate::definition::model::Service;

/// One may be taken away and one may die.
const LEAST: u32 = 3;
const MOST: u32 = 12;
/// For every balancer to hear that a pod ends. It is part of the time that a pod has to end in.
const LINGER_SECONDS: u32 = 5;
/// Room for the load to grow while a new pod starts.
const CPU_PERCENT: u32 = 70;

/// The services that scale.
pub(super) fn services<'a>(stack: &'a Stack<'_>) -> impl Iterator<Item = &'a Service> {
    let all = stack.definition.services.values();
    all.filter(|service| service.pdex.scales && Kind::of(stack, service) == Kind::Deployment)
}

/// A `HorizontalPodAutoscaler` and a `PodDisruptionBudget` for each of them.
pub(super) fn documents(stack: &Stack<'_>) -> Vec<Value> {
    services(stack).flat_map(|service| [autoscaler(stack, service), budget(stack, service)]).collect()
}

fn autoscaler(stack: &Stack<'_>, service: &Service) -> Value {
    let own = stack.name(&service.name);
    let metric = json!({
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": CPU_PERCENT}},
    });
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": name::metadata(own, &stack.labels(service)),
        "spec": {
            "minReplicas": LEAST,
            "maxReplicas": MOST,
            "metrics": [metric],
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": own},
        },
    })
}

fn budget(stack: &Stack<'_>, service: &Service) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": name::metadata(stack.name(&service.name), &stack.labels(service)),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": stack.selector(service)}},
    })
}

/// How long a pod goes on after its end was decided: a balancer may not have heard of it yet.
pub(super) fn lingering() -> Value {
    json!({"preStop": {"sleep": {"seconds": LINGER_SECONDS}}})
}

/// Spreads the pods over machines, as far as there are any.
pub(super) fn spread(stack: &Stack<'_>, service: &Service) -> Value {
    json!([{
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": stack.selector(service)},
    }])
}
