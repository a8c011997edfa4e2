//! Turns the merged tree into the model: short forms expanded, paths made absolute, types checked. Everything wrong is noted
//! and skipped, so that one run tells all of it. Pure.

mod attributes;
mod build;
mod deploy;
mod extension;
mod files;
mod health;
mod implied;
mod machine;
mod mounts;
mod networks;
mod ports;
mod process;
mod service;
mod swarm;

use std::collections::{BTreeMap, BTreeSet};

use super::field::Field;
use super::model::{Definition, MountSource, Network, Service, ServiceName, Volume};
use crate::finding::Finding;

/// The definition under `root`. `project` is settled before; `named` are services whose profiles are on because the user names them.
pub(super) fn definition(
    root: &Field<'_>,
    project: &str,
    profiles: Vec<String>,
    named: &[String],
) -> Definition {
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
            "networks" => definition.networks = networks::objects(&field, project),
            "volumes" => definition.volumes = volumes(&field, project),
            "secrets" => definition.secrets = files::objects(&field, project),
            "configs" => definition.configs = files::objects(&field, project),
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
    definition.disabled = select(&mut definition, profiles, named);
    definition
}

/// Keeps the services whose profiles are on, those of named services among them; gives the rest with
/// their profiles.
fn select(
    definition: &mut Definition,
    mut profiles: Vec<String>,
    named: &[String],
) -> BTreeMap<ServiceName, Vec<String>> {
    for name in named {
        let service = definition.services.get(&ServiceName::new(name.as_str()));
        profiles.extend(service.into_iter().flat_map(|service| service.profiles.iter().cloned()));
    }
    let on = |service: &Service| {
        service.profiles.is_empty()
            || service.profiles.iter().any(|p| profiles.contains(p) || profiles.iter().any(|p| p == "*"))
    };
    let off: BTreeMap<ServiceName, Vec<String>> = definition
        .services
        .values()
        .filter(|service| !on(service))
        .map(|service| (service.name.clone(), service.profiles.clone()))
        .collect();
    definition.services.retain(|name, _| !off.contains_key(name));
    off
}

/// Leaves out what nothing refers to: networks and volumes without a service, as Compose does, and optional dependencies that
/// are not there. Adds the default network where it is used.
pub(super) fn prune(definition: &mut Definition) {
    let present: BTreeSet<ServiceName> = definition.services.keys().cloned().collect();
    for service in definition.services.values_mut() {
        let (there, absent) =
            std::mem::take(&mut service.depends_on).into_iter().partition(|(name, _)| present.contains(name));
        (service.depends_on, service.absent) = (there, absent);
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
    let build = |service: &Service| service.build.iter().flat_map(|b| b.secrets.clone()).collect::<Vec<_>>();
    let services = || definition.services.values();
    let secrets: BTreeSet<String> =
        services().flat_map(|s| s.secrets.clone().into_iter().chain(build(s))).map(|r| r.source).collect();
    let configs: BTreeSet<String> = services().flat_map(|s| s.configs.clone()).map(|r| r.source).collect();
    definition.secrets.retain(|key, _| secrets.contains(key));
    definition.configs.retain(|key, _| configs.contains(key));
}

fn services(services: &Field<'_>, project: &str) -> BTreeMap<ServiceName, Service> {
    let mut resolved = BTreeMap::new();
    for (key, field) in services.entries() {
        if !is_name(&key.text) {
            field.wrong("a service's name starts with a letter or digit and has only letters, digits, `_`, `.` and `-`");
            continue;
        }
        field.remember();
        field.locate(key.mark, 0);
        resolved.insert(ServiceName::new(key.text.clone()), service::read(&field, &key.text, project));
    }
    resolved
}

/// The grammar of names of services, containers, networks and volumes.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

fn volumes(volumes: &Field<'_>, project: &str) -> BTreeMap<String, Volume> {
    let mut resolved = BTreeMap::new();
    for (key, field) in volumes.entries() {
        if key.text.starts_with("x-") {
            continue;
        }
        let (mut name, mut volume) = (None, Volume::default());
        for (attribute, value) in field.entries() {
            match attribute.text.as_str() {
                "name" => name = value.name(),
                "external" => (volume.external, name) = external(&value, name),
                "driver" => volume.driver = value.optional(),
                "driver_opts" => volume.driver_opts = value.dictionary(),
                "labels" => volume.labels = value.dictionary(),
                _ => value.unexpected(attribute, attributes::VOLUME, &[]),
            }
        }
        // A folder of the host in disguise.
        if volume.driver.as_deref() == Some("local")
            && volume.driver_opts.get("o").is_some_and(|options| options == "bind")
            && let Some(device) = volume.driver_opts.get_mut("device")
        {
            *device = field.resolve(device).display().to_string();
        }
        volume.name = full_name(name, &key.text, project, volume.external);
        only_external(&field, volume.external);
        field.remember();
        resolved.insert(key.text.clone(), volume);
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

/// `external`: a truth value, or the older map with a `name`.
fn external(field: &Field<'_>, given: Option<String>) -> (bool, Option<String>) {
    if field.is_scalar() {
        return (field.flag(), given);
    }
    let mut name = given;
    for (key, value) in field.entries_of("true, false or a map") {
        match key.text.as_str() {
            "name" if name.is_some() => value.wrong("the name is given twice"),
            "name" => name = value.name(),
            _ => value.unexpected(key, &["name"], &[]),
        }
    }
    (true, name)
}

/// What somebody else made is not described here.
fn only_external(field: &Field<'_>, external: bool) {
    if !external {
        return;
    }
    for (key, value) in field.entries() {
        let described = !matches!(key.text.as_str(), "name" | "external") && !key.text.starts_with("x-");
        if described && !value.says_nothing() {
            value.wrong("it means nothing for something external, which is not made here");
        }
    }
}
