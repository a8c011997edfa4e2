//! What a swarm cannot do of what the definition asks for. Told before anything is made: Swarm itself takes a service that it can
//! never run and says nothing.

use std::collections::BTreeSet;

use crate::definition::model::{Definition, Endpoint, Namespace, PortMode, Service, ServiceName};
use crate::finding::Finding;
use crate::runtime::{Runtime, RuntimeError};
use crate::world::ImageId;
use crate::world::swarm::{Published, Swarm, image_label};

/// What the checks look at.
struct Facts<'a> {
    definition: &'a Definition,
    service: &'a Service,
    swarm: &'a Swarm,
    /// Its image, where no registry has it.
    by_hand: Option<&'a ImageId>,
    /// Whether the files of the node that is asked are this machine's.
    local: bool,
}

const CHECKS: &[fn(&Facts<'_>) -> Vec<Finding>] =
    &[names, attributes, networks, place, image, state, binds, ports, clashes, endpoint];

/// Every problem of running these services on the swarm; nothing where there is none.
pub async fn of_swarm<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    changing: &BTreeSet<ServiceName>,
) -> Result<Vec<Finding>, RuntimeError> {
    let Some(swarm) = runtime.swarm().await? else { return Ok(Vec::new()) };
    let local = runtime.machine().await?.local;
    let mut found = Vec::new();
    for service in changing.iter().filter_map(|name| definition.services.get(name)) {
        let by_hand = runtime.carried_by_hand(&service.image).await?;
        let facts = Facts { definition, service, swarm: &swarm, by_hand: by_hand.as_ref(), local };
        found.extend(CHECKS.iter().flat_map(|check| check(&facts)));
    }
    Ok(found)
}

/// Of a service on Swarm, in characters.
const LONGEST_NAME: usize = 63;

type Asked = (&'static str, fn(&Service) -> bool);

/// Attributes that Swarm has no word for, and whether a service asks for them.
const UNKNOWN: &[Asked] = &[
    ("annotations", |s| !s.annotations.is_empty()),
    ("cgroup", |s| s.cgroup.is_some()),
    ("cgroup_parent", |s| s.cgroup_parent.is_some()),
    ("device_cgroup_rules", |s| !s.device_cgroup_rules.is_empty()),
    ("devices", |s| !s.devices.is_empty() || !s.reservations().devices.is_empty()),
    ("external_links", |s| !s.external_links.is_empty()),
    ("gpus", |s| !s.gpus.is_empty()),
    ("host_ip", |s| s.ports.iter().any(|port| port.host_ip.as_deref().is_some_and(|ip| !is_any(ip)))),
    ("ipc", |s| s.ipc.is_some()),
    ("links", |s| !s.links.is_empty()),
    ("mac_address", |s| s.mac_address.is_some() || s.networks.values().any(|a| a.mac_address.is_some())),
    ("network_mode", |s| s.network_mode.as_ref().is_some_and(|mode| !is_known(mode))),
    ("pid", |s| s.pid.is_some()),
    ("post_start", |s| !s.post_start.is_empty()),
    ("pre_stop", |s| !s.pre_stop.is_empty()),
    ("privileged", |s| s.privileged),
    ("runtime", |s| s.runtime.is_some()),
    ("security_opt", |s| !s.security_opt.is_empty()),
    ("static addresses", |s| {
        let placed =
            |a: &crate::definition::model::Attachment| a.ipv4_address.is_some() || a.ipv6_address.is_some();
        s.networks.values().any(|a| placed(a) || !a.link_local_ips.is_empty())
    }),
    ("storage_opt", |s| !s.storage_opt.is_empty()),
    ("tmpfs options", |s| s.tmpfs.iter().any(|text| has_other_options(text))),
    ("userns_mode", |s| s.userns_mode.is_some()),
    ("uts", |s| s.uts.is_some()),
    ("volumes_from", |s| !s.volumes_from.is_empty()),
    ("selinux", |s| s.mounts.iter().any(|m| m.bind.as_ref().is_some_and(|bind| bind.selinux.is_some()))),
    ("subpath", |s| s.mounts.iter().any(|m| m.volume.as_ref().is_some_and(|v| v.subpath.is_some()))),
    ("cpu_period", |s| s.usage.cpu_period.is_some()),
    ("cpu_quota", |s| s.usage.cpu_quota.is_some()),
    ("cpu_rt_period", |s| s.usage.cpu_rt_period.is_some()),
    ("cpu_rt_runtime", |s| s.usage.cpu_rt_runtime.is_some()),
    ("cpu_shares", |s| s.usage.cpu_shares.is_some()),
    ("cpuset", |s| s.usage.cpuset.is_some()),
    ("memswap_limit", |s| s.usage.memswap_limit.is_some()),
    ("mem_swappiness", |s| s.usage.mem_swappiness.is_some()),
    ("oom_kill_disable", |s| s.usage.oom_kill_disable),
    ("oom_score_adj", |s| s.usage.oom_score_adj.is_some()),
];

fn is_any(ip: &str) -> bool {
    matches!(ip, "" | "0.0.0.0" | "::")
}

fn is_known(mode: &Namespace) -> bool {
    matches!(mode, Namespace::Named(name) if name == "host" || name == "bridge")
}

fn has_other_options(tmpfs: &str) -> bool {
    let options = tmpfs.split_once(':').map_or("", |(_, options)| options).split(',');
    options
        .filter(|option| !option.is_empty())
        .any(|option| !["size=", "mode="].iter().any(|known| option.starts_with(known)))
}

fn attributes(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { service, .. } = facts;
    let spread = &service.pdex.swarm;
    let mut findings: Vec<Finding> = UNKNOWN
        .iter()
        .filter(|(name, asked)| asked(service) && !spread.without.contains(*name))
        .map(|(name, _)| {
            let message = format!("{}: Swarm cannot honour `{name}`", service.name);
            Finding::error("swarm/attribute", message)
                .hint(format!("take it out, or say {} that it may be left out there", without(name)))
        })
        .collect();
    if let Some(name) = service.container_name.as_ref().filter(|_| !spread.without.contains("container_name"))
    {
        let message = format!(
            "{}: Swarm names containers itself; `container_name` {name} is only what others on its networks may call it",
            service.name
        );
        findings.push(
            Finding::warning("swarm/container-name", message)
                .hint(format!("say {}", without("container_name"))),
        );
    }
    let unknown = spread
        .without
        .iter()
        .filter(|name| name.as_str() != "container_name" && !UNKNOWN.iter().any(|(known, _)| known == name));
    findings.extend(unknown.map(|name| {
        let message = format!(
            "{}: x-pdex.swarm.without names `{name}`, which Swarm honours or nothing knows",
            service.name
        );
        let names: Vec<&str> = UNKNOWN.iter().map(|(name, _)| *name).collect();
        Finding::error("swarm/without", message)
            .hint(format!("what can be left out: container_name, {}", names.join(", ")))
    }));
    findings
}

fn without(name: &str) -> String {
    format!("`x-pdex: {{ swarm: {{ without: [{name}] }} }}`")
}

/// Names that Swarm has no room for.
fn names(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { definition, service, .. } = facts;
    let name = service
        .container_name
        .clone()
        .unwrap_or_else(|| format!("{}-{}-1", definition.project, service.name));
    if name.len() <= LONGEST_NAME && !name.contains('.') {
        return Vec::new();
    }
    let message = format!(
        "{}: Swarm takes no name with a dot or of more than {LONGEST_NAME} characters: {name}",
        service.name
    );
    vec![Finding::error("swarm/name", message).hint("give it another `container_name`")]
}

/// Networks of drivers that end at the machine.
fn networks(facts: &Facts<'_>) -> Vec<Finding> {
    let own = facts.service.networks.keys().filter_map(|key| facts.definition.networks.get(key));
    let local = own.filter(|network| {
        matches!(network.driver.as_deref(), Some("bridge" | "macvlan" | "ipvlan" | "host" | "none"))
    });
    local
        .map(|network| {
            let driver = network.driver.as_deref().unwrap_or_default();
            let message = format!(
                "{}: its network {} has driver {driver}, which ends at one machine",
                facts.service.name, network.name
            );
            Finding::error("swarm/network", message).hint("leave out `driver`: on a swarm it is `overlay`")
        })
        .collect()
}

/// Conditions that no node meets, and more containers than nodes may have.
fn place(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { service, swarm, .. } = facts;
    let spread = &service.pdex.swarm;
    let constraints = swarm.constraints(facts.definition, service);
    let nodes = swarm.fitting(&constraints).count();
    let name = &service.name;
    if nodes == 0 {
        let conditions = constraints.join("`, `");
        if conditions.is_empty() {
            let message = format!("{name}: no node of the swarm takes on work");
            return vec![Finding::error("swarm/no-node", message).hint("`docker node ls` shows them")];
        }
        let message = format!("{name}: no node meets `{conditions}` ({})", known(swarm));
        let hint = "`docker node update --label-add NAME=VALUE NODE` gives a node a label";
        return vec![Finding::error("swarm/no-node", message).hint(hint)];
    }
    let wanted = service.spread_replicas();
    let room = spread.most_per_node.map(|most| most.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX)));
    let short = room.filter(|room| *room > 0 && *room < wanted).map(|room| {
        let message = format!("{name}: {wanted} containers are asked for, and {nodes} nodes may have {room}");
        Finding::error("swarm/no-node", message).hint("raise max_replicas_per_node, or add nodes")
    });
    short.into_iter().collect()
}

fn known(swarm: &Swarm) -> String {
    let node = |node: &crate::world::swarm::Node| {
        let labels: Vec<String> = node.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!(" with {}", labels.join(" ")) };
        format!("{}{labels}", node.hostname)
    };
    let nodes: Vec<String> = swarm.nodes.iter().map(node).collect();
    format!("nodes: {}", nodes.join(", "))
}

/// An image that a node cannot fetch and does not have.
fn image(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { definition, service, swarm, by_hand, .. } = facts;
    let Some(id) = by_hand else { return Vec::new() };
    let lacking = swarm.without_image(id, &swarm.constraints(definition, service));
    if lacking.is_empty() {
        return Vec::new();
    }
    let message = format!(
        "{}: no registry has its image {}, and these nodes were not given it: {}",
        service.name,
        service.image,
        lacking.join(", ")
    );
    let hint = format!(
        "`pdex --engine swarm images distribute HOST…` gives it to the engines of these nodes; of one that has it already, \
         `docker node update --label-add {}={} NODE` tells",
        image_label(id),
        service.image
    );
    vec![Finding::error("swarm/image-missing", message).hint(hint)]
}

/// Data that would be here today and there tomorrow.
fn state(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { definition, service, swarm, .. } = facts;
    let Some(volume) = definition.state_of(service).next() else { return Vec::new() };
    let spread = &service.pdex.swarm;
    let nodes = swarm.fitting(&spread.constraints).count();
    if spread.constraints.is_empty() || nodes < 2 {
        return Vec::new();
    }
    let message = format!(
        "{}: {nodes} nodes meet its conditions, and the data of volume {} is on one of them",
        service.name, volume.name
    );
    let hint = "narrow x-pdex.swarm.placement.constraints to one node, or leave them out: pdex then keeps it with its data";
    vec![Finding::error("swarm/state-may-move", message).hint(hint)]
}

/// Files of this machine that are not there: Swarm makes none.
fn binds(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { service, .. } = facts;
    let creates = |mount: &&crate::definition::model::Mount| {
        mount.bind.as_ref().is_some_and(|bind| bind.create_host_path)
    };
    let missing = service.mounts.iter().filter(|mount| facts.local && !creates(mount));
    let missing = missing.filter_map(|mount| match &mount.source {
        crate::definition::model::MountSource::Bind(path) if !path.exists() => Some(path),
        _ => None,
    });
    let told = missing.map(|path| {
        let message = format!("{}: {} is to be mounted and is not there", service.name, path.display());
        Finding::error("swarm/bind-missing", message).hint("make it: on a swarm nothing makes it")
    });
    let elsewhere = (!facts.local).then(|| service.binds().next()).flatten().map(|path| {
        let message = format!(
            "{}: {} is of the machine of the engine, which is not this one, and cannot be looked at",
            service.name,
            path.display()
        );
        Finding::warning("swarm/bind-unseen", message)
    });
    told.chain(elsewhere).collect()
}

/// Ports that cannot be published as they are asked for.
fn ports(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { service, swarm, .. } = facts;
    let name = &service.name;
    let mut findings = Vec::new();
    for port in &service.ports {
        let Some(published) = port.published else { continue };
        if let Some(last) = port.published_last {
            let message = format!("{name}: Swarm chooses no port out of {published}-{last}");
            findings.push(
                Finding::error("swarm/port-range", message)
                    .hint("name one port, or none: Swarm then finds a free one"),
            );
        }
        let nodes = swarm.fitting(&swarm.constraints(facts.definition, service)).count();
        let wanted = service.spread_replicas();
        if service.port_mode(port) == PortMode::Host
            && usize::try_from(wanted).is_ok_and(|wanted| wanted > nodes)
        {
            let message = format!(
                "{name}: {wanted} containers are to have port {published} of a node each, and {nodes} nodes can take them"
            );
            findings.push(Finding::error("swarm/port-shared", message).hint(
                "publish with `mode: ingress`, where every node passes on; ask for fewer containers, or add nodes",
            ));
        }
        if service.port_mode(port) == PortMode::Ingress && swarm.spreads == Some(false) {
            let message = format!(
                "{name}: port {published} cannot be passed on by every node: this kernel has no IPVS"
            );
            findings.push(Finding::error("swarm/no-ipvs", message).hint(
                "`x-pdex: { swarm: { publish: host } }` publishes it where the containers are; or load the module ip_vs",
            ));
        }
    }
    findings
}

/// Ports that another service of the swarm has, or two of this definition.
fn clashes(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { definition, service, swarm, .. } = facts;
    let own = |published: &Published| {
        published.project.as_ref() == Some(&definition.project)
            && published.defined.as_deref() == Some(service.name.as_str())
    };
    let places = swarm.constraints(definition, service);
    // Published by the nodes that have a container, a port is one service's on each of them, and another's elsewhere.
    let apart = |published: &Published| {
        let theirs: BTreeSet<&str> =
            swarm.fitting(&published.constraints).map(|node| node.id.as_str()).collect();
        swarm.fitting(&places).all(|node| !theirs.contains(node.id.as_str()))
    };
    let ports = service.ports.iter().filter_map(|port| Some((port, port.published?)));
    ports
        .filter_map(|(port, number)| {
            let by_node = service.port_mode(port) == PortMode::Host;
            let holder = swarm.published.iter().find(|published| {
                (published.port, published.protocol) == (number, port.protocol)
                    && !own(published)
                    && !(by_node && published.host && apart(published))
            });
            Some((number, holder?))
        })
        .map(|(port, holder)| {
            let project = holder.project.as_ref().map(|project| format!(" of project {project}"));
            let message = format!(
                "{}: port {port} is published by service {}{}",
                service.name,
                holder.service,
                project.unwrap_or_default()
            );
            Finding::error("swarm/port-taken", message)
                .hint("a port is one service's on the whole swarm: give this one another")
        })
        .collect()
}

/// An address that the kernel cannot have, or that cannot be spread.
fn endpoint(facts: &Facts<'_>) -> Vec<Finding> {
    let Facts { service, swarm, .. } = facts;
    let passed_on = service.ports.iter().any(|port| service.port_mode(port) == PortMode::Ingress);
    match service.pdex.swarm.endpoint {
        Some(Endpoint::Virtual) if swarm.spreads == Some(false) => {
            let message =
                format!("{}: `endpoint: vip` needs IPVS, which this kernel does not have", service.name);
            vec![
                Finding::error("swarm/no-ipvs", message)
                    .hint("say `endpoint: dnsrr`, or nothing; or load the module ip_vs"),
            ]
        }
        Some(Endpoint::RoundRobin) if passed_on => {
            let message = format!(
                "{}: `endpoint: dnsrr` and a port that every node passes on exclude each other",
                service.name
            );
            vec![
                Finding::error("swarm/endpoint", message)
                    .hint("`x-pdex: { swarm: { publish: host } }`, or `endpoint: vip`"),
            ]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
#[path = "swarm_test.rs"]
mod tests;
