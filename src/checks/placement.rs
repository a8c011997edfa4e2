//! Every container has what the definition gives its service: networks, mounts, limits, ports, and nothing besides. What the
//! engine tells of a container is held against the definition; pure but for asking.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use futures_util::future::join_all;

use super::{CheckResult, Outcome, Selection};
use crate::definition::model::{Definition, MountSource, Port, Service, ServiceName};
use crate::runtime::Runtime;
use crate::world::live::Binding;
use crate::world::machine::bytes;
use crate::world::placement::{Content, Mounted, Placement};
use crate::world::{Container, State, World};

/// One container beside what it should be.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    definition: &'a Definition,
    world: &'a World,
    service: &'a Service,
    container: &'a Container,
    placement: &'a Placement,
}

type Check = fn(&Case<'_>) -> Outcome;

/// Name, what it proves, and how.
const CHECKS: [(&str, &str, Check); 4] = [
    (
        "networks",
        "it is on the networks of the definition and no other, so it reaches whom it should",
        networks,
    ),
    ("volumes", "its data and files are mounted where the definition says", volumes),
    ("limits", "the engine holds it to the limits of the definition", limits),
    ("ports", "it is reachable from outside only where the definition says", ports),
];

/// Whether checks of that name are made of every service.
pub(super) fn has(name: &str) -> bool {
    CHECKS.iter().any(|(known, ..)| *known == name)
}

/// Service and name of every check.
pub(super) fn names(definition: &Definition) -> impl Iterator<Item = (String, String)> {
    let services = definition.services.keys();
    services.flat_map(|service| CHECKS.map(|(name, ..)| (service.to_string(), name.to_owned())))
}

/// What the engine tells of each container that is in its place.
pub(super) type Placements<'a> = BTreeMap<&'a ServiceName, Vec<(&'a Container, Result<Placement, String>)>>;

pub(super) async fn gather<'a, R: Runtime>(runtime: &R, world: &'a World) -> Placements<'a> {
    let containers = world.containers.iter().filter(|container| !container.aside);
    let asked = containers.map(async |container| {
        let placement = runtime.placement(&container.id).await.map_err(|e| e.to_string());
        (container, placement)
    });
    let mut all = Placements::new();
    for (container, placement) in join_all(asked).await {
        all.entry(&container.service).or_default().push((container, placement));
    }
    all
}

pub(super) async fn check<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    selection: &Selection,
) -> Vec<CheckResult> {
    let wanted = names(definition).any(|(service, name)| selection.has(&service, &name));
    let placements = if wanted { gather(runtime, world).await } else { Placements::new() };
    let mut results = Vec::new();
    // By name and then by service: what is wrong in one way stands together.
    for (name, proves, check) in CHECKS {
        let services =
            definition.services.values().filter(|service| selection.has(service.name.as_str(), name));
        results.extend(services.map(|service| {
            let outcome = of_service(definition, world, service, &placements, check);
            CheckResult::new(service.name.as_str(), name, proves, outcome)
        }));
    }
    results
}

/// What is wrong with any of its containers, else what is right.
fn of_service(
    definition: &Definition,
    world: &World,
    service: &Service,
    placements: &Placements<'_>,
    check: Check,
) -> Outcome {
    let none = Vec::new();
    let containers = placements.get(&service.name).unwrap_or(&none);
    let outcomes = containers.iter().map(|(container, placement)| match placement {
        Ok(placement) => check(&Case { definition, world, service, container, placement }),
        Err(e) => Outcome::failed(e, format!("pdex ps {}", service.name)),
    });
    let worst = outcomes.reduce(|worst, next| match (&worst, &next) {
        (Outcome::Failed { .. }, _) | (Outcome::Passed(_), Outcome::Passed(_) | Outcome::Skipped(_)) => worst,
        _ => next,
    });
    worst.unwrap_or_else(|| Outcome::Skipped("it has no container".to_owned()))
}

impl Case<'_> {
    fn again(&self) -> String {
        format!("pdex up --force-recreate {}", self.service.name)
    }

    fn runs(&self) -> bool {
        matches!(self.container.state, State::Running { .. } | State::Paused)
    }
}

/// Names of the networks that a service is to be on.
fn designed<'a>(definition: &'a Definition, service: &'a Service) -> BTreeSet<&'a str> {
    let networks = service.networks.keys().filter_map(|key| definition.networks.get(key));
    networks.map(|network| network.name.as_str()).collect()
}

/// The other services that are to be on one of these networks.
fn peers<'a>(definition: &'a Definition, service: &Service, networks: &BTreeSet<&str>) -> BTreeSet<&'a str> {
    let others = definition.services.values().filter(|other| other.name != service.name);
    others
        .filter(|other| !designed(definition, other).is_disjoint(networks))
        .map(|other| other.name.as_str())
        .collect()
}

fn joined<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    words.into_iter().collect::<Vec<_>>().join(", ")
}

fn networks(case: &Case<'_>) -> Outcome {
    let Case { definition, service, .. } = *case;
    if let Some(mode) = &service.network_mode {
        return Outcome::Skipped(format!("network_mode is {mode}"));
    }
    let wanted = designed(definition, service);
    let observed: BTreeSet<&str> = case.placement.networks.iter().map(String::as_str).collect();
    if let Some(gone) = wanted.iter().find(|name| !case.world.networks.contains(**name)) {
        return Outcome::failed(
            format!("network {gone} does not exist"),
            format!("pdex up {}", service.name),
        );
    }
    let (designed_peers, reached) =
        (peers(definition, service, &wanted), peers(definition, service, &observed));
    let missing: Vec<&str> = wanted.difference(&observed).copied().collect();
    if !missing.is_empty() {
        let lost = joined(designed_peers.difference(&reached).copied());
        let lost = if lost.is_empty() { String::new() } else { format!(": it cannot reach {lost}") };
        return Outcome::failed(format!("it is not on network {}{lost}", joined(missing)), case.again());
    }
    if let Some(surplus) = observed.difference(&wanted).next() {
        let gained = joined(reached.difference(&designed_peers).copied());
        let gained = if gained.is_empty() { String::new() } else { format!(": it can reach {gained}") };
        return Outcome::failed(
            format!("it is on network {surplus}, which the definition does not give it{gained}"),
            format!("docker network disconnect {surplus} {}", case.container.name),
        );
    }
    let keys = joined(service.networks.keys().map(String::as_str));
    let apart: Vec<&str> = definition
        .services
        .values()
        .filter(|other| other.name != service.name && !designed_peers.contains(other.name.as_str()))
        .map(|other| other.name.as_str())
        .collect();
    let apart = if apart.is_empty() { String::new() } else { format!(", not {}", joined(apart)) };
    Outcome::Passed(format!("{keys}: reaches {} services{apart}", designed_peers.len()))
}

fn volumes(case: &Case<'_>) -> Outcome {
    let Case { definition, service, placement, .. } = *case;
    let at = |target: &str| {
        placement.mounts.iter().find(|m| m.target.trim_end_matches('/') == target.trim_end_matches('/'))
    };
    let mut told = Vec::new();
    for mount in service.mounts.iter().filter(|mount| mount.source != MountSource::Tmpfs) {
        let wanted = match &mount.source {
            MountSource::Bind(path) => shown(path, &definition.directory),
            MountSource::Volume(key) => definition.volumes.get(key).map_or(key, |v| &v.name).clone(),
            MountSource::Anonymous | MountSource::Tmpfs => "a volume of no name".to_owned(),
        };
        let target = &mount.target;
        let Some(found) = at(target) else {
            return Outcome::failed(format!("{wanted} is not mounted at {target}"), case.again());
        };
        if !is_from(&mount.source, found, definition) {
            let evidence =
                format!("{target} has {}, the definition says {wanted}", content(found, definition));
            return Outcome::failed(evidence, case.again());
        }
        if found.read_only != mount.read_only {
            let (is, should) =
                if found.read_only { ("read-only", "writable") } else { ("writable", "read-only") };
            return Outcome::failed(format!("{target} is {is}, the definition says {should}"), case.again());
        }
        let read_only = if mount.read_only { ", read-only" } else { "" };
        told.push(format!("{wanted} at {target}{read_only}"));
    }
    if let Some(surplus) = surplus(service, placement) {
        let evidence = format!(
            "{} is mounted at {}, and the definition does not say so",
            content(surplus, definition),
            surplus.target
        );
        return Outcome::failed(evidence, case.again());
    }
    Outcome::Passed(if told.is_empty() { "none, as defined".to_owned() } else { told.join("; ") })
}

/// A bind mount that the service has no mount, secret or config for. Volumes of no name come with the image.
fn surplus<'a>(service: &Service, placement: &'a Placement) -> Option<&'a Mounted> {
    if !service.volumes_from.is_empty() {
        return None;
    }
    let secrets = service.secrets.iter().map(|reference| reference.path("/run/secrets"));
    let configs = service.configs.iter().map(|reference| reference.path("/"));
    let files: BTreeSet<String> = secrets.chain(configs).collect();
    let known = |target: &str| {
        files.contains(target)
            || service.mounts.iter().any(|m| m.target.trim_end_matches('/') == target.trim_end_matches('/'))
    };
    placement.mounts.iter().find(|mount| matches!(mount.content, Content::Bind(_)) && !known(&mount.target))
}

fn is_from(source: &MountSource, found: &Mounted, definition: &Definition) -> bool {
    match (source, &found.content) {
        // An engine in a virtual machine sees this machine's files below a folder of its own.
        (MountSource::Bind(wanted), Content::Bind(there)) => {
            there == wanted || wanted.strip_prefix("/").is_ok_and(|below| there.ends_with(below))
        }
        (MountSource::Volume(key), Content::Volume(name)) => {
            definition.volumes.get(key).is_some_and(|volume| volume.name == *name)
        }
        (MountSource::Anonymous, Content::Volume(_)) | (MountSource::Tmpfs, _) => true,
        _ => false,
    }
}

fn content(mount: &Mounted, definition: &Definition) -> String {
    match &mount.content {
        Content::Bind(path) => shown(path, &definition.directory),
        Content::Volume(name) => format!("volume {name}"),
        Content::Other => "something else".to_owned(),
    }
}

/// As the definition writes it, where that is below its folder.
fn shown(path: &Path, directory: &Path) -> String {
    match path.strip_prefix(directory) {
        Ok(below) => format!("./{}", below.display()),
        Err(_) => path.display().to_string(),
    }
}

/// A kind of limit: its name, what it should be, what it is, and how it is said.
type Limit<'a> = (&'static str, Option<u64>, Option<u64>, &'a dyn Fn(u64) -> String);

fn limits(case: &Case<'_>) -> Outcome {
    let (limits, placement) = (case.service.limits(), case.placement);
    let number = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0);
    let cores = |nano: u64| format!("{} CPU", nano as f64 / 1e9);
    let plain = |count: u64| format!("{count} processes");
    let mut told = Vec::new();
    let kinds: [Limit<'_>; 3] = [
        ("memory", number(limits.memory), placement.memory, &bytes),
        ("processor", number(limits.nano_cpus), placement.nano_cpus, &cores),
        ("process", number(limits.pids), placement.pids, &plain),
    ];
    for (kind, wanted, found, words) in kinds {
        let say = |limit: Option<u64>| limit.map_or_else(|| "none".to_owned(), words);
        if wanted != found {
            let evidence = format!("its {kind} limit is {}, the definition says {}", say(found), say(wanted));
            return Outcome::failed(evidence, case.again());
        }
        told.extend(wanted.map(words));
    }
    Outcome::Passed(if told.is_empty() { "none, as defined".to_owned() } else { told.join(", ") })
}

fn ports(case: &Case<'_>) -> Outcome {
    let Case { service, placement, .. } = *case;
    if !case.runs() {
        return Outcome::Skipped("it does not run".to_owned());
    }
    if service.network_mode.is_some() {
        return Outcome::Skipped("it has no network of its own".to_owned());
    }
    let published: Vec<&Binding> =
        placement.ports.iter().filter(|binding| binding.host_port.is_some()).collect();
    if let Some(open) =
        published.iter().find(|binding| !service.ports.iter().any(|port| allows(port, binding)))
    {
        let meant = service.ports.iter().find(|port| port.target == open.container_port);
        let meant = meant.map_or_else(|| "nothing of it".to_owned(), written);
        let evidence =
            format!("port {} is open at {}, the definition says {meant}", open.container_port, address(open));
        return Outcome::failed(evidence, case.again());
    }
    if let Some(missing) =
        service.ports.iter().find(|port| !published.iter().any(|binding| allows(port, binding)))
    {
        return Outcome::failed(
            format!("port {} is not published at {}", missing.target, written(missing)),
            case.again(),
        );
    }
    let mut told: Vec<String> = published.iter().map(|binding| address(binding)).collect();
    told.dedup();
    Outcome::Passed(if told.is_empty() { "none, as defined".to_owned() } else { told.join(", ") })
}

/// Whether a port of the definition is the reason for a binding.
fn allows(port: &Port, binding: &Binding) -> bool {
    let Some(host_port) = binding.host_port else { return false };
    let host = binding.host_ip.as_deref().unwrap_or_default();
    let address = match port.host_ip.as_deref() {
        // The engine may be set up to bind to fewer addresses than all.
        None | Some("" | "0.0.0.0") => true,
        Some(wanted) => wanted.trim_matches(['[', ']']) == host,
    };
    let first = port.published.unwrap_or(1);
    let last = port.published_last.or(port.published).unwrap_or(u16::MAX);
    address
        && port.target == binding.container_port
        && port.protocol == binding.protocol
        && (first..=last).contains(&host_port)
}

fn address(binding: &Binding) -> String {
    let host = binding.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    format!("{host}:{}", binding.host_port.unwrap_or_default())
}

fn written(port: &Port) -> String {
    let host = port.host_ip.as_deref().filter(|ip| !ip.is_empty()).unwrap_or("0.0.0.0");
    match (port.published, port.published_last) {
        (None, _) => format!("any port of {host}"),
        (Some(first), None) => format!("{host}:{first}"),
        (Some(first), Some(last)) => format!("{host}:{first}-{last}"),
    }
}

#[cfg(test)]
#[path = "placement_test.rs"]
mod tests;
