//! What must hold between the parts of a definition. A rule is a small function in the list below.

mod agreement;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::definition::field::closest;
use crate::definition::model::{
    Condition, Definition, HealthTest, MountSource, Port, Restart, Service, ServiceName,
};
use crate::finding::{Finding, Place};

/// What a rule may look at.
pub(super) struct Facts<'a> {
    pub(super) definition: &'a Definition,
    /// Where a path such as `services.api` stands.
    pub(super) place: &'a dyn Fn(&str) -> Option<Place>,
    /// Problems that are still kept.
    pub(super) left: Cell<usize>,
}

type Rule = fn(&Facts<'_>) -> Vec<Finding>;

const RULES: &[Rule] = &[
    image_or_build,
    dependencies_exist,
    no_cycles,
    healthy_needs_a_health_check,
    jobs_can_end,
    networks_exist,
    volumes_exist,
    container_names_differ,
    host_ports_differ,
    agreement::named_containers_are_single,
    agreement::network_modes_stand_alone,
    agreement::resources_agree,
    agreement::files_exist,
    agreement::secrets_tell_services,
    agreement::backups_find_their_data,
    agreement::jobs_are_seen_by_services,
    agreement::targets_differ,
];

/// Runs every rule.
pub(super) fn check(facts: &Facts<'_>) -> Vec<Finding> {
    RULES.iter().flat_map(|rule| rule(facts)).collect()
}

impl Facts<'_> {
    fn error(&self, code: &'static str, message: String, path: &str) -> Finding {
        self.left.set(self.left.get().saturating_sub(1));
        Finding { place: (self.place)(path), ..Finding::error(code, message) }
    }

    /// Whether so much is wrong already that nobody reads more of it.
    fn is_full(&self) -> bool {
        self.left.get() == 0
    }

    fn services(&self) -> impl Iterator<Item = &Service> {
        self.definition.services.values().take_while(|_| !self.is_full())
    }
}

fn image_or_build(facts: &Facts<'_>) -> Vec<Finding> {
    let bare = facts.services().filter(|service| service.image.is_empty() && service.build.is_none());
    bare.map(|service| {
        let message = format!("service `{}` has neither `image` nor `build`", service.name);
        facts.error("definition/missing-attribute", message, &format!("services.{}", service.name))
    })
    .collect()
}

fn dependencies_exist(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        for (name, dependency) in &service.depends_on {
            if facts.definition.services.contains_key(name) || facts.is_full() {
                continue;
            }
            let path = format!("services.{}.depends_on.{name}", service.name);
            let disabled = facts.definition.disabled.contains_key(name);
            let why = if disabled { "is in no enabled profile" } else { "is not defined" };
            let message = format!("service `{}` depends on `{name}`, which {why}", service.name);
            let mut finding = facts.error("definition/undefined-dependency", message, &path);
            let names = facts.definition.services.keys().map(ServiceName::as_str);
            if let Some(meant) = closest(name.as_str(), names).filter(|_| !disabled) {
                finding = finding.hint(format!("did you mean `{meant}`?"));
            }
            if dependency.required {
                findings.push(finding);
            } else if !disabled {
                findings.push(Finding { severity: crate::finding::Severity::Warning, ..finding });
            }
        }
    }
    findings
}

#[derive(Clone, Copy, PartialEq)]
enum Visit {
    /// On the way that is being walked.
    Open,
    Done,
}

/// Walks depth first without recursion; each way back onto the current path is a cycle.
fn no_cycles(facts: &Facts<'_>) -> Vec<Finding> {
    let services = &facts.definition.services;
    let mut seen: BTreeMap<&ServiceName, Visit> = BTreeMap::new();
    let mut findings = Vec::new();
    for start in services.keys() {
        if seen.contains_key(start) {
            continue;
        }
        seen.insert(start, Visit::Open);
        let mut path = vec![(start, services[start].depends_on.keys())];
        while let Some((name, rest)) = path.last_mut() {
            let name = *name;
            let Some(next) = rest.next() else {
                seen.insert(name, Visit::Done);
                path.pop();
                continue;
            };
            match (seen.get(next), services.get(next)) {
                (Some(Visit::Open), _) => {
                    let names: Vec<&ServiceName> = path.iter().map(|(name, _)| *name).collect();
                    findings.push(cycle(facts, &names, next));
                }
                (None, Some(service)) => {
                    seen.insert(next, Visit::Open);
                    path.push((next, service.depends_on.keys()));
                }
                _ => {}
            }
        }
    }
    findings
}

fn cycle(facts: &Facts<'_>, path: &[&ServiceName], back_to: &ServiceName) -> Finding {
    let start = path.iter().position(|name| *name == back_to).unwrap_or_default();
    let mut names: Vec<&str> = path[start..].iter().map(|name| name.as_str()).collect();
    names.push(back_to.as_str());
    let last = path.last().map_or("", |name| name.as_str());
    if names.len() > 12 {
        names.splice(6..names.len() - 5, ["…"]);
    }
    let message = format!("services depend on each other in a circle: {}", names.join(" → "));
    let finding =
        facts.error("definition/dependency-cycle", message, &format!("services.{last}.depends_on.{back_to}"));
    finding.hint("remove one of these dependencies")
}

fn healthy_needs_a_health_check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in facts.services() {
        for (name, dependency) in &service.depends_on {
            let Some(target) = facts.definition.services.get(name) else { continue };
            let tested = target.healthcheck.as_ref().is_some_and(|check| check.test != HealthTest::Disabled);
            if dependency.condition == Condition::ServiceHealthy && !tested {
                let message = format!(
                    "service `{}` waits until `{name}` is healthy, but `{name}` has no health check",
                    service.name
                );
                let path = format!("services.{}.depends_on.{name}", service.name);
                let finding = facts.error("definition/no-health-check", message, &path);
                findings
                    .push(finding.hint(format!("give `{name}` a healthcheck, or wait for service_started")));
            }
        }
    }
    findings
}

fn jobs_can_end(facts: &Facts<'_>) -> Vec<Finding> {
    let endless = |name| {
        let restart = facts.definition.services.get(name).map(Service::restart_policy);
        matches!(restart, Some(Restart::Always | Restart::UnlessStopped))
    };
    let mut findings = Vec::new();
    for service in facts.services() {
        for (name, dependency) in &service.depends_on {
            if dependency.condition == Condition::ServiceCompletedSuccessfully && endless(name) {
                let message = format!(
                    "service `{}` waits until `{name}` completes, but `{name}` restarts for ever",
                    service.name
                );
                let path = format!("services.{}.depends_on.{name}", service.name);
                let finding = facts.error("definition/endless-job", message, &path);
                findings.push(finding.hint(format!("give `{name}` restart: \"no\" or on-failure")));
            }
        }
    }
    findings
}

fn networks_exist(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let defined = &facts.definition.networks;
    for service in facts.services() {
        for key in service.networks.keys().filter(|key| *key != "default" && !defined.contains_key(*key)) {
            if facts.is_full() {
                break;
            }
            let message = format!("service `{}` joins network `{key}`, which is not defined", service.name);
            let path = format!("services.{}.networks.{key}", service.name);
            let finding = facts.error("definition/undefined-network", message, &path);
            findings.push(finding.hint(undefined(key, "networks", defined.keys())));
        }
    }
    findings
}

fn volumes_exist(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let defined = &facts.definition.volumes;
    for service in facts.services() {
        for mount in &service.mounts {
            let MountSource::Volume(key) = &mount.source else { continue };
            if !defined.contains_key(key) && !facts.is_full() {
                let message =
                    format!("service `{}` mounts volume `{key}`, which is not defined", service.name);
                let finding = facts.error("definition/undefined-volume", message, &format!("volume {key}"));
                findings.push(finding.hint(undefined(key, "volumes", defined.keys())));
            }
        }
    }
    findings
}

fn undefined<'n>(key: &str, section: &str, names: impl Iterator<Item = &'n String>) -> String {
    match closest(key, names.map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("add `{key}:` under the top-level `{section}:`"),
    }
}

fn container_names_differ(facts: &Facts<'_>) -> Vec<Finding> {
    let mut first: BTreeMap<&str, &ServiceName> = BTreeMap::new();
    let mut findings = Vec::new();
    for service in facts.services() {
        let Some(name) = service.container_name.as_deref() else { continue };
        match first.get(name) {
            None => drop(first.insert(name, &service.name)),
            Some(other) => {
                let message = format!(
                    "services `{other}` and `{}` both have the container name `{name}`",
                    service.name
                );
                let path = format!("services.{}.container_name", service.name);
                findings.push(facts.error("definition/duplicate-container-name", message, &path));
            }
        }
    }
    findings
}

fn host_ports_differ(facts: &Facts<'_>) -> Vec<Finding> {
    let mut taken: BTreeMap<(u16, bool), Vec<(&Service, &Port)>> = BTreeMap::new();
    let mut findings = Vec::new();
    for service in facts.services() {
        for port in &service.ports {
            let Some(number) = port.published.filter(|number| *number > 0) else { continue };
            let holders =
                taken.entry((number, port.protocol == crate::definition::model::Protocol::Udp)).or_default();
            if let Some((other, _)) = holders.iter().find(|(_, other)| overlap(other, port)) {
                let message = if other.name == service.name {
                    format!("service `{}` publishes host port {number} twice", service.name)
                } else {
                    format!(
                        "services `{}` and `{}` both publish host port {number}",
                        other.name, service.name
                    )
                };
                let path = format!("services.{}.ports", service.name);
                let finding = facts.error("definition/duplicate-port", message, &path);
                findings.push(finding.hint("give one of them another host port"));
            } else {
                holders.push((service, port));
            }
        }
    }
    findings
}

/// Whether two addresses cannot both hold one port.
fn overlap(one: &Port, other: &Port) -> bool {
    let address = |port: &Port| port.host_ip.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
    match (address(one), address(other)) {
        (Some(a), Some(b)) => {
            a.is_ipv4() == b.is_ipv4() && (a == b || a.is_unspecified() || b.is_unspecified())
        }
        _ => true,
    }
}
