//! The resolved definition as plain data: every variable substituted, every short form expanded, every path absolute.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

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
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Compose project name: prefix of container, network and volume names.
    pub project: String,
    /// Absolute; relative paths of the definition start here.
    pub directory: PathBuf,
    /// The files it was read from, absolute, in merge order.
    pub files: Vec<PathBuf>,
    pub services: BTreeMap<ServiceName, Service>,
    /// By key; always has `default` when a service uses it.
    pub networks: BTreeMap<String, Network>,
    pub volumes: BTreeMap<String, Volume>,
}

/// One service. The default is one that says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Service {
    pub name: ServiceName,
    /// The image's reference; for a built service without one, `<project>-<service>`.
    pub image: String,
    /// Whether the definition gives `image`; else it is the default name of a built one.
    pub image_named: bool,
    pub build: Option<Build>,
    pub container_name: Option<String>,
    pub command: Option<Vec<String>>,
    pub entrypoint: Option<Vec<String>>,
    pub environment: BTreeMap<String, String>,
    /// Names listed without a value that nothing sets: taken away from what the image sets.
    pub unset_environment: BTreeSet<String>,
    pub ports: Vec<Port>,
    pub mounts: Vec<Mount>,
    /// Network key → how the service joins it. A service that names none joins `default`.
    pub networks: BTreeMap<String, Attachment>,
    pub depends_on: BTreeMap<ServiceName, Dependency>,
    pub healthcheck: Option<Healthcheck>,
    /// `None` when the definition is silent, which Docker reads as [`Restart::No`].
    pub restart: Option<Restart>,
    pub user: Option<String>,
    pub working_dir: Option<String>,
    pub init: Option<bool>,
    pub read_only: bool,
    pub tmpfs: Vec<String>,
    pub cap_add: Vec<String>,
    pub cap_drop: Vec<String>,
    pub security_opt: Vec<String>,
    pub extra_hosts: Vec<String>,
    pub labels: BTreeMap<String, String>,
    pub stop_signal: Option<String>,
    pub stop_grace_period: Option<Duration>,
    pub limits: Resources,
    pub reservations: Resources,
    pub profiles: Vec<String>,
    pub pdex: Extension,
}

impl Service {
    /// The restart policy in force.
    pub fn restart_policy(&self) -> Restart {
        self.restart.unwrap_or_default()
    }
}

/// How an image is built from source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// Absolute.
    pub context: PathBuf,
    /// Absolute.
    pub dockerfile: PathBuf,
    pub args: BTreeMap<String, String>,
    pub target: Option<String>,
}

/// A published (or, without `published`, merely exposed to the host on a random port) container port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    pub host_ip: Option<String>,
    pub published: Option<u16>,
    pub target: u16,
    pub protocol: Protocol,
}

/// Transport of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub source: MountSource,
    /// Absolute path inside the container.
    pub target: String,
    pub read_only: bool,
    /// What the definition says besides, for the mount's own kind.
    pub bind: Option<BindOptions>,
    pub volume: Option<VolumeOptions>,
    pub tmpfs: Option<TmpfsOptions>,
}

/// Options of a bind mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BindOptions {
    /// Make a folder where nothing is. The short syntax asks for it.
    pub create_host_path: bool,
    pub propagation: Option<String>,
    /// `z` or `Z`
    pub selinux: Option<String>,
}

/// Options of a volume mount.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VolumeOptions {
    /// Do not fill a new volume with what the image has at the target.
    pub nocopy: bool,
}

/// Options of a mount in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TmpfsOptions {
    /// Bytes.
    pub size: Option<i64>,
    /// Permission bits.
    pub mode: Option<u32>,
}

/// Where a mount's content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// Absolute host path.
    Bind(PathBuf),
    /// Key of a top-level volume.
    Volume(String),
    /// A volume of no name.
    Anonymous,
    Tmpfs,
}

/// How a service joins a network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attachment {
    /// Besides the service's name, which is always one.
    pub aliases: Vec<String>,
}

/// What a dependent waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    pub condition: Condition,
    /// When false a dependency that fails or is absent is a warning and the dependent starts all the same.
    pub required: bool,
    /// Restart the dependent when the dependency is recreated.
    pub restart: bool,
}

/// Compose's three conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    ServiceStarted,
    ServiceHealthy,
    ServiceCompletedSuccessfully,
}

/// The declared health test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Healthcheck {
    pub test: HealthTest,
    /// This and the next three are `None` where the definition is silent: the image's own health check, or Docker's default,
    /// holds then. The methods of the same names give the value to reckon with.
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub retries: Option<u32>,
    pub start_period: Option<Duration>,
    /// Time between two runs during the start period, where the engine knows it (API 1.44).
    pub start_interval: Option<Duration>,
}

impl Healthcheck {
    /// Docker's defaults for what the definition leaves out.
    pub const INTERVAL: Duration = Duration::from_secs(30);
    /// See [`Self::INTERVAL`].
    pub const TIMEOUT: Duration = Duration::from_secs(30);
    /// See [`Self::INTERVAL`].
    pub const RETRIES: u32 = 3;

    /// Time between two runs of the test.
    pub fn interval(&self) -> Duration {
        self.interval.unwrap_or(Self::INTERVAL)
    }

    /// Time after which one run of the test counts as failed.
    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Self::TIMEOUT)
    }

    /// Failures in a row that make the container unhealthy.
    pub fn retries(&self) -> u32 {
        self.retries.unwrap_or(Self::RETRIES)
    }

    /// Time after the start during which failures do not count.
    pub fn start_period(&self) -> Duration {
        self.start_period.unwrap_or_default()
    }
}

/// The form of a health test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HealthTest {
    /// `NONE`, or `disable: true`: also switches off the image's own check.
    Disabled,
    /// `CMD`: argument vector.
    Command(Vec<String>),
    /// `CMD-SHELL`, or a plain string: a line for the container's `/bin/sh -c`.
    Shell(String),
}

/// What the engine does when the container's process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    #[default]
    No,
    Always,
    UnlessStopped,
    OnFailure {
        max_retries: Option<u32>,
    },
}

/// CPU and memory of `deploy.resources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resources {
    /// Billionths of a core.
    pub nano_cpus: Option<i64>,
    /// Bytes.
    pub memory: Option<i64>,
    pub pids: Option<i64>,
}

/// A top-level network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The name Docker knows it by: `<project>_<key>` unless given.
    pub name: String,
    pub driver: Option<String>,
    pub internal: bool,
    pub external: bool,
}

/// A top-level volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// The name Docker knows it by: `<project>_<key>` unless given.
    pub name: String,
    pub external: bool,
}

/// What `x-pdex` says of a service: things Compose has no word for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Extension {
    /// Absolute folder with a Dockerfile that makes this image from the distribution's packages when no registry answers.
    pub distribution: Option<PathBuf>,
    /// Compile this workspace package on the host and copy the binary in, where the host can.
    pub host_build: Option<HostBuild>,
    /// What to do when the image cannot be had by any route.
    pub image_unavailable: ImageUnavailable,
    /// Title → address, for the closing table.
    pub links: Vec<(String, String)>,
    /// Extra conditions for readiness.
    pub ready: Ready,
    /// Runs to its end once and is then done, whether or not another service waits for that.
    pub job: bool,
}

/// A Rust service compiled outside the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostBuild {
    /// Cargo package to compile.
    pub package: String,
    /// Its binaries to copy, under `bin/`; the package's name when the definition is silent.
    pub binaries: Vec<String>,
    /// `static`: link everything in, the C library too, so that the binary runs on an empty root file system.
    pub standalone: bool,
    /// Absolute path of the Dockerfile that copies them.
    pub dockerfile: PathBuf,
    /// Absolute path of a script to run before compiling.
    pub prepare: Option<PathBuf>,
    /// Absolute paths of shared libraries that go along, under `lib/`.
    pub libraries: Vec<PathBuf>,
}

/// Policy for an image that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageUnavailable {
    /// The service fails (the default).
    #[default]
    Fail,
    /// The service is reported unavailable and the rest goes on, unless the user named it.
    Skip,
}

/// `x-pdex.ready`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ready {
    /// Container port that must accept a connection besides the health test.
    pub tcp: Option<u16>,
    /// Address that must answer 2xx from outside before the health test is tried inside: a cheap first look.
    pub http: Option<HttpReady>,
}

/// `x-pdex.ready.http`, written `8000/health`: container port and path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpReady {
    pub port: u16,
    /// Starts with `/`.
    pub path: String,
}
