//! What a container may use of the machine: `deploy`, the older keys for the same, devices and limits.

use std::collections::BTreeMap;
use std::time::Duration;

/// CPU and memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Resources {
    /// Billionths of a core.
    pub nano_cpus: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    pub pids: Option<i64>,
    /// Of reservations only.
    pub devices: Vec<DeviceRequest>,
}

/// `deploy`, as it is written. What follows from it is in [`super::Service`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deploy {
    /// `mode: replicated`, the one that is supported, is spelt out.
    pub replicated: bool,
    pub replicas: Option<u32>,
    pub limits: Option<Resources>,
    pub reservations: Option<Resources>,
    pub restart_policy: Option<RestartPolicy>,
}

/// `deploy.restart_policy`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestartPolicy {
    pub condition: Option<RestartCondition>,
    pub max_attempts: Option<u32>,
    /// Kept and printed; the engine has its own.
    pub delay: Option<Duration>,
    /// Kept and printed; the engine has its own.
    pub window: Option<Duration>,
}

/// When to start again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestartCondition {
    None,
    OnFailure,
    Any,
    UnlessStopped,
}

/// The resource keys that are older than `deploy`, as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    pub cpu_period: Option<i64>,
    pub cpu_quota: Option<i64>,
    pub cpu_rt_period: Option<i64>,
    pub cpu_rt_runtime: Option<i64>,
    pub cpu_shares: Option<i64>,
    /// Billionths of a core.
    pub cpus: Option<i64>,
    pub cpuset: Option<String>,
    /// Bytes, like the next two.
    pub mem_limit: Option<i64>,
    pub mem_reservation: Option<i64>,
    /// -1 means without end.
    pub memswap_limit: Option<i64>,
    pub mem_swappiness: Option<i64>,
    pub oom_kill_disable: bool,
    pub oom_score_adj: Option<i64>,
    pub pids_limit: Option<i64>,
}

/// A wish for devices that a driver hands out, such as GPUs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DeviceRequest {
    pub driver: Option<String>,
    /// -1 means all.
    pub count: Option<i64>,
    pub device_ids: Vec<String>,
    pub capabilities: Vec<String>,
    pub options: BTreeMap<String, String>,
}

/// A device file of the host.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    pub source: String,
    pub target: String,
    pub permissions: String,
}

/// A limit of `ulimits`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ulimit {
    /// Soft and hard alike.
    Single(i64),
    Range {
        soft: i64,
        hard: i64,
    },
}
