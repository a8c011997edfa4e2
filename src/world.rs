//! The world: what a container engine holds of one project at one instant. Plain data; the runtime takes the snapshot.

pub mod live;
pub mod machine;
pub mod placement;
pub mod swarm;
pub mod time;

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::model::ServiceName;

/// A container's identifier, as the engine gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContainerId(pub String);

/// An image's content identifier (`sha256:…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageId(pub String);

/// One of the containers of a service: Compose counts them from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance {
    pub service: ServiceName,
    pub number: u32,
}

impl Instance {
    /// Number 1, the only one of most services.
    pub fn first(service: ServiceName) -> Self {
        Self { service, number: 1 }
    }
}

impl std::fmt::Display for Instance {
    /// The service's name; from the second on with the number.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.number {
            1 => self.service.fmt(f),
            number => f.pad(&format!("{}-{number}", self.service)),
        }
    }
}

/// A snapshot of one project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct World {
    /// Every container that carries the project's label, one-off runs included.
    pub containers: Vec<Container>,
    /// Names of the engine's networks among those the definition uses, and of those labelled with the project.
    pub networks: BTreeSet<String>,
    /// As `networks`, for volumes.
    pub volumes: BTreeSet<String>,
    /// Image reference → identifier, for the references that the definition names and the engine has.
    pub images: BTreeMap<String, ImageId>,
    /// Bind sources of the definition that are missing or hold nothing but dot files.
    pub empty_binds: BTreeSet<std::path::PathBuf>,
}

impl World {
    /// The containers of one service, in no particular order.
    pub fn of<'a>(&'a self, service: &'a ServiceName) -> impl Iterator<Item = &'a Container> + 'a {
        self.containers.iter().filter(move |c| c.service == *service)
    }
}

/// End of the name of a container that waits to take another's place.
pub const ASIDE: &str = ".pdex-next";

/// One container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    pub id: ContainerId,
    /// Without the leading slash.
    pub name: String,
    pub service: ServiceName,
    /// Label `com.docker.compose.container-number`; 1 when it has none.
    pub number: u32,
    /// Label `com.docker.compose.config-hash`; empty when it has none.
    pub config_hash: String,
    /// Label `io.pdex.fields`: which attribute had which value, each value as a digest. Empty when it has none.
    pub fields: BTreeMap<String, String>,
    pub image: ImageId,
    pub state: State,
    /// Made to take another's place and not put there: what an interrupted run left. Its name ends in [`ASIDE`].
    pub aside: bool,
}

/// What a container is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Created,
    Running { health: Option<Health> },
    Paused,
    Restarting,
    Removing,
    Exited(Exit),
    Dead,
}

/// How a container's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    pub code: i64,
    /// The kernel ended it for lack of memory.
    pub out_of_memory: bool,
}

impl Exit {
    /// Code 0.
    pub const SUCCESS: Self = Self { code: 0, out_of_memory: false };

    /// Whether the process ended of its own will with code 0.
    pub fn is_success(self) -> bool {
        self.code == 0 && !self.out_of_memory
    }

    /// The code in words, e.g. `exit code 137 (SIGKILL)`.
    pub fn meaning(self) -> String {
        let note = match self.code {
            _ if self.out_of_memory => " (out of memory)",
            125 => " (the engine could not start it)",
            126 => " (the command is not executable)",
            127 => " (the command was not found)",
            130 => " (SIGINT)",
            134 => " (SIGABRT)",
            137 => " (SIGKILL)",
            139 => " (SIGSEGV)",
            143 => " (SIGTERM)",
            _ => "",
        };
        format!("exit code {}{note}", self.code)
    }
}

/// One end of a container's process, told apart from its other ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    pub exit: Exit,
    /// The same for every look at this end, another for the next one.
    pub mark: String,
}

/// The engine's own verdict from the declared health check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Starting,
    Healthy,
    Unhealthy,
}

/// What a container engine says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct EngineInfo {
    pub version: String,
    pub api_version: String,
    pub architecture: String,
    pub operating_system: String,
}
