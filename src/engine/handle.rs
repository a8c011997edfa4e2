//! What is done to containers that are there: restarted, signalled, held, removed. In dependency order where that
//! matters, independent ones at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::definition::graph;
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::RuntimeError;
use crate::runtime::operate::Operate;
use crate::world::State;
use crate::world::live::Listed;

/// What to do to each container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Dependencies first, each stopped and started again.
    Restart {
        grace: Option<Duration>,
    },
    Kill {
        signal: String,
    },
    Pause,
    Unpause,
    /// Those that have ended; with `stop` those that run are ended, dependents first.
    Remove {
        stop: bool,
        volumes: bool,
    },
}

impl Deed {
    /// The word for what was done.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Restart { .. } => "restarted",
            Self::Kill { .. } => "signalled",
            Self::Pause => "paused",
            Self::Unpause => "resumed",
            Self::Remove { .. } => "removed",
        }
    }
}

/// What became of one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    pub container: String,
    pub result: Result<(), RuntimeError>,
}

/// Whether a deed has anything to do with a container in its state.
pub fn concerns(deed: &Deed, container: &Listed) -> bool {
    match deed {
        Deed::Restart { .. } => true,
        Deed::Kill { .. } => container.runs(),
        Deed::Pause => matches!(container.state, State::Running { .. }),
        Deed::Unpause => container.state == State::Paused,
        Deed::Remove { stop, .. } => *stop || !(container.runs() || container.state == State::Restarting),
    }
}

/// Does it to every container that it concerns, telling each. One that fails stops none of the others.
pub async fn handle<R: Operate>(
    runtime: &R,
    definition: &Definition,
    containers: &[&Listed],
    deed: &Deed,
    tell: &mut dyn FnMut(Done),
) {
    let concerned = containers.iter().copied().filter(|container| concerns(deed, container));
    for wave in waves(definition, concerned, deed) {
        let done = join_all(wave.into_iter().map(async |container| Done {
            container: container.name.clone(),
            result: perform(runtime, container, deed).await,
        }));
        done.await.into_iter().for_each(&mut *tell);
    }
}

async fn perform<R: Operate>(runtime: &R, container: &Listed, deed: &Deed) -> Result<(), RuntimeError> {
    let id = &container.id;
    match deed {
        Deed::Restart { grace } => {
            // The engine stops a paused one only after it goes on.
            if container.state == State::Paused {
                runtime.unpause(id).await?;
            }
            runtime.stop(id, *grace).await?;
            runtime.start(id).await
        }
        Deed::Kill { signal } => runtime.kill(id, signal).await,
        Deed::Pause => runtime.pause(id).await,
        Deed::Unpause => runtime.unpause(id).await,
        Deed::Remove { volumes, .. } => {
            if container.runs() || container.state == State::Restarting {
                runtime.stop(id, None).await?;
            }
            runtime.discard(id, *volumes).await
        }
    }
}

/// The named services and the dependents that restart with them: those that say so, through any number of steps.
pub fn restarted(definition: &Definition, named: &[ServiceName]) -> Vec<ServiceName> {
    let mut found: BTreeSet<ServiceName> = named.iter().cloned().collect();
    loop {
        let before = found.len();
        let follow = definition.services.values().filter(|service| {
            service.depends_on.iter().any(|(name, dependency)| dependency.restart && found.contains(name))
        });
        let follow: Vec<ServiceName> = follow.map(|service| service.name.clone()).collect();
        found.extend(follow);
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

/// Containers that may be handled at once.
fn waves<'a>(
    definition: &Definition,
    containers: impl Iterator<Item = &'a Listed>,
    deed: &Deed,
) -> Vec<Vec<&'a Listed>> {
    let depth = match deed {
        Deed::Restart { .. } | Deed::Remove { stop: true, .. } => depths(definition),
        Deed::Kill { .. } | Deed::Pause | Deed::Unpause | Deed::Remove { stop: false, .. } => BTreeMap::new(),
    };
    let mut waves: BTreeMap<usize, Vec<&Listed>> = BTreeMap::new();
    for container in containers {
        waves.entry(depth.get(&container.service).copied().unwrap_or_default()).or_default().push(container);
    }
    let waves = waves.into_values();
    if matches!(deed, Deed::Remove { .. }) { waves.rev().collect() } else { waves.collect() }
}

/// How many dependencies stand one behind the other below each service.
fn depths(definition: &Definition) -> BTreeMap<ServiceName, usize> {
    let mut depths: BTreeMap<ServiceName, usize> = BTreeMap::new();
    for name in graph::topological(definition) {
        let below = definition.services.get(&name).into_iter().flat_map(|service| service.depends_on.keys());
        let deepest = below.filter_map(|dependency| depths.get(dependency)).max();
        let own = deepest.map_or(0, |deepest| deepest + 1);
        depths.insert(name, own);
    }
    depths
}
