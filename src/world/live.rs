//! What an engine tells on the spot of what runs: containers as it lists them, what they use, what happens to them. Plain data
//! with the arithmetic that reads it; not part of the snapshot that plans are made from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Timestamp;
use super::{ContainerId, ImageId, State};
use crate::definition::model::{Protocol, ServiceName};

/// A container as the engine lists it: also a one-off run, and one of a service that the definition no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: ContainerId,
    /// Without the leading slash.
    pub name: String,
    pub service: ServiceName,
    /// Counts the containers of a service from 1.
    pub number: u32,
    /// Made by `run`, beside the service's own containers.
    pub one_off: bool,
    /// As it was named when the container was made.
    pub image: String,
    pub image_id: ImageId,
    pub command: String,
    pub created: Timestamp,
    pub state: State,
    pub ports: Vec<Binding>,
}

impl Listed {
    /// Whether its process lives, paused or not.
    pub fn runs(&self) -> bool {
        matches!(self.state, State::Running { .. } | State::Paused)
    }
}

/// A port of a container, and where the engine's machine publishes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Binding {
    pub container_port: u16,
    pub protocol: Protocol,
    /// `None`: exposed to other containers only.
    pub host_port: Option<u16>,
    pub host_ip: Option<String>,
}

impl Binding {
    /// `tcp`, `udp` or `sctp`.
    pub fn protocol_name(&self) -> &'static str {
        match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

/// What a container has used since it started, as the kernel counts it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    pub cpu_ns: u64,
    /// What all cores together have worked and idled since the machine started.
    pub machine_ns: u64,
    pub cores: u32,
    /// Bytes in use, without what the kernel can drop at once.
    pub memory: u64,
    /// Its own limit, or the machine's memory.
    pub memory_limit: u64,
    pub received: u64,
    pub sent: u64,
    pub read: u64,
    pub written: u64,
    pub processes: u64,
}

impl Usage {
    /// Per cent of one core between an earlier reading and this one.
    pub fn cpu_percent(&self, earlier: &Self) -> f64 {
        let own = self.cpu_ns.saturating_sub(earlier.cpu_ns);
        let machine = self.machine_ns.saturating_sub(earlier.machine_ns);
        if machine == 0 {
            return 0.0;
        }
        own as f64 / machine as f64 * f64::from(self.cores) * 100.0
    }

    /// Per cent of its memory limit.
    pub fn memory_percent(&self) -> f64 {
        if self.memory_limit == 0 { 0.0 } else { self.memory as f64 / self.memory_limit as f64 * 100.0 }
    }
}

/// How much of the processors a container may use, as an engine says it: one way or the other, never both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuLimit {
    /// Billionths of a processor; 0 where it is not said so.
    pub nano_cpus: i64,
    /// Microseconds of work in a period; 0 or less is no limit.
    pub quota_us: i64,
    /// 0 is the kernel's own.
    pub period_us: i64,
}

/// The kernel's own period.
const PERIOD_US: i64 = 100_000;
/// The least that engines take, in microseconds of a period.
const LEAST_QUOTA_US: i64 = 1_000;

impl CpuLimit {
    /// As a container's document has it.
    pub fn of(document: &Value) -> Self {
        let number = |key: &str| document["HostConfig"][key].as_i64().unwrap_or_default();
        Self { nano_cpus: number("NanoCpus"), quota_us: number("CpuQuota"), period_us: number("CpuPeriod") }
    }

    /// Whether it is one at all.
    pub fn is_limit(self) -> bool {
        self.nano_cpus > 0 || self.quota_us > 0
    }

    /// This share of one processor, said in the same way: an engine refuses to go from one way to the other.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "billionths of a few processors")]
    pub fn with(self, share: f64) -> Self {
        if self.nano_cpus > 0 {
            return Self { nano_cpus: (share * 1e9) as i64, ..self };
        }
        let period = if self.period_us > 0 { self.period_us } else { PERIOD_US };
        let quota_us = (share * period as f64) as i64;
        Self { quota_us: quota_us.max(LEAST_QUOTA_US), ..self }
    }
}

/// The processes inside a container, in the columns of the engine's `ps`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Processes {
    pub titles: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// Something that happened to a container of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    pub at: Timestamp,
    /// `start`, `die`, `health_status: healthy` …
    pub action: String,
    pub container: ContainerId,
    pub name: String,
    pub service: ServiceName,
    /// What the engine says besides, without the container's labels.
    pub details: BTreeMap<String, String>,
}

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts {
    pub id: ImageId,
    /// Bytes.
    pub size: u64,
    /// RFC 3339, as the engine gives it.
    pub created: String,
    pub architecture: String,
    /// `distribution` for what pdex made from the distribution's packages.
    pub source: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_counted_in_cores() {
        let earlier = Usage { cpu_ns: 1_000, machine_ns: 10_000, cores: 4, ..Usage::default() };
        for (cpu_ns, machine_ns, expected) in
            [(1_000, 14_000, 0.0), (2_000, 14_000, 100.0), (3_000, 14_000, 200.0)]
        {
            let now = Usage { cpu_ns, machine_ns, cores: 4, ..Usage::default() };
            assert!((now.cpu_percent(&earlier) - expected).abs() < 1e-9, "{cpu_ns}");
        }
        assert!(earlier.cpu_percent(&earlier).abs() < 1e-9, "no time has passed");
        assert!(
            Usage::default().cpu_percent(&earlier).abs() < 1e-9,
            "it was started anew between the readings"
        );
    }

    #[test]
    fn a_limit_is_said_in_the_way_it_was_said() {
        let of = |nano: i64, quota: i64, period: i64| {
            CpuLimit::of(
                &serde_json::json!({"HostConfig": {"NanoCpus": nano, "CpuQuota": quota, "CpuPeriod": period}}),
            )
        };
        for (before, limited, cut) in [
            (of(1_000_000_000, 0, 0), true, of(20_000_000, 0, 0)),
            (of(0, 0, 0), false, of(0, 2_000, 0)),
            (of(0, -1, 0), false, of(0, 2_000, 0)),
            (of(0, 150_000, 50_000), true, of(0, 1_000, 50_000)),
        ] {
            assert_eq!((before.is_limit(), before.with(0.02)), (limited, cut));
        }
        assert_eq!(CpuLimit::of(&Value::Null), CpuLimit::default());
    }

    #[test]
    fn memory_is_held_against_its_limit() {
        let usage = Usage { memory: 64, memory_limit: 256, ..Usage::default() };
        assert!((usage.memory_percent() - 25.0).abs() < 1e-9);
        assert!(Usage::default().memory_percent().abs() < 1e-9);
    }
}
