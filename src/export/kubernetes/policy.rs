//! NetworkPolicies: nothing may be reached, but for what the networks of the definition join. Pods carry a label for each of
//! theirs.

use serde_json::{Value, json};

use super::name;
use super::stack::{Stack, networks_of};

/// Where a bridge of Docker leads and a pod's way out should not: other machines of the place, other pods, the cloud's own
/// address for credentials.
const INSIDE: &[&str] = &["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10"];
const INSIDE_6: &[&str] = &["fc00::/7", "fe80::/10"];

pub(super) fn documents(stack: &Stack<'_>) -> Vec<Value> {
    let none = json!([]);
    let mut documents = vec![
        policy(stack, "default-deny", &stack.everything(), Some(&none), Some(&none)),
        policy(stack, "allow-dns", &stack.everything(), None, Some(&json!([names()]))),
    ];
    for (key, network) in &stack.definition.networks {
        let joined = json!({"matchLabels": {(stack.network_label(key)): "joined"}});
        let used =
            stack.definition.services.values().any(|service| networks_of(service).any(|own| own == key));
        if !used {
            continue;
        }
        let (own, peers) = (stack.network(key), json!([{"podSelector": joined}]));
        let (from, to) = (json!({"from": peers}), json!({"to": peers}));
        documents.push(policy(
            stack,
            &format!("network-{own}"),
            &joined,
            Some(&json!([from])),
            Some(&json!([to])),
        ));
        if !network.internal {
            let out = json!({"to": [
                {"ipBlock": {"cidr": "0.0.0.0/0", "except": INSIDE}},
                {"ipBlock": {"cidr": "::/0", "except": INSIDE_6}},
            ]});
            documents.push(policy(
                stack,
                &format!("network-{own}-outside"),
                &joined,
                None,
                Some(&json!([out])),
            ));
        }
    }
    documents
}

/// The cluster's own names.
fn names() -> Value {
    let port = |protocol: &str| json!({"port": 53, "protocol": protocol});
    json!({
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [port("UDP"), port("TCP")],
    })
}

/// Lets pods of another namespace reach these ports of a service.
pub(super) fn entrance(
    stack: &Stack<'_>,
    title: &str,
    pods: &Value,
    namespace: &str,
    ports: &[Value],
) -> Value {
    let from = json!({
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}],
        "ports": ports.iter().map(|port| json!({"port": port, "protocol": "TCP"})).collect::<Vec<_>>(),
    });
    policy(stack, title, &json!({"matchLabels": pods}), Some(&json!([from])), None)
}

/// A policy about the directions that are given.
fn policy(
    stack: &Stack<'_>,
    title: &str,
    pods: &Value,
    ingress: Option<&Value>,
    egress: Option<&Value>,
) -> Value {
    let directions = [("Ingress", ingress.is_some()), ("Egress", egress.is_some())];
    let directions: Vec<&str> =
        directions.into_iter().filter(|(_, given)| *given).map(|(direction, _)| direction).collect();
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": name::metadata(title, &stack.common()),
        "spec": {
            "podSelector": pods,
            "policyTypes": directions,
            "ingress": ingress,
            "egress": egress,
        },
    })
}
