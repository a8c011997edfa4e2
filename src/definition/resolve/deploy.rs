//! `deploy` of a service: how many containers, what they may use of the machine, and when they start again.

use super::{attributes, machine};
use crate::definition::field::Field;
use crate::definition::model::{Deploy, Resources, RestartCondition, RestartPolicy};
use crate::definition::values;
use crate::finding::Finding;

/// Reads it; `None` for null.
pub(super) fn read(field: &Field<'_>) -> Option<Deploy> {
    let mut deploy = Deploy::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "mode" => match value.optional().as_deref() {
                None => {}
                Some("replicated") => deploy.replicated = true,
                Some(other) => value.wrong(format_args!("mode `{other}` is not supported by pdex")),
            },
            "replicas" => deploy.replicas = value.integer("a number of containers"),
            "resources" => resources(&mut deploy, &value),
            "restart_policy" => deploy.restart_policy = Some(restart_policy(&value)),
            _ => value.unexpected(key, attributes::DEPLOY, attributes::DEPLOY_UNSUPPORTED),
        }
    }
    (!field.node.is_null()).then_some(deploy)
}

fn resources(deploy: &mut Deploy, field: &Field<'_>) {
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "limits" => {
                let unsupported = attributes::LIMITS_UNSUPPORTED;
                deploy.limits = Some(resource(&value, attributes::LIMITS, unsupported));
            }
            "reservations" => {
                let unsupported = attributes::RESERVATIONS_UNSUPPORTED;
                deploy.reservations = Some(resource(&value, attributes::RESERVATIONS, unsupported));
            }
            _ => value.unexpected(key, attributes::RESOURCES, &[]),
        }
    }
}

fn resource(field: &Field<'_>, known: &[&str], unsupported: &[&str]) -> Resources {
    let mut resources = Resources::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            name if !known.contains(&name) => value.unexpected(key, known, unsupported),
            "cpus" => {
                resources.nano_cpus = value.parsed("a number of cores such as \"0.5\"", values::nano_cpus);
            }
            "memory" => resources.memory = value.parsed("a size such as 512M", values::bytes),
            "devices" => resources.devices = machine::reserved(&value),
            _ => resources.pids = value.integer("a number of processes"),
        }
    }
    resources
}

fn restart_policy(field: &Field<'_>) -> RestartPolicy {
    let mut policy = RestartPolicy::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "condition" => policy.condition = condition(&value),
            "max_attempts" => policy.max_attempts = value.integer("a number of attempts"),
            "delay" => policy.delay = value.duration(),
            "window" => policy.window = value.duration(),
            _ => {
                value.unexpected(key, attributes::RESTART_POLICY, &[]);
                continue;
            }
        }
        if matches!(key.text.as_str(), "delay" | "window") {
            let message =
                format!("{}: the engine has its own `{}`; this one has no effect", value.path, key.text);
            value.problem(Finding::warning("definition/no-effect", message));
        }
    }
    policy
}

fn condition(field: &Field<'_>) -> Option<RestartCondition> {
    match field.optional()?.as_str() {
        "none" | "no" => Some(RestartCondition::None),
        "on-failure" => Some(RestartCondition::OnFailure),
        "any" | "always" => Some(RestartCondition::Any),
        "unless-stopped" => Some(RestartCondition::UnlessStopped),
        other => {
            field.wrong(format_args!("`{other}` is none of none, on-failure, any, unless-stopped"));
            None
        }
    }
}
