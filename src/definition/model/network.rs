//! Ports, networks, and how a service is joined to them.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::ServiceName;

/// A published (or, without `published`, merely exposed to the host on a random port) container port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Port {
    pub host_ip: Option<String>,
    /// The host's port, or the first of those to choose from.
    pub published: Option<u16>,
    /// The last host port to choose from, where a range is given.
    pub published_last: Option<u16>,
    pub target: u16,
    pub protocol: Protocol,
    pub mode: PortMode,
    /// What people call it.
    pub name: Option<String>,
    /// The protocol spoken on it, such as `http`; for people, too.
    pub app_protocol: Option<String>,
}

impl Port {
    /// A TCP port of the container that is not given a port of the host.
    pub fn new(target: u16) -> Self {
        Self {
            host_ip: None,
            published: None,
            published_last: None,
            target,
            protocol: Protocol::Tcp,
            mode: PortMode::Ingress,
            name: None,
            app_protocol: None,
        }
    }
}

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    /// As Compose and Docker spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// `mode` of a port: the same thing on one engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PortMode {
    Ingress,
    Host,
}

/// How a service joins a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// Besides the service's name, which is always one.
    pub aliases: Vec<String>,
    pub ipv4_address: Option<String>,
    pub ipv6_address: Option<String>,
    pub link_local_ips: Vec<String>,
    pub mac_address: Option<String>,
    /// The highest is joined first.
    pub priority: i64,
    pub driver_opts: BTreeMap<String, String>,
    /// Whether the definition has a map here, if only an empty one: Compose's hash tells that from nothing.
    pub written: bool,
}

/// Something of another container, or of the host, to be shared: `network_mode`, `pid`, `ipc`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Namespace {
    /// `service:NAME`
    Service(ServiceName),
    /// `container:NAME`
    Container(String),
    /// `host`, `none`, `bridge`, `private`, `shareable`, or the name of a network.
    Named(String),
}

/// `network_mode`.
pub type NetworkMode = Namespace;

impl Namespace {
    /// Reads `service:NAME`, `container:NAME` or a name.
    pub fn new(text: &str) -> Self {
        match text.split_once(':') {
            Some(("service", name)) => Self::Service(ServiceName::new(name)),
            Some(("container", name)) => Self::Container(name.to_owned()),
            _ => Self::Named(text.to_owned()),
        }
    }

    /// The service whose container is shared.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Self::Service(name) => Some(name),
            _ => None,
        }
    }

    /// Whether it is that of the host.
    pub fn is_host(&self) -> bool {
        matches!(self, Self::Named(name) if name == "host")
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Container(name) => write!(f, "container:{name}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

/// A top-level network. The default is one that says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The name Docker knows it by: `<project>_<key>` unless given.
    pub name: String,
    pub driver: Option<String>,
    pub driver_opts: BTreeMap<String, String>,
    pub ipam: Ipam,
    pub internal: bool,
    pub external: bool,
    pub attachable: bool,
    pub labels: BTreeMap<String, String>,
    pub enable_ipv4: Option<bool>,
    pub enable_ipv6: Option<bool>,
}

/// How a network hands out addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipam {
    pub driver: Option<String>,
    pub config: Vec<IpamPool>,
}

/// One range of a network's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IpamPool {
    pub subnet: Option<String>,
    pub gateway: Option<String>,
    pub ip_range: Option<String>,
    pub aux_addresses: BTreeMap<String, String>,
}
