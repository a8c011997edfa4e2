//! What a task of Swarm is doing, in the few words that matter here.

use bollard::models::{Task, TaskState};

use crate::world::time::Timestamp;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// On its way, without a container yet.
    Waiting,
    /// Its container runs and has not passed its health check yet.
    Starting,
    /// Its container runs and is healthy where it has a check.
    Running,
    /// Its process ended by itself, or never began.
    Ended(i64),
    /// Ended by order, or given up with its node.
    Taken,
}

/// What an engine says of a container that it could not start.
const NOT_STARTED: i64 = 125;

pub(super) fn stage(task: &Task) -> Stage {
    let status = task.status.as_ref();
    let code = status.and_then(|status| status.container_status.as_ref()?.exit_code);
    match status.and_then(|status| status.state) {
        Some(TaskState::RUNNING) => Stage::Running,
        Some(TaskState::STARTING) => Stage::Starting,
        Some(TaskState::COMPLETE) => Stage::Ended(code.unwrap_or(0)),
        // One that its health check failed was ended by order and has a code that is none.
        Some(TaskState::FAILED) => Stage::Ended(code.filter(|code| *code >= 0).unwrap_or(1)),
        Some(TaskState::REJECTED) => Stage::Ended(NOT_STARTED),
        Some(TaskState::SHUTDOWN | TaskState::ORPHANED | TaskState::REMOVE) => Stage::Taken,
        _ => Stage::Waiting,
    }
}

/// Whether it never had a container: its image, its mounts or its node were refused.
pub(super) fn is_rejected(task: &Task) -> bool {
    task.status.as_ref().and_then(|status| status.state) == Some(TaskState::REJECTED)
}

/// What Swarm says is in its way.
pub(super) fn error(task: &Task) -> Option<&str> {
    task.status.as_ref()?.err.as_deref().filter(|text| !text.is_empty())
}

pub(super) fn container(task: &Task) -> Option<&str> {
    let container = task.status.as_ref()?.container_status.as_ref()?.container_id.as_deref();
    container.filter(|id| !id.is_empty())
}

/// Counted from 1, also where Swarm counts the runs of a one-shot from 0.
pub(super) fn slot(task: &Task) -> u32 {
    let slot = u32::try_from(task.slot.unwrap_or_default()).unwrap_or_default();
    if task.job_iteration.is_some() { slot.saturating_add(1) } else { slot.max(1) }
}

pub(super) fn made(task: &Task) -> Timestamp {
    task.created_at.as_deref().and_then(Timestamp::parse).unwrap_or_default()
}

/// The start that it belongs to.
pub(super) fn run(task: &Task) -> &str {
    let labels = task.spec.as_ref().and_then(|spec| spec.container_spec.as_ref()?.labels.as_ref());
    labels.and_then(|labels| labels.get(super::spec::RUN)).map_or("", String::as_str)
}
