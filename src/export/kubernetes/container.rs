//! The container of a service.

use serde_json::{Value, json};

use super::stack::Stack;
use super::{environment, image, probe, resources, security, storage};
use crate::definition::model::{Hook, PullPolicy, Service};

pub(super) fn of(stack: &Stack<'_>, service: &Service) -> Value {
    let probes =
        if stack.jobs.contains(&service.name) { probe::Probes::default() } else { probe::of(service) };
    let words = |words: &Option<Vec<String>>| {
        let words = words.as_ref().filter(|words| !words.is_empty());
        words.map(|words| words.iter().map(|word| escaped(word)).collect::<Vec<_>>())
    };
    let ports: Vec<Value> = probe::ports(service)
        .into_iter()
        .map(|(port, protocol, name)| json!({"name": name, "containerPort": port, "protocol": protocol}))
        .collect();
    json!({
        "name": stack.name(&service.name),
        "image": image::reference(stack, service),
        "imagePullPolicy": pull_policy(service),
        "command": words(&service.entrypoint),
        "args": words(&service.command),
        "workingDir": service.working_dir,
        "env": environment::of(stack, service),
        "ports": (!ports.is_empty()).then_some(ports),
        "resources": resources::of(service),
        "securityContext": security::of_container(stack, service),
        "startupProbe": probes.startup,
        "readinessProbe": probes.readiness,
        "livenessProbe": probes.liveness,
        "lifecycle": lifecycle(service),
        "volumeMounts": storage::mounts(stack, service),
        "stdin": service.stdin_open.then_some(true),
        "tty": service.tty.then_some(true),
    })
}

/// A pod's own substitution takes `$(NAME)` for a variable and `$$` for one `$`, in commands, variables and the commands of probes,
/// though not of hooks. Whatever has two meanings is doubled, so that the program sees the text as it is.
pub(super) fn escaped(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        kept.push(c);
        if c == '$' && matches!(rest.peek(), Some('$' | '(')) {
            kept.push('$');
        }
    }
    kept
}

/// A tag may be pushed again; what the definition says of asking the registry is kept.
pub(super) fn pull_policy(service: &Service) -> &'static str {
    match service.pull_policy {
        Some(PullPolicy::Always) => "Always",
        Some(PullPolicy::Never) => "Never",
        Some(PullPolicy::Missing | PullPolicy::Build) | None => "IfNotPresent",
    }
}

/// The first hook of each kind; a pod has no more.
fn lifecycle(service: &Service) -> Value {
    let hook = |hooks: &[Hook]| hooks.first().map(|hook| json!({"exec": {"command": hook.command}}));
    let (start, stop) = (hook(&service.post_start), hook(&service.pre_stop));
    if start.is_none() && stop.is_none() {
        return Value::Null;
    }
    json!({"postStart": start, "preStop": stop})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kubelet makes of a text when it knows no variable: `$$` is `$`, everything else stays.
    fn expanded(text: &str) -> String {
        let (mut seen, mut rest) = (String::new(), text);
        while let Some(at) = rest.find("$$") {
            seen.push_str(&rest[..=at]);
            rest = &rest[at + 2..];
        }
        seen + rest
    }

    #[test]
    fn a_shells_substitutions_survive_the_pods() {
        for (text, expected) in [
            ("$(cat x) $((n + 1)) $HOME", "$$(cat x) $$((n + 1)) $HOME"),
            ("$$", "$$$"),
            ("kill $$; x", "kill $$$; x"),
            ("$$(x)", "$$$$(x)"),
            ("costs 5$", "costs 5$"),
        ] {
            assert_eq!(escaped(text), expected);
            assert_eq!(expanded(expected), text, "as the kubelet reads it");
        }
    }
}
