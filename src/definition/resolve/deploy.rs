//! `deploy` of a service: what it may use of the machine.

use super::attributes;
use crate::definition::field::Field;
use crate::definition::model::{Resources, Service};
use crate::definition::values;

/// Reads limits and reservations.
pub(super) fn read(service: &mut Service, field: &Field<'_>) {
    for (key, value) in field.entries() {
        if key.text != "resources" {
            value.unexpected(key, attributes::DEPLOY, attributes::DEPLOY_UNSUPPORTED);
            continue;
        }
        for (key, value) in value.entries() {
            match key.text.as_str() {
                "limits" => {
                    service.deploy.get_or_insert_default().limits =
                        Some(resources(&value, attributes::LIMITS, &[]));
                }
                "reservations" => {
                    let unsupported = attributes::RESERVATIONS_UNSUPPORTED;
                    service.deploy.get_or_insert_default().reservations =
                        Some(resources(&value, attributes::RESERVATIONS, unsupported));
                }
                _ => value.unexpected(key, attributes::RESOURCES, &[]),
            }
        }
    }
}

fn resources(field: &Field<'_>, known: &[&str], unsupported: &[&str]) -> Resources {
    let mut resources = Resources::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            name if !known.contains(&name) => value.unexpected(key, known, unsupported),
            "cpus" => {
                resources.nano_cpus = value.parsed("a number of cores such as \"0.5\"", values::nano_cpus);
            }
            "memory" => resources.memory = value.parsed("a size such as 512M", values::bytes),
            _ => resources.pids = value.integer("a number of processes"),
        }
    }
    resources
}
