//! Who can reach what: published ports, shared networks, and whether what goes out of the machine is encrypted.

use std::net::IpAddr;

use super::known::{self, Kind};
use super::{Advice, Facts, Hit, Look, Risk, Rule, Subject};
use crate::definition::model::{Port, Protocol, Service};

pub(super) const RULES: &[Rule] = &[
    Rule {
        id: "audit/port-exposed",
        risk: Risk::Medium,
        title: "port on every interface",
        why: "Docker's rules go before those of the firewall: everyone who reaches the machine reaches the port",
        fix: "`127.0.0.1:8000:8000`, and a reverse proxy for who is outside; `--fix` binds to loopback",
        references: &["CIS 5.14"],
        advice: Some(Advice::Network),
        look: Look::Service(port_exposed),
    },
    Rule {
        id: "audit/privileged-port",
        risk: Risk::Info,
        title: "port below 1024",
        why: "people and firewalls take such a port for a service of the machine itself",
        fix: "publish another port of the host",
        references: &["CIS 5.8"],
        advice: None,
        look: Look::Service(privileged_port),
    },
    Rule {
        id: "audit/ssh-port",
        risk: Risk::Medium,
        title: "ssh into a container",
        why: "one more set of keys and passwords to guard; `pdex exec` needs none",
        fix: "remove the port and the server",
        references: &["CIS 5.7"],
        advice: None,
        look: Look::Service(ssh_port),
    },
    Rule {
        id: "audit/default-bridge",
        risk: Risk::Low,
        title: "the engine's default network",
        why: "every container of every project that names none is on it",
        fix: "remove `network_mode: bridge`: the project has a network of its own",
        references: &["CIS 5.30"],
        advice: None,
        look: Look::Service(default_bridge),
    },
    Rule {
        id: "audit/flat-network",
        risk: Risk::Medium,
        title: "neighbours that need not meet",
        why: "who gets into one service reaches the database, or what tells of the machine, next door",
        fix: "put it on a network with the services that need it, and take the others off",
        references: &["CIS 5.30"],
        advice: Some(Advice::Network),
        look: Look::Stack(flat_network),
    },
    Rule {
        id: "audit/no-https",
        risk: Risk::Medium,
        title: "published without TLS",
        why: "passwords, keys and answers cross the network as they are",
        fix: "publish a reverse proxy with a certificate (nginx, Caddy, Traefik) and nothing else",
        references: &[],
        advice: Some(Advice::Https),
        look: Look::Stack(no_https),
    },
];

/// Whether an address is every interface; what is no address is left alone.
fn is_every(address: Option<&str>) -> bool {
    let Some(text) = address.map(str::trim).filter(|text| !text.is_empty() && *text != "*") else {
        return true;
    };
    match text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => {
            address.is_unspecified() || address.to_ipv4_mapped().is_some_and(|mapped| mapped.is_unspecified())
        }
        Ok(IpAddr::V4(address)) => address.is_unspecified(),
        Err(_) => false,
    }
}

/// Whether a port can be reached from other machines.
pub(super) fn is_exposed(port: &Port) -> bool {
    is_every(port.host_ip.as_deref())
}

/// Ports of databases and engines: whoever reaches one of them has what is in it.
const VALUABLE: &[u16] = &[1433, 2375, 2376, 2379, 3306, 5432, 6379, 9042, 9200, 11211, 27017];

fn shown(port: &Port) -> String {
    let number = port.published.unwrap_or_default();
    let published = match (port.published, port.published_last) {
        (Some(first), Some(last)) => format!("{first}-{last}"),
        (Some(_), None) => number.to_string(),
        (None, _) => "a free port".to_owned(),
    };
    match port.protocol {
        Protocol::Tcp => format!("{published}→{}", port.target),
        other => format!("{published}→{}/{}", port.target, other.as_str()),
    }
}

fn ports<'a>(subject: &'a Subject<'_>) -> impl Iterator<Item = (String, &'a Port)> {
    let all = &subject.service.ports;
    all.iter().enumerate().map(|(index, port)| (subject.item("ports", index, all.len()), port))
}

fn key(port: &Port) -> String {
    format!("{}/{}", port.target, port.protocol.as_str())
}

fn port_exposed(subject: &Subject<'_>) -> Vec<Hit> {
    let proxy = known::kind(&subject.service.image) == Some(Kind::Proxy);
    let exposed = ports(subject).filter(|(_, port)| is_exposed(port));
    exposed
        .map(|(at, port)| {
            let risk = match port.target {
                // What a proxy is there for.
                80 | 443 | 8080 | 8443 if proxy => Risk::Info,
                target if VALUABLE.contains(&target) => Risk::High,
                _ => Risk::Medium,
            };
            Hit::at(at, format!("publishes {} on every interface", shown(port))).key(key(port)).risk(risk)
        })
        .collect()
}

fn privileged_port(subject: &Subject<'_>) -> Vec<Hit> {
    if known::kind(&subject.service.image) == Some(Kind::Proxy) {
        return Vec::new();
    }
    let low =
        ports(subject).filter(|(_, port)| port.published.is_some_and(|number| number > 0 && number < 1024));
    low.map(|(at, port)| Hit::at(at, format!("publishes {}", shown(port))).key(key(port))).collect()
}

fn ssh_port(subject: &Subject<'_>) -> Vec<Hit> {
    let ssh = ports(subject).filter(|(_, port)| port.target == 22 && port.protocol == Protocol::Tcp);
    ssh.map(|(at, port)| Hit::at(at, format!("publishes ssh ({})", shown(port)))).collect()
}

fn default_bridge(subject: &Subject<'_>) -> Vec<Hit> {
    let mode = subject.service.network_mode.as_ref().map(ToString::to_string);
    let shared = mode.is_some_and(|mode| mode == "bridge" || mode == "default");
    shared.then(|| Hit::at("network_mode", "is on the engine's default network")).into_iter().collect()
}

/// Whether a service has a reason to talk to the one of that kind.
fn needs(service: &Service, guarded: &Service, kind: Kind) -> bool {
    match kind {
        Kind::Exporter => known::kind(&service.image) == Some(Kind::Prometheus),
        _ => service.depends_on.contains_key(&guarded.name) || guarded.depends_on.contains_key(&service.name),
    }
}

fn flat_network(facts: &Facts<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    let services = &facts.definition.services;
    for guarded in services.values() {
        let Some(kind @ (Kind::Database | Kind::Exporter)) = known::kind(&guarded.image) else { continue };
        // Who depends on the database's own dependent, such as an exporter of its metrics, is no reason to be here.
        let neighbours: Vec<&str> = services
            .values()
            .filter(|service| service.name != guarded.name && !needs(service, guarded, kind))
            .filter(|service| service.networks.keys().any(|network| guarded.networks.contains_key(network)))
            .map(|service| service.name.as_str())
            .collect();
        if !neighbours.is_empty() {
            let what = format!("shares a network without need with {}", neighbours.join(", "));
            hits.push(Hit::at("networks", what).of(&guarded.name));
        }
    }
    hits
}

fn no_https(facts: &Facts<'_>) -> Vec<Hit> {
    let services = facts.definition.services.values();
    let encrypts = |service: &Service| {
        service.ports.iter().any(|port| matches!(port.target, 443 | 8443))
            && known::kind(&service.image) == Some(Kind::Proxy)
    };
    // A database speaks no HTTP.
    let web =
        |service: &&Service| !service.ports.is_empty() && known::kind(&service.image) != Some(Kind::Database);
    let published: Vec<&Service> = services.filter(web).collect();
    if published.is_empty() || published.iter().any(|service| encrypts(service)) {
        return Vec::new();
    }
    let names: Vec<&str> = published.iter().map(|service| service.name.as_str()).collect();
    let outside = published.iter().any(|service| service.ports.iter().any(is_exposed));
    let what = format!("no reverse proxy encrypts what goes to {}", names.join(", "));
    let first = published.first().map(|service| &service.name);
    let hit = Hit::at("ports", what).risk(if outside { Risk::High } else { Risk::Medium });
    first.map(|name| Hit { service: Some(name.clone()), ..hit }).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_every_interface_is_one() {
        for text in ["", "*", "0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"] {
            assert!(is_every(Some(text)), "{text}");
        }
        assert!(is_every(None));
        for text in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.168.1.2", "localhost"] {
            assert!(!is_every(Some(text)), "{text}");
        }
    }
}
