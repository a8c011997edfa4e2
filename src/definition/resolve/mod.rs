//! Turns the merged tree into the model: short forms expanded, paths made absolute, types checked. Everything wrong is noted
//! and skipped, so that one run tells all of it. Pure.

mod attributes;
mod deploy;
mod extension;
mod health;
mod mounts;
mod ports;
mod service;

use std::collections::{BTreeMap, BTreeSet};

use super::field::Field;
use super::model::{Definition, MountSource, Network, Service, ServiceName, Volume};
use crate::finding::Finding;

/// The definition under `root`, and the names of services that no enabled profile asks for. `project` is settled before.
pub(super) fn definition(
    root: &Field<'_>,
    project: &str,
    profiles: &[String],
) -> (Definition, BTreeSet<ServiceName>) {
    let mut definition = Definition {
        project: project.to_owned(),
        directory: root.context.directory.to_owned(),
        files: Vec::new(),
        services: BTreeMap::new(),
        networks: BTreeMap::new(),
        volumes: BTreeMap::new(),
        ..Definition::default()
    };
    for (key, field) in root.entries() {
        match key.text.as_str() {
            "services" => definition.services = services(&field, project),
            "networks" => definition.networks = networks(&field, project),
            "volumes" => definition.volumes = volumes(&field, project),
            "name" => {}
            "version" => field.problem(
                Finding::warning("definition/obsolete", "`version` has no meaning any more")
                    .hint("remove it"),
            ),
            "x-pdex" => extension::top(&field),
            _ => field.unexpected(key, attributes::TOP, attributes::TOP_UNSUPPORTED),
        }
    }
    if definition.services.is_empty() {
        root.problem(Finding::error("definition/no-services", "the definition has no services"));
    }
    let off = select(&mut definition, profiles);
    (definition, off)
}

/// Keeps the services whose profiles are on; gives the names of the rest.
fn select(definition: &mut Definition, profiles: &[String]) -> BTreeSet<ServiceName> {
    let on = |service: &Service| {
        service.profiles.is_empty()
            || service.profiles.iter().any(|p| profiles.contains(p) || profiles.iter().any(|p| p == "*"))
    };
    let off: BTreeSet<ServiceName> = definition
        .services
        .values()
        .filter(|service| !on(service))
        .map(|service| service.name.clone())
        .collect();
    definition.services.retain(|name, _| !off.contains(name));
    off
}

/// Leaves out what nothing refers to: networks and volumes without a service, as Compose does, and optional dependencies that
/// are not there. Adds the default network where it is used.
pub(super) fn prune(definition: &mut Definition) {
    let present: BTreeSet<ServiceName> = definition.services.keys().cloned().collect();
    for service in definition.services.values_mut() {
        service.depends_on.retain(|name, _| present.contains(name));
    }
    let networks: BTreeSet<&String> = definition.services.values().flat_map(|s| s.networks.keys()).collect();
    if networks.iter().any(|key| *key == "default") && !definition.networks.contains_key("default") {
        let name = format!("{}_default", definition.project);
        let network = Network { name, ..Network::default() };
        definition.networks.insert("default".into(), network);
    }
    definition.networks.retain(|key, _| networks.contains(key));
    let used = definition.services.values().flat_map(|service| &service.mounts);
    let used: BTreeSet<&String> = used
        .filter_map(|mount| match &mount.source {
            MountSource::Volume(key) => Some(key),
            _ => None,
        })
        .collect();
    definition.volumes.retain(|key, _| used.contains(key));
}

fn services(services: &Field<'_>, project: &str) -> BTreeMap<ServiceName, Service> {
    let mut resolved = BTreeMap::new();
    for (key, field) in services.entries() {
        if !is_name(&key.text) {
            field.wrong("a service's name starts with a letter or digit and has only letters, digits, `_`, `.` and `-`");
            continue;
        }
        field.remember();
        resolved.insert(ServiceName::new(key.text.clone()), service::read(&field, &key.text, project));
    }
    resolved
}

/// The grammar of names of services, containers, networks and volumes.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn networks(networks: &Field<'_>, project: &str) -> BTreeMap<String, Network> {
    let mut resolved = BTreeMap::new();
    for (key, field) in networks.entries() {
        if key.text.starts_with("x-") {
            continue;
        }
        let mut network = Network::default();
        let mut name = None;
        for (attribute, value) in field.entries() {
            match attribute.text.as_str() {
                "name" => name = value.name(),
                "driver" => network.driver = value.name(),
                "internal" => network.internal = value.boolean().unwrap_or_default(),
                "external" => network.external = value.boolean().unwrap_or_default(),
                _ => value.unexpected(attribute, attributes::NETWORK, attributes::NETWORK_UNSUPPORTED),
            }
        }
        network.name = full_name(name, &key.text, project, network.external);
        field.remember();
        resolved.insert(key.text.clone(), network);
    }
    resolved
}

fn volumes(volumes: &Field<'_>, project: &str) -> BTreeMap<String, Volume> {
    let mut resolved = BTreeMap::new();
    for (key, field) in volumes.entries() {
        if key.text.starts_with("x-") {
            continue;
        }
        let (mut name, mut external) = (None, false);
        for (attribute, value) in field.entries() {
            match attribute.text.as_str() {
                "name" => name = value.name(),
                "external" => external = value.boolean().unwrap_or_default(),
                _ => value.unexpected(attribute, attributes::VOLUME, attributes::VOLUME_UNSUPPORTED),
            }
        }
        field.remember();
        resolved.insert(
            key.text.clone(),
            Volume { name: full_name(name, &key.text, project, external), external, ..Volume::default() },
        );
    }
    resolved
}

fn full_name(given: Option<String>, key: &str, project: &str, external: bool) -> String {
    match given {
        Some(name) => name,
        None if external => key.to_owned(),
        None => format!("{project}_{key}"),
    }
}
