//! Ports, and the networks a container joins.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{EndpointIpamConfig, EndpointSettings, PortBinding};

use super::Making;
use crate::definition::model::{Attachment, Service, ServiceName};
use crate::runtime::container_name;

/// How the service joins each of its networks, the first to be joined first.
pub(super) fn endpoints(making: &Making<'_>) -> Vec<(String, EndpointSettings)> {
    let links = links(making);
    let mut attachments: Vec<(&String, &Attachment)> = making.service.networks.iter().collect();
    attachments.sort_by_key(|(key, attachment)| (-attachment.priority, *key));
    let joined = attachments.into_iter().enumerate().filter_map(|(at, (key, attachment))| {
        let network = making.definition.networks.get(key)?;
        Some((network.name.clone(), endpoint(making, attachment, &links, at == 0)))
    });
    joined.collect()
}

fn endpoint(making: &Making<'_>, attachment: &Attachment, links: &[String], first: bool) -> EndpointSettings {
    let service = making.service;
    // The name the container has in the end; while it is made beside the one it replaces it has another.
    let mut aliases = vec![
        container_name(&making.definition.project, service, making.order.number),
        service.name.to_string(),
    ];
    for alias in &attachment.aliases {
        if !aliases.contains(alias) {
            aliases.push(alias.clone());
        }
    }
    let Attachment { ipv4_address, ipv6_address, link_local_ips, .. } = attachment.clone();
    let placed = ipv4_address.is_some() || ipv6_address.is_some() || !link_local_ips.is_empty();
    let ipam = EndpointIpamConfig {
        ipv4_address,
        ipv6_address,
        link_local_ips: (!link_local_ips.is_empty()).then_some(link_local_ips),
    };
    let own_mac = service.mac_address.clone().filter(|_| first);
    EndpointSettings {
        aliases: Some(aliases),
        links: (!links.is_empty()).then(|| links.to_vec()),
        ipam_config: placed.then_some(ipam),
        mac_address: attachment.mac_address.clone().or(own_mac),
        driver_opts: map(&attachment.driver_opts),
        ..EndpointSettings::default()
    }
}

/// `container:alias` for `links` and `external_links`.
pub(super) fn links(making: &Making<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for link in &making.service.links {
        let (name, alias) = link.split_once(':').unwrap_or((link, link));
        let Some(target) = making.definition.services.get(&ServiceName::new(name)) else { continue };
        for number in 1..=target.replicas() {
            let container = container_name(&making.definition.project, target, number);
            all.extend([format!("{container}:{alias}"), format!("{container}:{container}")]);
        }
    }
    for link in &making.service.external_links {
        let (container, alias) = link.split_once(':').unwrap_or((link, link));
        all.push(format!("{container}:{alias}"));
    }
    all.sort();
    all.dedup();
    all
}

/// Ports to announce, and host ports by container port.
type PortMaps = (Vec<String>, HashMap<String, Option<Vec<PortBinding>>>);

pub(super) fn ports(service: &Service) -> PortMaps {
    let mut exposed: Vec<String> = service.expose.iter().flat_map(|text| announced(text)).collect();
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in &service.ports {
        let key = format!("{}/{}", port.target, port.protocol.as_str());
        let host_port = match (port.published, port.published_last) {
            (None, _) => String::new(),
            (Some(first), None) => first.to_string(),
            (Some(first), Some(last)) => format!("{first}-{last}"),
        };
        let binding = PortBinding { host_ip: port.host_ip.clone(), host_port: Some(host_port) };
        bindings.entry(key.clone()).or_default().get_or_insert_default().push(binding);
        exposed.push(key);
    }
    exposed.sort_unstable();
    exposed.dedup();
    (exposed, bindings)
}

/// `81-82/udp` as single ports; the definition has checked the numbers.
fn announced(text: &str) -> Vec<String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let range = first.parse::<u16>().unwrap_or(1)..=last.parse::<u16>().unwrap_or(0);
    range.map(|port| format!("{port}/{protocol}")).collect()
}

/// As the engine takes maps; nothing for an empty one.
pub(in crate::runtime::docker) fn map(entries: &BTreeMap<String, String>) -> Option<HashMap<String, String>> {
    (!entries.is_empty()).then(|| entries.clone().into_iter().collect())
}
