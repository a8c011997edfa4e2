//! What an engine tells of the machine it runs on, and of who has what there: for the checks before a run, and for saying why
//! something failed. Not part of the snapshot that plans are made from.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Serialize;

/// The engine's machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Of the engine's API, e.g. `1.41`.
    pub api_version: String,
    /// As images name it: `amd64`, `arm64`; empty where it is not known.
    pub architecture: String,
    /// `linux` or `windows`.
    pub system: String,
    /// Bytes.
    pub memory: Option<u64>,
    pub cpus: Option<u64>,
    /// Where the engine keeps images, containers and volumes.
    pub root: PathBuf,
    /// Storage driver.
    pub driver: String,
    /// `1` or `2`; empty where it is not known.
    pub cgroup_version: String,
    /// Whether it is this machine: its files, ports and routes can be looked at.
    pub local: bool,
    /// Of the disk that has `root`, where it can be seen.
    pub disk: Option<Disk>,
    /// How far its clock is ahead of this machine's, in milliseconds; negative behind. `None` where it does not tell.
    pub clock_ahead_ms: Option<i64>,
}

/// Room on a disk, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Disk {
    pub free: u64,
    pub size: u64,
}

/// Whose container it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The container's name.
    pub container: String,
    /// Label `com.docker.compose.project`; `None` for one that belongs to no project.
    pub project: Option<String>,
    pub service: Option<String>,
}

impl fmt::Display for Owner {
    /// `container shop-web-1 (service web of project shop)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "container {}", self.container)?;
        match (&self.service, &self.project) {
            (Some(service), Some(project)) => write!(f, " (service {service} of project {project})"),
            (None, Some(project)) => write!(f, " (of project {project})"),
            _ => f.write_str(" (of no project)"),
        }
    }
}

/// Who has a port of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    Container(Owner),
    /// A process that listens on it.
    Process {
        name: String,
        id: u32,
    },
    /// A program that this user cannot see.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(owner) => owner.fmt(f),
            Self::Process { name, id } => write!(f, "{name} (process {id})"),
            Self::Unknown => f.write_str("a program that this user cannot see"),
        }
    }
}

/// A range of addresses, `172.18.0.0/16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnet {
    address: IpAddr,
    prefix: u8,
}

impl Subnet {
    /// The range of an address and the length of its prefix.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let most = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= most).then_some(Self { address, prefix })
    }

    /// Reads `address/prefix`.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        Self::new(address.parse().ok()?, prefix.parse().ok()?)
    }

    /// Whether the two have an address in common.
    pub fn overlaps(self, other: Self) -> bool {
        let shared = self.prefix.min(other.prefix);
        match (self.address, other.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let differing = u128::from(a.to_bits() ^ b.to_bits()) << 96;
                begins_alike(differing, shared)
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => begins_alike(a.to_bits() ^ b.to_bits(), shared),
            _ => false,
        }
    }
}

fn begins_alike(differing: u128, bits: u8) -> bool {
    differing.leading_zeros() >= u32::from(bits)
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// A network of the engine, of whatever project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressedNetwork {
    pub name: String,
    pub subnets: Vec<Subnet>,
}

/// A number of bytes as people read it: `512 MiB`, `1.5 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value < 10.0 && value.fract() >= 0.05);
    format!("{value:.digits$} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_overlap_where_one_holds_the_other() {
        for (a, b, expected) in [
            ("172.18.0.0/16", "172.18.4.0/24", true),
            ("172.18.0.0/16", "172.19.0.0/16", false),
            ("10.0.0.0/8", "10.0.0.0/8", true),
            ("0.0.0.0/0", "10.0.0.0/8", true),
            ("fd00::/64", "fd00:0:0:0:1::/80", true),
            ("fd00::/64", "10.0.0.0/8", false),
        ] {
            let (one, other) = (Subnet::parse(a).unwrap(), Subnet::parse(b).unwrap());
            assert_eq!(one.overlaps(other), expected, "{a} {b}");
            assert_eq!(other.overlaps(one), expected, "{b} {a}");
        }
        assert_eq!(Subnet::parse("10.0.0.0/33"), None);
    }

    #[test]
    fn bytes_read_naturally() {
        for (count, expected) in [
            (12, "12 B"),
            (512 << 20, "512 MiB"),
            (3 << 29, "1.5 GiB"),
            (24 << 30, "24 GiB"),
            (65_536, "64 KiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn owners_are_called_by_project() {
        let owner = Owner {
            container: "shop-web-1".to_owned(),
            project: Some("shop".to_owned()),
            service: Some("web".to_owned()),
        };
        assert_eq!(owner.to_string(), "container shop-web-1 (service web of project shop)");
        let alone = Owner { container: "x".to_owned(), ..Owner::default() };
        assert_eq!(alone.to_string(), "container x (of no project)");
    }
}
