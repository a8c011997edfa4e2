//! Services: the names under which pods reach each other, as those of Compose.

use serde_json::{Value, json};

use super::stack::Stack;
use super::{name, probe, workload};
use crate::definition::model::{Protocol, Service};

/// The Services of a service: under its name, under its other names, and the one that a StatefulSet's pods are named by.
pub(super) fn documents(stack: &Stack<'_>, service: &Service) -> Vec<Value> {
    let own = stack.name(&service.name);
    if stack.jobs.contains(&service.name) {
        return Vec::new();
    }
    let mut documents = Vec::new();
    let ports = ports(service);
    if !ports.is_empty() {
        documents.push(document(stack, service, own, &ports, None));
        for alias in aliases(service) {
            let path = format!("services.{}.networks", service.name);
            if name::dns(alias) == *alias && alias != own {
                documents.push(document(stack, service, alias, &ports, None));
                stack.changed(path, format!("`{alias}` is one more Service, known on all networks"));
            } else if alias != own {
                stack.lost(path, format!("`{alias}` is no name for a Service: it is reached as {own}"));
            }
        }
    }
    if stack.storage.owns(&service.name) {
        documents.push(document(stack, service, &workload::headless(stack, service), &ports, Some("None")));
    }
    documents
}

fn document(
    stack: &Stack<'_>,
    service: &Service,
    name: &str,
    ports: &[Value],
    address: Option<&str>,
) -> Value {
    let mut labels = stack.labels(service);
    if address.is_some() {
        // Whoever looks for a service by its labels finds one of the two.
        labels["app.kubernetes.io/component"] = json!("pods");
    }
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": name::metadata(name, &labels),
        "spec": {
            "clusterIP": address,
            "ports": (!ports.is_empty()).then_some(ports),
            "selector": stack.selector(service),
        },
    })
}

/// Under the number that the container has: that is what the other services use.
fn ports(service: &Service) -> Vec<Value> {
    probe::ports(service)
        .into_iter()
        .map(|(port, protocol, name)| {
            json!({"name": name, "port": port, "protocol": protocol, "targetPort": name})
        })
        .collect()
}

fn aliases(service: &Service) -> Vec<&String> {
    let mut aliases: Vec<&String> = service.networks.values().flat_map(|joined| &joined.aliases).collect();
    aliases.sort();
    aliases.dedup();
    aliases
}

/// What is published on this machine, for `kubectl port-forward`, which knows TCP alone.
pub(super) fn forwards(stack: &Stack<'_>) -> Vec<(String, u16, u16)> {
    let services = stack.definition.services.values().filter(|service| !stack.jobs.contains(&service.name));
    let published = services.flat_map(|service| {
        let tcp = service.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
        tcp.filter_map(|port| Some((stack.name(&service.name).to_owned(), port.target, port.published?)))
    });
    published.collect()
}
