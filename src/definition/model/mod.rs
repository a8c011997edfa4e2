//! The resolved definition as plain data: every variable substituted, every short form expanded, every path absolute.

mod build;
mod extension;
mod files;
mod network;
mod process;
mod resources;
mod swarm;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

pub use build::{Build, PullPolicy};
pub use extension::{Backup, Done, Dump, Extension, HostBuild, HttpReady, ImageUnavailable, Ready};
pub use files::{
    BindOptions, BindRecursion, FileObject, FileReference, FileSource, Hidden, Keeping, Mount, MountSource,
    Tell, TmpfsOptions, Volume, VolumeOptions,
};
pub use network::{Attachment, Ipam, IpamPool, Namespace, Network, NetworkMode, Port, PortMode, Protocol};
pub use process::{Condition, Dependency, HealthTest, Healthcheck, Hook, Logging, Restart};
pub use resources::{
    Deploy, Device, DeviceRequest, Resources, RestartCondition, RestartPolicy, Ulimit, Usage,
};
pub use swarm::{Endpoint, OnFailure, Order, Rollout, Spread};

/// A service's name as the definition spells it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ServiceName(String);

impl ServiceName {
    /// Wraps a name; the loader has checked its grammar.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A whole stack.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definition {
    /// Compose project name: prefix of container, network and volume names.
    pub project: String,
    /// Absolute; relative paths of the definition start here.
    pub directory: PathBuf,
    /// The files it was read from, absolute, in merge order.
    pub files: Vec<PathBuf>,
    pub services: BTreeMap<ServiceName, Service>,
    /// Services that no enabled profile asks for, with their profiles: nothing is done with them, and their containers are no
    /// left-overs.
    pub disabled: BTreeMap<ServiceName, Vec<String>>,
    /// By key; always has `default` when a service uses it.
    pub networks: BTreeMap<String, Network>,
    pub volumes: BTreeMap<String, Volume>,
    pub secrets: BTreeMap<String, FileObject>,
    pub configs: BTreeMap<String, FileObject>,
}

impl Definition {
    /// The file of this machine that a service finds where its variable `NAME_FILE` (`NAME__FILE` for Grafana) says.
    pub fn file_of(&self, service: &Service, name: &str) -> Option<&Path> {
        let named = [format!("{name}_FILE"), format!("{name}__FILE")];
        let place = named.iter().find_map(|variable| service.environment.get(variable))?;
        let reference = service.secrets.iter().find(|reference| reference.path("/run/secrets") == *place)?;
        match &self.secrets.get(&reference.source)?.source {
            FileSource::File(path) => Some(path),
            _ => None,
        }
    }

    /// Whether it has the service, enabled or not.
    pub fn knows(&self, service: &ServiceName) -> bool {
        self.services.contains_key(service) || self.disabled.contains_key(service)
    }
}

/// One service. The default is one that says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "they are the definition's own switches")]
pub struct Service {
    pub name: ServiceName,
    /// The image's reference; for a built service without one, `<project>-<service>`.
    pub image: String,
    /// Whether the definition gives `image`; else it is the default name of a built one.
    pub image_named: bool,
    pub build: Option<Build>,
    pub pull_policy: Option<PullPolicy>,
    /// `os/arch[/variant]`
    pub platform: Option<String>,
    pub container_name: Option<String>,
    /// As it is written; [`Self::replicas`] is what holds.
    pub scale: Option<u32>,
    pub command: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    /// With what `env_file` brings.
    pub environment: BTreeMap<String, String>,
    /// Names listed without a value that nothing sets: taken away from what the image sets.
    pub unset_environment: BTreeSet<String>,
    /// With what `label_file` brings.
    pub labels: BTreeMap<String, String>,
    /// Where they were read; not printed, but Compose's hash has them.
    pub label_files: Vec<PathBuf>,
    pub annotations: BTreeMap<String, String>,

    pub ports: Vec<Port>,
    /// Ports of the container that are only announced, `80`, `81-82/udp`.
    pub expose: Vec<String>,
    pub network_mode: Option<NetworkMode>,
    /// Network key → how the service joins it. A service that names none joins `default`, unless it has a `network_mode`.
    pub networks: BTreeMap<String, Attachment>,
    /// `service` or `service:alias`
    pub links: Vec<String>,
    /// `container` or `container:alias`, of containers that are not the project's.
    pub external_links: Vec<String>,
    pub hostname: Option<String>,
    pub domainname: Option<String>,
    pub mac_address: Option<String>,
    pub dns: Vec<String>,
    pub dns_search: Vec<String>,
    pub dns_opt: Vec<String>,
    /// As `name:address`.
    pub extra_hosts: Vec<String>,

    pub mounts: Vec<Mount>,
    /// `service[:ro]` or `container:name[:ro]`
    pub volumes_from: Vec<String>,
    pub tmpfs: Vec<String>,
    pub secrets: Vec<FileReference>,
    pub configs: Vec<FileReference>,

    /// With those that follow from links, shared namespaces and `volumes_from`.
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    /// Optional dependencies that are not there: not defined, or in no enabled profile. Only printed.
    pub absent: BTreeMap<ServiceName, Dependency>,
    pub healthcheck: Option<Healthcheck>,
    /// As it is written; [`Self::restart_policy`] is what holds.
    pub restart: Option<Restart>,
    pub post_start: Vec<Hook>,
    pub pre_stop: Vec<Hook>,
    pub stop_signal: Option<String>,
    pub stop_grace_period: Option<Duration>,
    pub logging: Option<Logging>,

    pub user: Option<String>,
    pub group_add: Vec<String>,
    pub working_dir: Option<String>,
    pub init: Option<bool>,
    pub tty: bool,
    pub stdin_open: bool,
    /// Kept and printed: whether Compose's foreground `up` shows its output.
    pub attach: Option<bool>,
    pub read_only: bool,
    pub privileged: bool,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub devices: Vec<Device>,
    pub device_cgroup_rules: Vec<String>,
    pub gpus: Vec<DeviceRequest>,
    pub sysctls: BTreeMap<String, String>,
    pub ulimits: BTreeMap<String, Ulimit>,
    /// Bytes.
    pub shm_size: Option<i64>,
    pub storage_opt: BTreeMap<String, String>,
    pub pid: Option<Namespace>,
    pub ipc: Option<Namespace>,
    pub uts: Option<String>,
    pub userns_mode: Option<String>,
    /// `host` or `private`
    pub cgroup: Option<String>,
    pub cgroup_parent: Option<String>,
    pub runtime: Option<String>,

    /// As it is written; what follows from it is in [`Self::replicas`], [`Self::limits`], [`Self::reservations`] and
    /// [`Self::restart_policy`].
    pub deploy: Option<Deploy>,
    /// The older keys for the same.
    pub usage: Usage,
    pub profiles: Vec<String>,
    pub pdex: Extension,
}

impl Service {
    /// How many containers: `scale`, else `deploy.replicas`, else 1. Zero is a service that is off and is not waited for.
    pub fn replicas(&self) -> u32 {
        self.scale.or_else(|| self.deploy.as_ref()?.replicas).unwrap_or(1)
    }

    /// The restart policy in force. Like with Compose, that of `deploy` goes before `restart`.
    pub fn restart_policy(&self) -> Restart {
        let Some(policy) = self.deploy.as_ref().and_then(|deploy| deploy.restart_policy.as_ref()) else {
            return self.restart.unwrap_or_default();
        };
        match policy.condition {
            None | Some(RestartCondition::None) => Restart::No,
            Some(RestartCondition::Any) => Restart::Always,
            Some(RestartCondition::UnlessStopped) => Restart::UnlessStopped,
            Some(RestartCondition::OnFailure) => {
                Restart::OnFailure { max_retries: policy.max_attempts.filter(|count| *count > 0) }
            }
        }
    }

    /// What the container may use at most: `deploy.resources.limits`, else the older keys.
    pub fn limits(&self) -> Resources {
        let usage = &self.usage;
        let written = self.deploy.as_ref().and_then(|deploy| deploy.limits.clone()).unwrap_or_default();
        Resources {
            nano_cpus: written.nano_cpus.or(usage.cpus),
            memory: written.memory.or(usage.mem_limit),
            pids: written.pids.or(usage.pids_limit),
            devices: Vec::new(),
        }
    }

    /// What is kept for the container: `deploy.resources.reservations`, else the older keys.
    pub fn reservations(&self) -> Resources {
        let written = self.deploy.as_ref().and_then(|deploy| deploy.reservations.clone()).unwrap_or_default();
        Resources { memory: written.memory.or(self.usage.mem_reservation), ..written }
    }

    /// The services whose containers this one's is built on: their names are part of how it is created.
    pub fn shares(&self) -> impl Iterator<Item = &ServiceName> {
        [&self.network_mode, &self.pid, &self.ipc].into_iter().flatten().filter_map(Namespace::service)
    }
}
