//! The way back: stopping and removing, dependents before what they depend on, independent services at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::definition::graph;
use crate::definition::model::{Definition, ServiceName};
use crate::runtime::{Runtime, RuntimeError};
use crate::world::{Container, State, World};

/// What a teardown did to one thing, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Stopped(String),
    Removed(String),
    NetworkRemoved(String),
    VolumeRemoved(String),
    Failed { what: String, error: RuntimeError },
}

/// How far to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// Only these services; empty means all.
    pub services: BTreeSet<ServiceName>,
    /// Remove containers, and networks when all services go.
    pub remove: bool,
    /// Remove the project's volumes too.
    pub volumes: bool,
    pub grace: Option<Duration>,
}

/// Stops (and removes) what `world` holds of the project, telling each step.
pub async fn teardown<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    extent: &Extent,
    tell: &mut dyn FnMut(Step),
) {
    for wave in waves(definition, world, extent) {
        let done =
            join_all(wave.into_iter().map(async |container| end(runtime, container, extent).await)).await;
        done.into_iter().flatten().for_each(&mut *tell);
    }
    if extent.remove && extent.services.is_empty() {
        remove_networks(runtime, definition, world, tell).await;
    }
    if extent.volumes {
        for key in volumes(definition, world) {
            tell(match runtime.remove_volume(&key).await {
                Ok(()) => Step::VolumeRemoved(key),
                Err(error) => Step::Failed { what: format!("volume {key}"), error },
            });
        }
    }
}

/// The volumes that `down -v` removes: those of the definition and those labelled with the project, never external ones.
pub fn volumes(definition: &Definition, world: &World) -> Vec<String> {
    let external: BTreeSet<&str> =
        definition.volumes.values().filter(|v| v.external).map(|v| v.name.as_str()).collect();
    world.volumes.iter().filter(|name| !external.contains(name.as_str())).cloned().collect()
}

async fn remove_networks<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    tell: &mut dyn FnMut(Step),
) {
    let external: BTreeSet<&str> =
        definition.networks.values().filter(|n| n.external).map(|n| n.name.as_str()).collect();
    for name in world.networks.iter().filter(|name| !external.contains(name.as_str())) {
        tell(match runtime.remove_network(name).await {
            Ok(()) => Step::NetworkRemoved(name.clone()),
            Err(error) => Step::Failed { what: format!("network {name}"), error },
        });
    }
}

async fn end<R: Runtime>(runtime: &R, container: &Container, extent: &Extent) -> Vec<Step> {
    let mut steps = Vec::new();
    let what = format!("container {}", container.name);
    let runs = matches!(container.state, State::Running { .. } | State::Restarting | State::Paused);
    if runs {
        match runtime.stop(&container.id, extent.grace).await {
            Ok(()) => steps.push(Step::Stopped(container.name.clone())),
            Err(error) => return vec![Step::Failed { what, error }],
        }
    }
    if extent.remove {
        steps.push(match runtime.remove(&container.id).await {
            Ok(()) => Step::Removed(container.name.clone()),
            Err(error) => Step::Failed { what, error },
        });
    }
    steps
}

/// Containers by depth: a wave holds those on which nothing that is left depends.
fn waves<'a>(definition: &Definition, world: &'a World, extent: &Extent) -> Vec<Vec<&'a Container>> {
    let mut depth: BTreeMap<ServiceName, usize> = BTreeMap::new();
    for name in graph::topological(definition).into_iter().rev() {
        let below = definition
            .services
            .values()
            .filter(|service| service.depends_on.contains_key(&name))
            .filter_map(|service| depth.get(&service.name))
            .max();
        let own = below.map_or(0, |deepest| deepest + 1);
        depth.insert(name, own);
    }
    let mut waves: BTreeMap<usize, Vec<&Container>> = BTreeMap::new();
    for container in &world.containers {
        if extent.services.is_empty() || extent.services.contains(&container.service) {
            let wave = depth.get(&container.service).copied().unwrap_or_default();
            waves.entry(wave).or_default().push(container);
        }
    }
    waves.into_values().collect()
}
