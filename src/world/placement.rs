//! What an engine gave a container: networks, mounts, limits, ports. Plain data, to be held against the definition; not part of
//! the snapshot that plans are made from.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::live::Binding;

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Placement {
    /// Names of the networks it is on. One that was removed since is still among them.
    pub networks: BTreeSet<String>,
    pub mounts: Vec<Mounted>,
    /// Bytes; `None` where there is no limit, as with the next two.
    pub memory: Option<u64>,
    /// Billionths of a core.
    pub nano_cpus: Option<u64>,
    pub pids: Option<u64>,
    /// What is published now; nothing of a container that does not run.
    pub ports: Vec<Binding>,
}

/// Something mounted into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mounted {
    pub content: Content,
    /// Path inside the container.
    pub target: String,
    pub read_only: bool,
}

/// Where what is mounted comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A path of the engine's machine.
    Bind(PathBuf),
    /// A volume, by the engine's name for it.
    Volume(String),
    /// Memory, or what else an engine may know.
    Other,
}
