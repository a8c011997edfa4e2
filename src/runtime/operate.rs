//! The second half of the seam: what the commands that look at and handle running containers ask of an engine. `up`, `plan` and
//! the engine layer need none of it. `tests/contract` holds every implementation to what is written here.

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{BoxStream, LocalBoxStream};
use serde_json::Value;
use tokio::io::AsyncWrite;
use tokio::sync::mpsc::Sender;

use super::{CreateOrder, ExecOrder, Runtime, RuntimeError};
use crate::definition::model::{Definition, Service};
use crate::world::ContainerId;
use crate::world::live::{CpuLimit, Happening, ImageFacts, Listed, Processes, Usage};
use crate::world::time::Timestamp;

/// See the module. As in [`Runtime`], what is there already, or gone already, is a success.
pub trait Operate: Runtime {
    /// The time of day; of the double, its virtual one.
    fn now(&self) -> Timestamp;
    /// Every container that carries the project's label, by service, number and name.
    async fn list(&self, project: &str) -> Result<Vec<Listed>, RuntimeError>;
    /// Sends a signal (`SIGTERM`, `TERM`, `15`) to its first process. A [`RuntimeError::Conflict`] when it does not run.
    async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), RuntimeError>;
    /// Holds its processes where they are. A [`RuntimeError::Conflict`] when it does not run.
    async fn pause(&self, id: &ContainerId) -> Result<(), RuntimeError>;
    async fn unpause(&self, id: &ContainerId) -> Result<(), RuntimeError>;
    /// Gives it another share of the processors, from now on and while it runs.
    async fn limit_cpu(&self, id: &ContainerId, limit: CpuLimit) -> Result<(), RuntimeError>;
    /// Removes a container, and with `volumes` those of no name that it alone uses. One that runs is ended first.
    async fn discard(&self, id: &ContainerId, volumes: bool) -> Result<(), RuntimeError>;

    /// As [`Runtime::create`], beside the service's own containers and marked as such.
    async fn create_one_off(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
        terms: Terms,
    ) -> Result<ContainerId, RuntimeError>;
    /// Connects to the first process of a container, from its next start on.
    async fn attach(&self, id: &ContainerId, terms: Terms) -> Result<Attached<'_>, RuntimeError>;
    /// Runs a command inside, connected to it unless it is `detached`.
    async fn open(
        &self,
        id: &ContainerId,
        order: &CommandOrder,
    ) -> Result<(ProcessId, Option<Attached<'_>>), RuntimeError>;
    /// Tells a process with a terminal how large that is.
    async fn resize(&self, process: &ProcessId, rows: u16, columns: u16) -> Result<(), RuntimeError>;
    /// The exit code of a command run by [`Self::open`]; `None` while it runs.
    async fn code(&self, process: &str) -> Result<Option<i64>, RuntimeError>;
    /// Begins to wait for the end of a container; when this returns, no end is missed any more. Tells its exit code.
    async fn end(
        &self,
        id: &ContainerId,
        until: Until,
    ) -> Result<LocalBoxFuture<'_, Result<i64, RuntimeError>>, RuntimeError>;

    /// What it has used; `None` when it does not run.
    async fn usage(&self, id: &ContainerId) -> Result<Option<Usage>, RuntimeError>;
    /// A [`RuntimeError::Conflict`] when it does not run.
    async fn processes(&self, id: &ContainerId) -> Result<Processes, RuntimeError>;
    /// All that the engine knows of a thing, in the engine's own form.
    async fn document(&self, kind: Kind, name: &str) -> Result<Value, RuntimeError>;
    async fn image_facts(&self, reference: &str) -> Result<Option<ImageFacts>, RuntimeError>;
    /// What happens to the project's containers, from the first poll on, or what happened `since`. Ends at `until`.
    fn happenings(
        &self,
        project: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> LocalBoxStream<'_, Result<Happening, RuntimeError>>;
    /// The lines that a container printed, whole, in order, each once. No more is read than is taken from the stream.
    async fn lines(
        &self,
        id: &ContainerId,
        window: &Window,
    ) -> Result<LocalBoxStream<'_, Result<Line, RuntimeError>>, RuntimeError>;

    /// The files of an image as one tar, piece by piece, from a container that is made for it, never started, and removed
    /// again. Who takes no more by closing the channel ends it; that is a success.
    async fn files(&self, reference: &str, into: Sender<Bytes>) -> Result<(), RuntimeError>;

    /// Everything in a volume as one tar, piece by piece, whoever uses it: the volume's own folder first, with its owner and mode.
    /// Who takes no more by closing the channel ends it; that is a success.
    async fn volume_out(&self, name: &str, into: Sender<Bytes>) -> Result<(), RuntimeError>;
    /// Fills a volume with such a tar. When the stream breaks off with an error, some of it may be there.
    async fn volume_in(
        &self,
        name: &str,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), RuntimeError>;
    /// The containers that have it, whoever made them.
    async fn volume_users(&self, name: &str) -> Result<BTreeSet<ContainerId>, RuntimeError>;
    /// Takes away what these two leave on the engine when they are dropped half-way; without that it is a success, too.
    async fn let_volume_go(&self, name: &str) -> Result<(), RuntimeError>;

    /// Images as one tar.
    fn save(&self, references: &[String]) -> LocalBoxStream<'_, Result<Bytes, RuntimeError>>;
    /// Takes in the images of a tar; when the stream breaks off with an error, none.
    async fn load(&self, tar: BoxStream<'static, io::Result<Bytes>>) -> Result<(), RuntimeError>;
}

/// How one is connected to a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// It has a terminal: its two outputs are one.
    pub terminal: bool,
    /// It reads what is typed.
    pub input: bool,
    /// Of a one-off container: it goes when it has ended.
    pub remove: bool,
}

/// What end of a container is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// One that does not run has ended already.
    Ended,
    /// The end of its next start.
    NextEnd,
    /// It is there no more.
    Gone,
}

/// A command to be run inside a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOrder {
    pub exec: ExecOrder,
    pub terms: Terms,
    /// Not waited for, its output is nobody's.
    pub detached: bool,
}

/// A process that one can be connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProcessId {
    /// The first one of a container.
    Container(ContainerId),
    /// One that [`Operate::open`] began.
    Command(String),
}

/// Both directions of a connection to a process.
pub struct Attached<'a> {
    /// What it prints, until it ends.
    pub output: LocalBoxStream<'a, Result<Piece, RuntimeError>>,
    /// What it reads. Shutting it down is the end of its input.
    pub input: Pin<Box<dyn AsyncWrite + 'a>>,
}

/// Some output, cut anywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// From the error output.
    pub error: bool,
    pub bytes: Bytes,
}

/// What the engine knows by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Container,
    Network,
    Volume,
    Image,
}

/// Which log lines are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    pub follow: bool,
    /// Only the last so many.
    pub tail: Option<u32>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// The time of each line is asked for even where it costs something: that of a container with a terminal.
    pub times: bool,
}

/// One line, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When the engine got it, where that is known.
    pub at: Option<Timestamp>,
    pub error: bool,
    pub text: Vec<u8>,
}
