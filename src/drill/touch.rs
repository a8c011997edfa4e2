//! What is done to containers, and undone. Acts on an engine; decides nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::journal::{Entry, Owed};
use super::recipe::Touch;
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Kind, Operate};
use crate::world::live::{CpuLimit, Listed};
use crate::world::{ContainerId, State};

/// For an engine to test again what was held.
const TESTED: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(250);

/// Everything that will have to be put back, before anything is touched; or why nothing can be.
pub(super) async fn owed<R: Operate>(runtime: &R, project: &str, touch: Touch) -> Result<Vec<Entry>, String> {
    let all = runtime.list(project).await.map_err(|e| e.to_string())?;
    let mut entries = Vec::new();
    for service in touch.services() {
        let own: Vec<&Listed> = all.iter().filter(|c| c.service.as_str() == *service && !c.one_off).collect();
        if own.is_empty() {
            return Err(format!("service {service} has no container"));
        }
        for container in own {
            if !matches!(container.state, State::Running { .. }) {
                return Err(format!("container {} does not run", container.name));
            }
            let owed = match (touch, *service) {
                (Touch::CutCpu, _) => Owed::Cpu(limit(runtime, &container.id).await?),
                (Touch::HideDatabase, "db") => Owed::Unpause,
                _ => Owed::Start { since: started(runtime, &container.id).await.map_err(|e| e.to_string())? },
            };
            entries.push(Entry {
                service: (*service).to_owned(),
                container: container.name.clone(),
                id: container.id.0.clone(),
                owed,
            });
        }
    }
    Ok(entries)
}

async fn limit<R: Operate>(runtime: &R, id: &ContainerId) -> Result<CpuLimit, String> {
    let document = runtime.document(Kind::Container, &id.0).await;
    document.map(|document| CpuLimit::of(&document)).map_err(|e| e.to_string())
}

/// Does it, in the order of the entries.
pub(super) async fn disturb<R: Operate>(
    runtime: &R,
    touch: Touch,
    entries: &[Entry],
    share: f64,
) -> Result<(), String> {
    for entry in entries {
        let id = ContainerId(entry.id.clone());
        let done = match (&entry.owed, touch) {
            (Owed::Cpu(before), _) => runtime.limit_cpu(&id, before.with(share)).await,
            (Owed::Unpause, _) => runtime.pause(&id).await,
            (Owed::Start { .. }, Touch::HideDatabase) => restart(runtime, &id).await,
            (Owed::Start { .. }, _) => runtime.stop(&id, None).await,
        };
        done.map_err(|e| format!("container {}: {e}", entry.container))?;
    }
    Ok(())
}

async fn restart<R: Operate>(runtime: &R, id: &ContainerId) -> Result<(), RuntimeError> {
    runtime.stop(id, None).await?;
    runtime.start(id).await
}

/// Puts everything back, whatever of it was done; one that fails stops none of the others. A container that is gone is owed nothing:
/// what took its place was made as the definition says. Tells which are as they were.
pub async fn restore<'e, R: Operate>(runtime: &R, entries: &'e [Entry]) -> Result<Vec<&'e Entry>, String> {
    let (mut restored, mut wrong) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = ContainerId(entry.id.clone());
        let done = match &entry.owed {
            Owed::Cpu(before) => runtime.limit_cpu(&id, *before).await,
            Owed::Unpause => let_go_on(runtime, &id).await,
            Owed::Start { since } => start(runtime, &id, since).await,
        };
        match done {
            Ok(()) => restored.push(entry),
            Err(error) if error.is_not_found() => {}
            Err(error) => wrong.push(format!("container {}: {error}", entry.container)),
        }
    }
    for entry in restored.iter().filter(|entry| entry.owed == Owed::Unpause) {
        tested(runtime, &ContainerId(entry.id.clone())).await;
    }
    if wrong.is_empty() { Ok(restored) } else { Err(wrong.join("; ")) }
}

/// When it was started last, as the engine writes it.
async fn started<R: Operate>(runtime: &R, id: &ContainerId) -> Result<String, RuntimeError> {
    let document = runtime.document(Kind::Container, &id.0).await?;
    Ok(document["State"]["StartedAt"].as_str().unwrap_or_default().to_owned())
}

/// One that runs since before the drill may be about to end: an engine goes on with a stop that nobody waits for any more, and would
/// undo a start that comes before its end.
async fn start<R: Operate>(runtime: &R, id: &ContainerId, since: &str) -> Result<(), RuntimeError> {
    if started(runtime, id).await? == since {
        runtime.stop(id, None).await?;
    }
    runtime.start(id).await
}

/// An engine calls one that was held unhealthy until its next test, and whoever looks meanwhile takes it for broken. One that is so is
/// found by whoever looks later.
async fn tested<R: Operate>(runtime: &R, id: &ContainerId) {
    let deadline = Instant::now() + TESTED;
    while Instant::now() < deadline {
        let document = runtime.document(Kind::Container, &id.0).await;
        if !document.is_ok_and(|document| document["State"]["Health"]["Status"] == "unhealthy") {
            return;
        }
        sleep(LOOK).await;
    }
}

/// One that was stopped meanwhile is held by nobody.
async fn let_go_on<R: Operate>(runtime: &R, id: &ContainerId) -> Result<(), RuntimeError> {
    match runtime.unpause(id).await {
        Err(RuntimeError::Conflict(_)) => Ok(()),
        done => done,
    }
}
