//! Networks: the top-level ones, how a service joins them, and what stands beside them.

use std::collections::BTreeMap;

use super::{attributes, full_name};
use crate::definition::field::Field;
use crate::definition::model::{Attachment, Ipam, IpamPool, Network};
use crate::definition::node::Value;

/// The top-level section.
pub(super) fn objects(section: &Field<'_>, project: &str) -> BTreeMap<String, Network> {
    let mut resolved = BTreeMap::new();
    for (key, field) in section.entries() {
        if key.text.starts_with("x-") {
            continue;
        }
        let mut network = Network::default();
        let mut name = None;
        for (attribute, value) in field.entries() {
            match attribute.text.as_str() {
                "name" => name = value.name(),
                "driver" => network.driver = value.optional(),
                "driver_opts" => network.driver_opts = value.dictionary(),
                "ipam" => network.ipam = ipam(&value),
                "internal" => network.internal = value.flag(),
                "external" => (network.external, name) = super::external(&value, name),
                "attachable" => network.attachable = value.flag(),
                "labels" => network.labels = value.dictionary(),
                "enable_ipv4" => network.enable_ipv4 = value.boolean(),
                "enable_ipv6" => network.enable_ipv6 = value.boolean(),
                _ => value.unexpected(attribute, attributes::NETWORK, &[]),
            }
        }
        network.name = full_name(name, &key.text, project, network.external);
        super::only_external(&field, network.external);
        field.remember();
        resolved.insert(key.text.clone(), network);
    }
    resolved
}

fn ipam(field: &Field<'_>) -> Ipam {
    let mut ipam = Ipam::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "driver" => ipam.driver = value.optional(),
            "config" => ipam.config = value.items().iter().map(pool).collect(),
            _ => value.unexpected(key, attributes::IPAM, attributes::IPAM_UNSUPPORTED),
        }
    }
    ipam
}

fn pool(field: &Field<'_>) -> IpamPool {
    let mut pool = IpamPool::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "subnet" => pool.subnet = value.optional(),
            "gateway" => pool.gateway = value.optional(),
            "ip_range" => pool.ip_range = value.optional(),
            "aux_addresses" => pool.aux_addresses = value.dictionary(),
            _ => value.unexpected(key, attributes::IPAM_POOL, &[]),
        }
    }
    pool
}

/// Items of a list that stands for a map without values, or the entries of the map.
pub(super) fn named<'a>(field: &Field<'a>) -> Vec<(String, Field<'a>)> {
    match field.node.value {
        Value::List(_) => field.items().into_iter().filter_map(|item| Some((item.name()?, item))).collect(),
        _ => field
            .entries_of("a list or a map")
            .into_iter()
            .map(|(key, value)| (key.text.clone(), value))
            .collect(),
    }
}

/// `networks` of a service.
pub(super) fn attachments(field: &Field<'_>) -> BTreeMap<String, Attachment> {
    let mut attachments = BTreeMap::new();
    for (name, value) in named(field) {
        let attachment = if field.is_list() { Attachment::default() } else { attachment(&value) };
        value.context.places.borrow_mut().insert(format!("{}.{name}", field.path), value.mark());
        attachments.insert(name, attachment);
    }
    attachments
}

fn attachment(field: &Field<'_>) -> Attachment {
    let mut attachment = Attachment { written: !field.node.is_null(), ..Attachment::default() };
    for (key, option) in field.entries() {
        match key.text.as_str() {
            "aliases" => attachment.aliases = option.distinct(),
            "ipv4_address" => attachment.ipv4_address = option.optional(),
            "ipv6_address" => attachment.ipv6_address = option.optional(),
            "link_local_ips" => attachment.link_local_ips = option.distinct(),
            "mac_address" => attachment.mac_address = option.optional(),
            "priority" => attachment.priority = option.integer("a whole number").unwrap_or_default(),
            "driver_opts" => attachment.driver_opts = option.dictionary(),
            _ => option.unexpected(key, attributes::ATTACHMENT, attributes::ATTACHMENT_UNSUPPORTED),
        }
    }
    attachment
}

/// Each as `name:address`, the way the engine takes them.
pub(super) fn extra_hosts(field: &Field<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    if field.is_list() {
        for item in field.items() {
            let Some(text) = item.text() else { continue };
            match text.split_once('=').or_else(|| text.split_once(':')) {
                Some((name, address)) if !name.is_empty() && !address.is_empty() => {
                    hosts.push(host(name, address));
                }
                _ => item.wrong("expected a name and an address such as \"db=10.0.0.2\""),
            }
        }
    } else {
        for (key, value) in field.entries() {
            let addresses = if value.is_list() { value.texts() } else { value.text().into_iter().collect() };
            hosts.extend(addresses.iter().map(|address| host(&key.text, address)));
        }
    }
    hosts.sort();
    hosts.dedup();
    hosts
}

fn host(name: &str, address: &str) -> String {
    let bare = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    format!("{name}:{}", bare.unwrap_or(address))
}
