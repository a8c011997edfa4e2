//! What a support archive holds of a stack, read off the engine as it is. Nothing is hidden here: that is the archive's business.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;

use crate::definition::model::Definition;
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Operate, Window};
use crate::world::EngineInfo;
use crate::world::live::{Happening, Listed};
use crate::world::machine::Machine;
use crate::world::time::Timestamp;

/// Last lines of each container.
const LINES: u32 = 500;
/// How far back events are asked for.
const DAY: Duration = Duration::from_hours(24);
/// For all that is asked about one thing.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the module. What the engine did not give is missing.
#[derive(Debug, Default)]
pub struct Record {
    pub engine: Option<EngineInfo>,
    pub machine: Option<Machine>,
    pub containers: Vec<Listed>,
    /// Container and its lines.
    pub logs: Vec<(String, Vec<LogEntry>)>,
    pub happenings: Vec<Happening>,
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    pub at: Option<Timestamp>,
    pub text: String,
}

/// Reads all of it.
pub async fn read<R: Operate>(runtime: &R, definition: &Definition) -> Record {
    let (engine, machine, containers, happenings) = tokio::join!(
        in_time(runtime.engine()),
        in_time(runtime.machine()),
        in_time(runtime.list(&definition.project)),
        happenings(runtime, definition),
    );
    let containers = containers.unwrap_or_default();
    let logs = join_all(
        containers.iter().map(async |container| (container.name.clone(), lines(runtime, container).await)),
    );
    let logs = logs.await;
    Record { engine, machine, containers, logs, happenings }
}

async fn in_time<T>(question: impl Future<Output = Result<T, RuntimeError>>) -> Option<T> {
    tokio::time::timeout(PATIENCE, question).await.ok()?.ok()
}

async fn happenings<R: Operate>(runtime: &R, definition: &Definition) -> Vec<Happening> {
    let now = runtime.now();
    let mut found = Vec::new();
    let mut stream = runtime.happenings(&definition.project, Some(now.before(DAY)), Some(now));
    let reading = async {
        while let Some(Ok(happening)) = stream.next().await {
            found.push(happening);
        }
    };
    // Those that came in time are better than none.
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    found
}

async fn lines<R: Operate>(runtime: &R, container: &Listed) -> Vec<LogEntry> {
    let window = Window { tail: Some(LINES), times: true, ..Window::default() };
    let mut found = Vec::new();
    let reading = async {
        let Ok(mut stream) = runtime.lines(&container.id, &window).await else { return };
        while let Some(Ok(line)) = stream.next().await {
            found.push(LogEntry { at: line.at, text: String::from_utf8_lossy(&line.text).into_owned() });
        }
    };
    // As above.
    let _ = tokio::time::timeout(PATIENCE, reading).await;
    found
}
