//! The seam: everything pdex asks of a container engine, as a trait. `docker` is the real one; `sim` is a double with a
//! virtual clock that tests and the hidden `--runtime sim` use.
#![expect(async_fn_in_trait, reason = "one run is driven on one thread; no future leaves it")]

pub mod docker;
pub mod operate;
pub mod sim;
mod survey;

pub use self::survey::Survey;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::LocalBoxStream;

use crate::definition::model::{Definition, MountSource, Network, Service, Volume};
use crate::plan::ServicePlan;
use crate::world::{ContainerId, End, EngineInfo, ImageId, World};

/// What an engine can do for pdex. A call that was cut off may be made again: what is there already, runs already or is gone
/// already is a success. The exception is `create`, where a name that is taken is a [`RuntimeError::Conflict`]: whose container
/// has it is for the caller to find out. `tests/contract` holds every implementation to what is written here.
pub trait Runtime: Survey {
    /// Who answers.
    async fn engine(&self) -> Result<EngineInfo, RuntimeError>;
    /// A snapshot of the project, and of no other.
    async fn observe(&self, definition: &Definition) -> Result<World, RuntimeError>;

    async fn create_network(&self, project: &str, key: &str, network: &Network) -> Result<(), RuntimeError>;
    /// Refuses while a running container is on it.
    async fn remove_network(&self, name: &str) -> Result<(), RuntimeError>;
    async fn create_volume(&self, project: &str, key: &str, volume: &Volume) -> Result<(), RuntimeError>;
    /// Refuses while a container uses it, running or not.
    async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError>;

    /// Makes a container from the service under `name`, without starting it.
    async fn create(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<ContainerId, RuntimeError>;
    /// Starts it, or lets a paused one go on.
    async fn start(&self, id: &ContainerId) -> Result<(), RuntimeError>;
    /// Asks it to end and ends it after `grace` (the container's own when `None`).
    async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), RuntimeError>;
    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), RuntimeError>;
    /// Puts a container that was made aside into the place of another one, and under its name. Where the engine replaces in place
    /// it may run when this returns, and [`RuntimeError::RolledBack`] says that what was there before is there again.
    async fn take_over(&self, id: &ContainerId, old: &ContainerId, name: &str) -> Result<(), RuntimeError> {
        self.stop(old, None).await?;
        self.remove(old).await?;
        self.rename(id, name).await
    }
    /// Removes it with its anonymous volumes, ending it first.
    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError>;
    /// How it ended; `None` while it runs or has not been started. One that waits for the engine to start it again has ended.
    async fn ended(&self, id: &ContainerId) -> Result<Option<End>, RuntimeError>;
    /// Which of the project's containers run: one call, where asking each would be many.
    async fn running(&self, project: &str) -> Result<BTreeSet<ContainerId>, RuntimeError>;
    /// Runs a command inside and collects what it prints (at most 64 KiB). Fails where the container does not run.
    async fn exec(
        &self,
        id: &ContainerId,
        order: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError>;
    /// Runs the service's health test. An engine that has the test run where the containers are, on other machines, tells its
    /// verdict as that of a command.
    async fn health_test(
        &self,
        id: &ContainerId,
        order: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError> {
        self.exec(id, order, limit).await
    }
    /// An HTTP GET of a published address; the status code.
    async fn http_status(&self, url: &str, limit: Duration) -> Result<u16, RuntimeError>;
    /// Whether a published address accepts a connection and does not close it at once.
    async fn accepts(&self, host: &str, port: u16, limit: Duration) -> bool;
    /// Whether something else listens on an address of the engine's machine.
    fn is_bound(&self, host: &str, port: u16) -> bool;
    /// The container, of whatever project, that publishes a port of this machine.
    async fn publisher(&self, port: u16) -> Result<Option<String>, RuntimeError>;
    /// Ends of the project's containers, from the first poll on. The stream ends when the engine's does.
    fn exits(&self, project: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>>;
    /// What a container printed.
    fn logs(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> LocalBoxStream<'_, Result<LogLine, RuntimeError>>;

    /// The image under a reference, if the engine has it.
    async fn image(&self, reference: &str) -> Result<Option<ImageId>, RuntimeError>;
    /// Fetches an image from its registry, telling each step.
    async fn pull(&self, reference: &str, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError>;
    /// Builds an image, telling each line.
    async fn build(&self, order: BuildOrder, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError>;
    /// Makes an image from a root file system's tar.
    async fn import(&self, order: ImportOrder) -> Result<(), RuntimeError>;
    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError>;
}

/// How a container is to be made.
#[derive(Debug, Clone)]
pub struct CreateOrder<'a> {
    pub name: String,
    /// Which of the service's containers it is, from 1.
    pub number: u32,
    pub image: &'a ImageId,
    pub plan: &'a ServicePlan,
}

/// A command to run inside a container. What is silent is as the container's own process has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecOrder {
    pub argv: Vec<String>,
    pub user: Option<String>,
    pub privileged: bool,
    pub working_dir: Option<String>,
    pub environment: BTreeMap<String, String>,
}

impl ExecOrder {
    /// Nothing but the command.
    pub fn of(argv: &[String]) -> Self {
        Self { argv: argv.to_vec(), ..Self::default() }
    }
}

/// A command's end inside a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutcome {
    pub code: i64,
    pub output: String,
}

/// Which log lines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    pub follow: bool,
    /// Only the last so many.
    pub tail: Option<u32>,
    pub timestamps: bool,
}

/// One line, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub error: bool,
    pub text: String,
}

/// An image build. The context is a tar.
#[derive(Debug, Clone)]
pub struct BuildOrder {
    pub context: Bytes,
    /// Path inside the context.
    pub dockerfile: String,
    pub tag: String,
    pub args: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    pub target: Option<String>,
    pub settings: BuildSettings,
}

/// What a definition says of a build besides what is built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildSettings {
    pub no_cache: bool,
    /// Ask the registry for the base image even where it is present.
    pub pull: bool,
    pub network: Option<String>,
    /// As `name:address`.
    pub extra_hosts: Vec<String>,
    /// Bytes.
    pub shm_size: Option<i64>,
    pub cache_from: Vec<String>,
    pub platform: Option<String>,
    /// Further names of the result.
    pub tags: Vec<String>,
}

/// An image import.
#[derive(Debug, Clone)]
pub struct ImportOrder {
    /// A tar on disk, sent as a stream.
    pub tar: PathBuf,
    pub tag: String,
    /// Dockerfile instructions applied on top, e.g. `CMD ["bash"]`.
    pub changes: Vec<String>,
}

/// What an engine refused or could not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// Nothing answers at the address.
    #[error("the container engine at {host} does not answer: {cause}")]
    Unreachable { host: String, cause: String },
    /// The socket is there, and this user may not use it.
    #[error("this user may not use the container engine at {host}")]
    Denied { host: String },
    #[error("{0}")]
    NotFound(String),
    /// The name is taken, or the thing is in use.
    #[error("{0}")]
    Conflict(String),
    #[error("port {port} is already in use on this machine")]
    PortInUse { port: u16 },
    /// No registry answered for an image.
    #[error("no registry answers for {reference}: {cause}")]
    NoRegistry { reference: String, cause: String },
    #[error("no space left on the engine's disk")]
    NoSpace,
    /// The engine is no manager of a swarm, or of one that cannot decide anything.
    #[error("{0}")]
    NoSwarm(String),
    /// An update whose containers did not become ready was undone by the engine: what ran before runs again.
    #[error("its new containers did not become ready, and the earlier ones were put back: {0}")]
    RolledBack(String),
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// Anything else, in the engine's words.
    #[error("{0}")]
    Other(String),
}

impl RuntimeError {
    /// A network that containers are on; the engine has no code for it.
    pub fn is_network_in_use(&self) -> bool {
        let of_one_engine = "active endpoints";
        let of_a_swarm = "is in use by";
        matches!(self, Self::Other(words) | Self::Conflict(words)
            if words.contains(of_one_engine) || words.contains(of_a_swarm))
    }

    /// Already gone: what a removal wanted.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound(_))
    }
}

/// The name that Compose gives a service's container of that number.
pub fn container_name(project: &str, service: &Service, number: u32) -> String {
    service.container_name.clone().unwrap_or_else(|| format!("{project}-{}-{number}", service.name))
}

/// Bind sources that are missing or hold nothing but dot files: a matter of this machine's disk, not of the engine.
fn empty_binds(definition: &Definition) -> BTreeSet<PathBuf> {
    let mounts = definition.services.values().flat_map(|service| &service.mounts);
    let sources: BTreeSet<&PathBuf> = mounts
        .filter_map(|mount| match &mount.source {
            MountSource::Bind(path) => Some(path),
            _ => None,
        })
        .collect();
    sources.into_iter().filter(|path| is_empty(path)).cloned().collect()
}

fn is_empty(path: &Path) -> bool {
    if path.is_file() {
        return false;
    }
    let Ok(mut entries) = path.read_dir() else { return !path.exists() };
    !entries.any(|entry| entry.is_ok_and(|e| !e.file_name().as_encoded_bytes().starts_with(b".")))
}
