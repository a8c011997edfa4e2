//! What runs a service: a Job for what ends, a `DaemonSet` for what belongs on every machine, a StatefulSet for what keeps data of its
//! own, a Deployment for the rest.

use serde_json::{Value, json};

use super::stack::{Stack, networks_of};
use super::{container, gate, name, security, storage};
use crate::definition::model::{Restart, Service};

/// A pod may be evicted, so that even a job that is not to be repeated is begun again.
const ATTEMPTS: u32 = 2;

/// What runs a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Job,
    DaemonSet,
    StatefulSet,
    Deployment,
}

impl Kind {
    pub(super) fn of(stack: &Stack<'_>, service: &Service) -> Self {
        if stack.jobs.contains(&service.name) {
            Self::Job
        } else if service.pdex.each_machine {
            Self::DaemonSet
        } else if stack.storage.owns(&service.name) {
            Self::StatefulSet
        } else {
            Self::Deployment
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Job => "Job",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::Deployment => "Deployment",
        }
    }
}

/// The workload of a service and nothing else.
pub(super) fn documents(stack: &Stack<'_>, service: &Service) -> Vec<Value> {
    let kind = Kind::of(stack, service);
    let (version, spec) = match kind {
        Kind::Job => ("batch/v1", job(stack, service)),
        Kind::DaemonSet => ("apps/v1", daemon_set(stack, service)),
        Kind::StatefulSet => ("apps/v1", stateful_set(stack, service)),
        Kind::Deployment => ("apps/v1", deployment(stack, service)),
    };
    let mut metadata = name::metadata(stack.name(&service.name), &stack.labels(service));
    metadata["annotations"] = described(service);
    vec![json!({"apiVersion": version, "kind": kind.name(), "metadata": metadata, "spec": spec})]
}

fn job(stack: &Stack<'_>, service: &Service) -> Value {
    let attempts = match service.restart_policy() {
        Restart::OnFailure { max_retries: Some(count) } => count,
        _ => ATTEMPTS,
    };
    let count = service.replicas();
    let several = (count != 1).then_some(count);
    json!({
        "backoffLimit": attempts,
        "completions": several,
        "parallelism": several,
        "template": pod(stack, service, Some("Never")),
    })
}

/// Its number of pods is that of the machines.
fn daemon_set(stack: &Stack<'_>, service: &Service) -> Value {
    json!({
        "selector": {"matchLabels": stack.selector(service)},
        "template": pod(stack, service, None),
    })
}

fn stateful_set(stack: &Stack<'_>, service: &Service) -> Value {
    json!({
        "replicas": service.replicas(),
        "selector": {"matchLabels": stack.selector(service)},
        "serviceName": headless(stack, service),
        "template": pod(stack, service, None),
        "volumeClaimTemplates": storage::templates(stack, service),
    })
}

/// The Service that gives the pods of a StatefulSet their names.
pub(super) fn headless(stack: &Stack<'_>, service: &Service) -> String {
    format!("{}-pods", stack.name(&service.name))
}

fn deployment(stack: &Stack<'_>, service: &Service) -> Value {
    // The volume of the old pod would keep the new one from starting.
    let strategy = stack.storage.excludes_itself(&service.name).then(|| json!({"type": "Recreate"}));
    json!({
        "replicas": service.replicas(),
        "selector": {"matchLabels": stack.selector(service)},
        "strategy": strategy,
        "template": pod(stack, service, None),
    })
}

fn pod(stack: &Stack<'_>, service: &Service, restart: Option<&str>) -> Value {
    let mut labels = stack.labels(service);
    for network in networks_of(service) {
        labels[stack.network_label(network)] = json!("joined");
    }
    let jobs = gate::jobs_seen(stack, service);
    let gates = gate::containers(stack, service);
    let mut metadata = json!({"labels": labels});
    metadata["annotations"] = annotations(service);
    json!({
        "metadata": metadata,
        "spec": {
            "automountServiceAccountToken": false,
            "containers": [container::of(stack, service)],
            "dnsConfig": dns(service),
            // Else every Service's address comes as variables, of which `API_PORT` would be one.
            "enableServiceLinks": false,
            "hostAliases": aliases(service),
            "hostname": service.hostname,
            "initContainers": (!gates.is_empty()).then_some(gates),
            "nodeSelector": platform(service),
            "restartPolicy": restart,
            "securityContext": security::of_pod(stack, service),
            "terminationGracePeriodSeconds": service.stop_grace_period.map(|time| time.as_secs()),
            "volumes": storage::volumes(stack, service, &jobs),
        },
    })
}

/// What the workload is for, beside what its pods have.
fn described(service: &Service) -> Value {
    let purpose = &service.pdex.purpose;
    let english = purpose.iter().find(|(language, _)| language == "en").or_else(|| purpose.first());
    let mut all = annotations(service);
    if let Some((_, words)) = english {
        all["kubernetes.io/description"] = json!(words);
    }
    all
}

/// Labels of Compose may be any text, as annotations may.
fn annotations(service: &Service) -> Value {
    let all = service.labels.iter().chain(&service.annotations);
    let all: serde_json::Map<String, Value> = all.map(|(key, value)| (key.clone(), json!(value))).collect();
    if all.is_empty() { Value::Null } else { all.into() }
}

fn dns(service: &Service) -> Value {
    let options: Vec<Value> = service
        .dns_opt
        .iter()
        .map(|option| match option.split_once(':') {
            Some((name, value)) => json!({"name": name, "value": value}),
            None => json!({"name": option}),
        })
        .collect();
    let filled = |texts: &[String]| (!texts.is_empty()).then(|| json!(texts));
    if service.dns.is_empty() && service.dns_search.is_empty() && options.is_empty() {
        return Value::Null;
    }
    json!({
        "nameservers": filled(&service.dns),
        "searches": filled(&service.dns_search),
        "options": (!options.is_empty()).then_some(options),
    })
}

fn aliases(service: &Service) -> Value {
    let aliases: Vec<Value> = service
        .extra_hosts
        .iter()
        .filter_map(|host| host.split_once(':'))
        .filter(|(_, address)| *address != "host-gateway")
        .map(|(host, address)| json!({"ip": address, "hostnames": [host]}))
        .collect();
    if aliases.is_empty() { Value::Null } else { aliases.into() }
}

/// `linux/arm64`
fn platform(service: &Service) -> Value {
    let Some(platform) = &service.platform else { return Value::Null };
    let mut parts = platform.split('/');
    json!({"kubernetes.io/os": parts.next(), "kubernetes.io/arch": parts.next()})
}
