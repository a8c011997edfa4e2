//! `ports`: `[[host-ip:]host:]container[/protocol]`, ranges included, and the long form.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::attributes;
use crate::definition::context::MAX_PORTS;
use crate::definition::field::{Field, last_of_each};
use crate::definition::model::{Port, PortMode, Protocol};
use crate::finding::Finding;

/// Ports of one range. The engine runs a proxy for each.
const MAX_RANGE: usize = 2000;

/// All ports of a service; the same one twice counts once.
pub(super) fn read(ports: &Field<'_>) -> Vec<Port> {
    let mut all: Vec<Port> = Vec::new();
    for field in ports.items() {
        let read = if field.is_scalar() { short(&field) } else { long(&field).into_iter().collect() };
        let Some(left) = field.context.ports_left.get() else { break };
        let left = left.checked_sub(read.len());
        field.context.ports_left.set(left);
        if left.is_none() {
            field.wrong(format_args!("the definition has more than {MAX_PORTS} ports"));
            break;
        }
        all.extend(read);
    }
    let mut seen = HashSet::new();
    all.retain(|port| seen.insert(port.clone()));
    all
}

fn short(field: &Field<'_>) -> Vec<Port> {
    let Some(text) = field.literal("a port such as \"8000:80\"") else { return Vec::new() };
    match parse(text) {
        Ok(ports) => ports,
        Err(message) => {
            field.wrong(message);
            Vec::new()
        }
    }
}

/// Reads the short form.
pub(super) fn parse(text: &str) -> Result<Vec<Port>, String> {
    let (text, protocol) = match text.rsplit_once('/') {
        None => (text, Protocol::Tcp),
        Some((rest, name)) => (rest, parse_protocol(name)?),
    };
    let (rest, target) = split_last(text);
    let (host_ip, published) = match rest {
        None => (None, None),
        Some(rest) => {
            let (ip, published) = split_last(rest);
            (
                ip.filter(|ip| !ip.is_empty()).map(parse_ip).transpose()?,
                (!published.is_empty()).then_some(published),
            )
        }
    };
    let targets = range("container port", target, 1)?;
    let published = published.map(|text| range("host port", text, 0)).transpose()?;
    let one = |target| Port { host_ip: host_ip.clone(), protocol, ..Port::new(target) };
    let count = targets.clone().count();
    if count > MAX_RANGE {
        return Err(format!(
            "`{target}` are {count} ports, more than {MAX_RANGE}; share the host's network instead"
        ));
    }
    let mut ports: Vec<Port> = match published {
        None => targets.map(one).collect(),
        // One of several host ports is to be chosen.
        Some(published) if count == 1 => {
            let mut port = one(*targets.start());
            set_published(&mut port, &published);
            vec![port]
        }
        Some(published) if published.clone().count() == count => {
            let pairs = targets.zip(published);
            pairs.map(|(target, published)| Port { published: Some(published), ..one(target) }).collect()
        }
        Some(_) => return Err(format!("the host and container port ranges of `{text}` differ in length")),
    };
    // Compose's order, which its hash depends on.
    ports.sort_by_cached_key(|port| port.target.to_string());
    Ok(ports)
}

fn set_published(port: &mut Port, range: &RangeInclusive<u16>) {
    port.published = Some(*range.start());
    port.published_last = (range.start() < range.end()).then_some(*range.end());
}

/// `expose`: ports and ranges that are only announced, with the container's protocol.
pub(super) fn exposed(field: &Field<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for item in field.items() {
        let Some(text) = item.literal("a port such as 80, 80-81 or 53/udp") else { continue };
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        if let Err(message) = range("port", ports, 1).and_then(|_| parse_protocol(protocol)) {
            item.wrong(message);
        } else {
            all.push(text.to_owned());
        }
    }
    last_of_each(all, Clone::clone)
}

/// What stands before the last colon outside brackets, and what after.
fn split_last(text: &str) -> (Option<&str>, &str) {
    match text.rfind(':') {
        Some(at) if !text[at..].contains(']') => (Some(&text[..at]), &text[at + 1..]),
        _ => (None, text),
    }
}

fn parse_ip(text: &str) -> Result<String, String> {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    match inner.parse::<std::net::IpAddr>() {
        Ok(_) => Ok(inner.to_owned()),
        Err(_) => Err(format!("host address `{text}` is not an IP address")),
    }
}

fn parse_protocol(name: &str) -> Result<Protocol, String> {
    match name.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Ok(Protocol::Sctp),
        _ => Err(format!("protocol `{name}` is none of tcp, udp and sctp")),
    }
}

fn range(what: &str, text: &str, minimum: u16) -> Result<RangeInclusive<u16>, String> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let number = if digits { text.parse().ok() } else { None };
        let number = number.filter(|number| *number >= minimum);
        number.ok_or_else(|| format!("{what} `{text}` is not a number from {minimum} to 65535"))
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    if first > last {
        return Err(format!("{what} range `{text}` runs backwards"));
    }
    Ok(first..=last)
}

fn long(field: &Field<'_>) -> Option<Port> {
    let mut port = Port::new(0);
    let mut complete = true;
    for (key, value) in field.entries() {
        let text = || value.literal("text or a number").unwrap_or_default();
        let result = match key.text.as_str() {
            "target" => range("container port", text(), 1).map(|range| port.target = *range.start()),
            "published" if text().is_empty() => Ok(()),
            "published" => range("host port", text(), 0).map(|range| set_published(&mut port, &range)),
            "host_ip" => parse_ip(text()).map(|ip| port.host_ip = Some(ip)),
            "protocol" => parse_protocol(text()).map(|protocol| port.protocol = protocol),
            "mode" => match text() {
                "ingress" => Ok(()),
                "host" => {
                    port.mode = PortMode::Host;
                    Ok(())
                }
                other => Err(format!("mode `{other}` is neither ingress nor host")),
            },
            "name" => {
                port.name = value.optional();
                Ok(())
            }
            "app_protocol" => {
                port.app_protocol = value.optional();
                Ok(())
            }
            _ => {
                value.unexpected(key, attributes::PORT, &[]);
                Ok(())
            }
        };
        if let Err(message) = result {
            value.wrong(message);
            complete = false;
        }
    }
    if complete && port.target == 0 {
        let message = format!("{}: `target` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
    }
    (complete && port.target > 0).then_some(port)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The short form of a port.
    fn print(port: &Port) -> String {
        let ip = port.host_ip.as_ref().map(|ip| format!("[{ip}]:")).unwrap_or_default();
        let published = match (port.published, port.published_last) {
            (Some(first), Some(last)) => format!("{first}-{last}:"),
            (Some(first), None) => format!("{first}:"),
            (None, _) if port.host_ip.is_some() => ":".to_owned(),
            (None, _) => String::new(),
        };
        format!("{ip}{published}{}/{}", port.target, port.protocol.as_str())
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9:./a-z\\[\\]-]{0,40}|.*") {
            for port in parse(&text).unwrap_or_default() {
                prop_assert_eq!(parse(&print(&port)), Ok(vec![port]));
            }
        }

        #[test]
        fn ranges_pair_up(first in 1..60_000_u16, host in 0..60_000_u16, more in 0..1_000_u16) {
            let text = format!("{host}-{}:{first}-{}", host + more, first + more);
            let ports = parse(&text).expect("as long as each other");
            prop_assert_eq!(ports.len(), usize::from(more) + 1);
            prop_assert!(ports.iter().all(|port| port.published == Some(host + (port.target - first))));
        }
    }

    fn check(text: &str, expected: &[(Option<&str>, Option<u16>, u16, Protocol)]) {
        let expected: Vec<Port> = expected
            .iter()
            .map(|(ip, published, target, protocol)| Port {
                host_ip: ip.map(str::to_owned),
                published: *published,
                protocol: *protocol,
                ..Port::new(*target)
            })
            .collect();
        assert_eq!(parse(text), Ok(expected), "{text}");
    }

    #[test]
    fn the_short_form() {
        use Protocol::{Tcp, Udp};
        check("80", &[(None, None, 80, Tcp)]);
        check("8000:80", &[(None, Some(8000), 80, Tcp)]);
        check("127.0.0.1:8000:80", &[(Some("127.0.0.1"), Some(8000), 80, Tcp)]);
        check("127.0.0.1::80", &[(Some("127.0.0.1"), None, 80, Tcp)]);
        check("[::1]:53:53/udp", &[(Some("::1"), Some(53), 53, Udp)]);
        check("::1:53:53", &[(Some("::1"), Some(53), 53, Tcp)]);
        check("90-91", &[(None, None, 90, Tcp), (None, None, 91, Tcp)]);
        check("8000-8001:90-91", &[(None, Some(8000), 90, Tcp), (None, Some(8001), 91, Tcp)]);
    }

    #[test]
    fn what_is_no_port_says_why() {
        for (text, part) in [
            ("", "container port ``"),
            ("0", "from 1 to 65535"),
            ("abc:80", "host port `abc`"),
            ("70000:80", "host port `70000`"),
            ("80:+80", "container port `+80`"),
            ("80/icmp", "none of tcp, udp and sctp"),
            ("host:80:80", "not an IP address"),
            ("8000-8002:80-81", "differ in length"),
            ("1-65535:1-65535", "more than 2000"),
            ("9-8", "backwards"),
            ("a:b:c:1:80", "host address `a:b:c`"),
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
