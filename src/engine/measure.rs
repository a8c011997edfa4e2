//! Readings of what containers use, all at the same time.

use futures_util::future::join_all;

use crate::runtime::RuntimeError;
use crate::runtime::operate::Operate;
use crate::world::ContainerId;
use crate::world::live::{Listed, Processes, Usage};

/// A container's counters; `None` when it does not run, or no longer.
pub type Reading = (ContainerId, Option<Usage>);

/// Reads the counters of all containers.
pub async fn usage<R: Operate>(runtime: &R, containers: &[&Listed]) -> Result<Vec<Reading>, RuntimeError> {
    let readings =
        join_all(containers.iter().map(async |container| match runtime.usage(&container.id).await {
            Ok(usage) => Ok((container.id.clone(), usage)),
            Err(e) if e.is_not_found() => Ok((container.id.clone(), None)),
            Err(e) => Err(e),
        }));
    readings.await.into_iter().collect()
}

/// The processes of all containers that run; one that ends meanwhile has none.
pub async fn processes<'a, R: Operate>(
    runtime: &R,
    containers: &[&'a Listed],
) -> Result<Vec<(&'a Listed, Processes)>, RuntimeError> {
    let running = containers.iter().copied().filter(|container| container.runs());
    let all = join_all(running.map(async |container| match runtime.processes(&container.id).await {
        Ok(processes) => Ok((container, processes)),
        Err(RuntimeError::Conflict(_) | RuntimeError::NotFound(_)) => Ok((container, Processes::default())),
        Err(e) => Err(e),
    }));
    all.await.into_iter().collect()
}
