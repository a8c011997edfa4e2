//! The way in from outside: an Ingress with TLS, whose certificate is a Secret that someone else makes.

use serde_json::{Value, json};

use super::config::CERTIFICATE;
use super::stack::Stack;
use super::{Origin, Secret, name, policy, probe};

/// The Ingress, and what lets its controller in; nothing where nothing is reached from outside.
pub(super) fn documents(stack: &Stack<'_>) -> Vec<Value> {
    let exposed = stack.exposed();
    if exposed.is_empty() {
        return Vec::new();
    }
    let hosts: Vec<&String> = exposed.iter().map(|(.., host)| host).collect();
    let rules: Vec<Value> = exposed
        .iter()
        .map(|(service, port, host)| {
            let port = probe::port_name(service, *port);
            let backend = json!({"service": {"name": stack.name(&service.name), "port": {"name": port}}});
            json!({"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}})
        })
        .collect();
    let mut documents = vec![json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": name::metadata(&name::dns(&stack.definition.project), &stack.common()),
        "spec": {
            "ingressClassName": stack.options.ingress_class,
            "rules": rules,
            "tls": [{"hosts": hosts, "secretName": CERTIFICATE}],
        },
    })];
    documents.extend(exposed.iter().map(|(service, port, _)| {
        let title = format!("ingress-{}", stack.name(&service.name));
        let namespace = &stack.options.ingress_namespace;
        policy::entrance(
            stack,
            &title,
            &stack.selector(service),
            namespace,
            &[probe::port_name(service, *port)],
        )
    }));
    documents
}

/// The Secret of the certificate.
pub(super) fn secret(stack: &Stack<'_>) -> Option<Secret> {
    let keys = [(String::new(), Origin::Certificate)].into();
    (!stack.exposed().is_empty()).then(|| Secret { name: CERTIFICATE.to_owned(), keys })
}
