//! Address ranges of networks about to be made, against those that are in use.

use std::net::{IpAddr, Ipv4Addr};

use super::Facts;
use crate::finding::Finding;
use crate::world::machine::Subnet;

pub(super) fn subnets(facts: &Facts<'_>) -> Vec<Finding> {
    let used: Vec<&str> =
        facts.services().flat_map(|service| service.networks.keys()).map(String::as_str).collect();
    let mut findings = Vec::new();
    for (key, network) in &facts.definition.networks {
        let exists = facts.world.networks.contains(&network.name);
        if exists || network.external || !used.contains(&key.as_str()) {
            continue;
        }
        let wanted = network.ipam.config.iter().filter_map(|pool| Subnet::parse(pool.subnet.as_deref()?));
        findings.extend(wanted.filter_map(|subnet| overlap(facts, key, subnet)));
    }
    findings
}

/// The engine refuses what overlaps with a network of its own. What overlaps with a route cuts the machine off from there.
fn overlap(facts: &Facts<'_>, key: &str, wanted: Subnet) -> Option<Finding> {
    let taken = facts.networks.iter().find(|other| other.subnets.iter().any(|s| s.overlaps(wanted)));
    if let Some(other) = taken {
        let message =
            format!("network {key}: its addresses {wanted} overlap with those of network {}", other.name);
        return Some(Finding::error("preflight/subnet-taken", message).hint(format!(
            "choose another subnet for {key}, or `docker network rm {}` if nothing uses it",
            other.name
        )));
    }
    let route = facts.routes.iter().find(|route| route.overlaps(wanted))?;
    let message =
        format!("network {key}: its addresses {wanted} overlap with a route of this machine, {route}");
    Some(
        Finding::warning("preflight/subnet-routed", message)
            .hint(format!("choose another subnet for {key}: `ip route` shows what is in use")),
    )
}

/// The machine's IPv4 routes, without the one to everywhere.
pub(super) fn routes() -> Vec<Subnet> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    table.lines().filter_map(route).collect()
}

/// A line of `/proc/net/route`: interface, destination, …, mask, the numbers in hexadecimal with the first octet last.
fn route(line: &str) -> Option<Subnet> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    let (destination, mask) = (number(1)?.swap_bytes(), number(7)?.swap_bytes());
    let prefix = u8::try_from(mask.leading_ones()).ok()?;
    (prefix > 0).then(|| Subnet::new(IpAddr::V4(Ipv4Addr::from_bits(destination)), prefix)).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;
    use crate::world::machine::AddressedNetwork;

    const STACK: &str = "name: x\nservices: { a: { image: \"a:1\", networks: [back] } }\n\
                         networks: { back: { ipam: { config: [{ subnet: 10.9.0.0/16 }] } } }\n";

    #[test]
    fn a_range_that_is_taken_is_an_error() {
        let mut stage = Stage::new(STACK);
        let subnets_of = |text: &str| vec![Subnet::parse(text).unwrap()];
        let other =
            |text| vec![AddressedNetwork { name: "shop_default".to_owned(), subnets: subnets_of(text) }];
        let mut facts = stage.facts();
        facts.networks = other("10.8.0.0/16");
        assert_eq!(Stage::said(subnets, &facts), [""; 0]);
        facts.networks = other("10.9.4.0/24");
        let expected = "Error preflight/subnet-taken network back: its addresses 10.9.0.0/16 overlap with those of network shop_default";
        assert_eq!(Stage::said(subnets, &facts), [expected]);
        drop(facts);
        stage.world.networks.insert("x_back".to_owned());
        let mut facts = stage.facts();
        facts.networks = other("10.9.0.0/16");
        assert_eq!(Stage::said(subnets, &facts), [""; 0], "it is there already");
    }

    #[test]
    fn a_range_that_leads_elsewhere_is_a_warning() {
        let stage = Stage::new(STACK);
        let mut facts = stage.facts();
        facts.routes = vec![Subnet::parse("10.0.0.0/8").unwrap()];
        let expected = "Warning preflight/subnet-routed network back: its addresses 10.9.0.0/16 overlap with a route of this machine, 10.0.0.0/8";
        assert_eq!(Stage::said(subnets, &facts), [expected]);
    }

    #[test]
    fn lines_of_the_routing_table_are_read() {
        let line = "docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0";
        assert_eq!(route(line), Subnet::parse("172.17.0.0/16"));
        assert_eq!(route("eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0"), None);
        assert_eq!(route("Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT"), None);
    }
}
