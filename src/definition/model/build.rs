//! How an image is built from source, and what `pull_policy` says of getting it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::FileReference;

/// How an image is built from source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Build {
    /// Absolute.
    pub context: PathBuf,
    /// Absolute; means nothing where `inline` is given.
    pub dockerfile: PathBuf,
    /// The Dockerfile's text, where the definition carries it.
    pub inline: Option<String>,
    pub args: BTreeMap<String, String>,
    pub target: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// Images whose layers may be used.
    pub cache_from: Vec<String>,
    pub no_cache: bool,
    /// Always ask the registry for the base image.
    pub pull: bool,
    /// Network mode of `RUN` steps.
    pub network: Option<String>,
    /// As `name:address`.
    pub extra_hosts: Vec<String>,
    /// Bytes.
    pub shm_size: Option<i64>,
    /// Further names of the result.
    pub tags: Vec<String>,
    pub secrets: Vec<FileReference>,
    /// At most one; the service's own `platform` when both are given.
    pub platforms: Vec<String>,
}

/// `pull_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    Always,
    Never,
    /// `missing`, `if_not_present`
    Missing,
    /// Build even where the image is present.
    Build,
}
