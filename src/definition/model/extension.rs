//! `x-pdex`: what Compose has no word for.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{ServiceName, Spread};

/// What `x-pdex` says of a service: things Compose has no word for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "they are the definition's own switches")]
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
    /// Absolute file for `pdex up` to write when what started, as metrics for this service to read.
    pub timeline: Option<PathBuf>,
    /// Runs to its end once and is then done, whether or not another service waits for that.
    pub job: bool,
    /// How others see that a job has succeeded, where nobody watches its container.
    pub done: Option<Done>,
    /// Says something of the machine it is on: one container of it on every machine, where there are several.
    pub each_machine: bool,
    /// Part of the light stack, with what it cannot do without.
    pub essential: bool,
    /// Address that answers 2xx unless only a restart helps; readiness may fail for what a restart does not mend.
    pub live: Option<HttpReady>,
    /// Any of its containers answers the same: more of them are more of it.
    pub scales: bool,
    /// What it is for: language → a few words.
    pub purpose: Vec<(String, String)>,
    /// About what its image takes on the engine's disk, in bytes.
    pub disk: Option<u64>,
    /// What of it a backup holds.
    pub backup: Backup,
    /// How it is spread over the nodes of a swarm; means nothing on one engine.
    pub swarm: Spread,
}

/// `x-pdex.backup`. A service that says nothing has its named volumes copied as they lie.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backup {
    /// `dump`: its databases are dumped by its own programs while it runs, in the place of its volumes.
    pub dump: Option<Dump>,
    /// `volumes`: only these of its named volumes, by key; none when the list is empty.
    pub volumes: Option<BTreeSet<String>>,
    /// `folders`: folders of this machine, named by where they are mounted into it.
    pub folders: BTreeSet<String>,
}

/// A kind of database that can be dumped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dump {
    /// By `pg_dump`, with the container's own `POSTGRES_USER` and password.
    Postgres,
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

/// `x-pdex.done`: a command that succeeds once the job has. It runs with the job's environment and secrets, and with those of its
/// volumes that whoever waits has too, in the image of a service, for a job's own image may hold nothing but its program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub service: ServiceName,
    pub command: Vec<String>,
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
