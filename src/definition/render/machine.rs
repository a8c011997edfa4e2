//! What a service has of the machine, as Compose prints it.

use std::collections::BTreeMap;

use super::Form;
use super::service::texts;
use super::tree::{Map, Tree};
use crate::definition::model::{
    Deploy, Device, DeviceRequest, Resources, RestartCondition, RestartPolicy, Ulimit,
};
use crate::definition::values::print_duration;

/// `deploy`. Compose hashes it without its number of containers.
pub(super) fn deploy(deploy: &Deploy, form: Form) -> Tree {
    let mut map = Map::new();
    map.add_some("mode", deploy.replicated.then_some("replicated"));
    if form != Form::Hash {
        map.put_some("replicas", deploy.replicas.map(|count| Tree::Integer(count.into())));
    }
    let mut both = Map::new();
    both.put_some("limits", deploy.limits.as_ref().map(resources));
    both.put_some("reservations", deploy.reservations.as_ref().map(resources));
    if form == Form::Yaml {
        map.put_filled("resources", both.into());
    } else {
        map.put("resources", both.into());
    }
    map.put_some("restart_policy", deploy.restart_policy.as_ref().map(restart_policy));
    if form != Form::Yaml {
        map.put("placement", Map::new().into());
    }
    map.into()
}

fn restart_policy(policy: &RestartPolicy) -> Tree {
    let mut map = Map::new();
    let condition = policy.condition.map(|condition| match condition {
        RestartCondition::None => "none",
        RestartCondition::OnFailure => "on-failure",
        RestartCondition::Any => "any",
        RestartCondition::UnlessStopped => "unless-stopped",
    });
    map.add_some("condition", condition);
    map.add_some("delay", policy.delay.map(print_duration));
    map.put_some("max_attempts", policy.max_attempts.map(|count| Tree::Integer(count.into())));
    map.add_some("window", policy.window.map(print_duration));
    map.into()
}

/// What a container may use at most, or gets at least.
fn resources(resources: &Resources) -> Tree {
    let mut map = Map::new();
    map.put_some("cpus", resources.nano_cpus.map(cores));
    map.add_some("memory", resources.memory);
    map.put_some("pids", resources.pids.map(Tree::Integer));
    map.put_filled("devices", Tree::List(resources.devices.iter().map(request).collect()));
    map.into()
}

/// Billionths of a core as Compose prints them.
pub(super) fn cores(nanos: i64) -> Tree {
    if nanos % 1_000_000_000 == 0 {
        return Tree::Integer(nanos / 1_000_000_000);
    }
    #[expect(clippy::cast_possible_truncation, reason = "Compose keeps cores in 32 bits and prints them so")]
    let cores = (nanos as f64 / 1e9) as f32;
    Tree::Float(cores)
}

/// A wish for devices that a driver hands out.
pub(super) fn request(request: &DeviceRequest) -> Tree {
    let mut map = Map::new();
    map.put_filled("capabilities", Tree::texts(&request.capabilities));
    map.add_some("driver", request.driver.as_ref());
    map.put_some("count", request.count.map(Tree::Integer));
    map.put_filled("device_ids", Tree::texts(&request.device_ids));
    map.put_filled("options", texts(&request.options));
    map.into()
}

/// A device file.
pub(super) fn device(device: &Device) -> Tree {
    let mut map = Map::with("source", &device.source);
    map.add_some("target", Some(&device.target).filter(|text| !text.is_empty()));
    map.add_some("permissions", Some(&device.permissions).filter(|text| !text.is_empty()));
    map.into()
}

/// `ulimits`.
pub(super) fn ulimits(limits: &BTreeMap<String, Ulimit>, form: Form) -> Tree {
    Tree::map(limits.iter().map(|(name, limit)| (name.clone(), ulimit(*limit, form))))
}

/// Compose's JSON leaves zeros out.
fn ulimit(limit: Ulimit, form: Form) -> Tree {
    match limit {
        Ulimit::Single(value) if value != 0 || form == Form::Yaml => Tree::Integer(value),
        Ulimit::Single(_) => Map::new().into(),
        Ulimit::Range { soft, hard } => {
            let shown = |value: i64| (value != 0 || form == Form::Yaml).then_some(Tree::Integer(value));
            let mut map = Map::new();
            map.put_some("soft", shown(soft));
            map.put_some("hard", shown(hard));
            map.into()
        }
    }
}
