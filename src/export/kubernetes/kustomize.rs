//! The base and the overlays as Kustomize puts them together.

use serde_json::{Value, json};

use super::stack::Stack;
use super::workload::Kind;
use super::{Documents, autoscale, config, ingress, name, pruned, resources, security};
use crate::definition::model::Service;
use crate::definition::render::document;

const DEVELOPMENT: &str = "overlays/dev";
const PRODUCTION: &str = "overlays/production";

/// Whether a kind is Kustomize's own and becomes no object.
pub(super) fn is_about_files(kind: &str) -> bool {
    matches!(kind, "Kustomization" | "Component")
}

/// The base: every file beside it.
pub(super) fn base(stack: &Stack<'_>, documents: &mut Documents) {
    let manifests = documents.files.keys().filter_map(|path| path.strip_prefix("base/"));
    let manifests: Vec<&str> = manifests.filter(|path| !path.contains('/')).collect();
    let generators = config::generators(stack);
    let kustomization = kustomization(json!({
        "resources": manifests,
        "configMapGenerator": (!generators.is_empty()).then_some(generators),
    }));
    documents.add("base/kustomization.yaml", vec![kustomization]);
}

/// One of everything, for a cluster on a desk.
pub(super) fn development(stack: &Stack<'_>, documents: &mut Documents) {
    let namespace = format!("{}-dev", namespace(stack));
    documents.add(&format!("{DEVELOPMENT}/namespace.yaml"), vec![namespace_of(stack, &namespace)]);
    let counted = stack.definition.services.values().filter(|service| {
        matches!(Kind::of(stack, service), Kind::Deployment | Kind::StatefulSet) && service.replicas() > 0
    });
    let replicas: Vec<Value> =
        counted.map(|service| json!({"name": stack.name(&service.name), "count": 1})).collect();
    // All pods are on one machine there, where one claim serves them all.
    let operation = json!([{"op": "replace", "path": "/spec/accessModes/0", "value": "ReadWriteOnce"}]);
    let patches: Vec<Value> =
        stack.storage.shared().map(|claim| patched("PersistentVolumeClaim", claim, &operation)).collect();
    let kustomization = kustomization(json!({
        "namespace": namespace,
        "resources": ["namespace.yaml", "../../base"],
        "replicas": replicas,
        "patches": (!patches.is_empty()).then_some(patches),
    }));
    documents.add(&format!("{DEVELOPMENT}/kustomization.yaml"), vec![kustomization]);
}

/// Several of what scales, memory that is promised to nobody else, a way in from outside.
pub(super) fn production(stack: &Stack<'_>, documents: &mut Documents) {
    let namespace = namespace(stack);
    let files = [
        ("namespace.yaml", vec![namespace_of(stack, &namespace)]),
        ("ingress.yaml", ingress::documents(stack)),
        ("autoscale.yaml", autoscale::documents(stack)),
    ];
    let mut resources: Vec<String> = Vec::new();
    for (file, of_file) in files {
        if !of_file.is_empty() {
            resources.push(file.to_owned());
        }
        documents.add(&format!("{PRODUCTION}/{file}"), of_file);
    }
    resources.push("../../base".to_owned());
    let mut patches = Vec::new();
    for service in stack.definition.services.values() {
        let own = stack.name(&service.name);
        if let Some(patch) = patch(stack, service) {
            let file = format!("patches/{own}.yaml");
            documents.files.insert(format!("{PRODUCTION}/{file}"), document(&pruned(patch)).into_bytes());
            patches.push(json!({"path": file}));
        }
        if autoscale::services(stack).any(|scaled| scaled.name == service.name) {
            // The autoscaler decides; a number here would undo it with every apply.
            let operation = json!([{"op": "remove", "path": "/spec/replicas"}]);
            patches.push(patched("Deployment", own, &operation));
        }
    }
    let kustomization = kustomization(json!({
        "namespace": namespace,
        "resources": resources,
        "patches": (!patches.is_empty()).then_some(patches),
    }));
    documents.add(&format!("{PRODUCTION}/kustomization.yaml"), vec![kustomization]);
}

/// A patch of an object by operations on it.
fn patched(kind: &str, name: &str, operations: &Value) -> Value {
    json!({"target": {"kind": kind, "name": name}, "patch": document(operations)})
}

/// What production changes about a workload: as much memory is promised to it as it may use, so that no machine runs out. What
/// scales is spread, is promised its processor as well, for the autoscaler measures in what is promised, and goes slowly.
fn patch(stack: &Stack<'_>, service: &Service) -> Option<Value> {
    let kind = Kind::of(stack, service);
    let scales = autoscale::services(stack).any(|scaled| scaled.name == service.name);
    let memory = service.limits().memory.map(resources::bytes);
    if kind == Kind::Job || (memory.is_none() && !scales) {
        return None;
    }
    let own = stack.name(&service.name);
    let cpu = service.limits().nano_cpus.filter(|_| scales).map(resources::cores);
    let promised = (memory.is_some() || cpu.is_some()).then(|| json!({"cpu": cpu, "memory": memory}));
    let container = json!({
        "name": own,
        "lifecycle": (scales && service.pre_stop.is_empty()).then(autoscale::lingering),
        "resources": promised.map(|promised| json!({"requests": promised})),
    });
    let spread = scales.then(|| autoscale::spread(stack, service));
    Some(json!({
        "apiVersion": "apps/v1",
        "kind": kind.name(),
        "metadata": {"name": own},
        "spec": {"template": {"spec": {"containers": [container], "topologySpreadConstraints": spread}}},
    }))
}

pub(super) fn kustomization(content: Value) -> Value {
    let mut whole = content;
    whole["apiVersion"] = json!("kustomize.config.k8s.io/v1beta1");
    whole["kind"] = json!("Kustomization");
    whole
}

/// The namespace of the production overlay; that of the other one ends differently.
pub(super) fn namespace(stack: &Stack<'_>) -> String {
    name::dns(&stack.definition.project)
}

fn namespace_of(stack: &Stack<'_>, namespace: &str) -> Value {
    let mut labels = stack.common();
    labels["pod-security.kubernetes.io/enforce"] = json!(security::profile(stack));
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}})
}
