//! The way back: stopping and removing, dependents before what they depend on, independent services at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};

use super::hooks;
use crate::definition::graph;
use crate::definition::model::{Definition, Hook, Service, ServiceName};
use crate::runtime::operate::Operate;
use crate::runtime::{Runtime, RuntimeError};
use crate::world::live::Listed;
use crate::world::{Container, State, World};

/// What a teardown did to one thing, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Stopped(String),
    Removed(String),
    NetworkRemoved(String),
    VolumeRemoved(String),
    ImageRemoved(String),
    /// Of no service of the definition, and not asked for.
    Left(String),
    /// Of a service that no enabled profile asks for.
    Disabled {
        container: String,
        profile: String,
    },
    /// Something that did not keep the teardown from going on.
    Warning {
        what: String,
        text: String,
    },
    Failed {
        what: String,
        error: RuntimeError,
    },
}

/// The engine takes containers off a network after it has called them gone: for so long one that is still in use is asked for again.
const DETACHING: Duration = Duration::from_secs(5);
/// Between two of these.
const AGAIN: Duration = Duration::from_millis(100);

/// How far to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// Only these services; empty means all.
    pub services: BTreeSet<ServiceName>,
    /// Remove containers, and networks when all services go.
    pub remove: bool,
    /// Also containers of services that the definition no longer has.
    pub orphans: bool,
    /// Remove the project's volumes too.
    pub volumes: bool,
    pub images: Images,
    pub grace: Option<Duration>,
}

/// Which images go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Images {
    #[default]
    Keep,
    /// Those that the definition gives no name: what was built here for this project alone.
    Unnamed,
    /// Every one that a service uses.
    All,
}

/// Stops (and removes) what `world` holds of the project, telling each step.
pub async fn teardown<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    extent: &Extent,
    tell: &mut dyn FnMut(Step),
) {
    let left =
        world.containers.iter().filter(|c| extent.services.is_empty() && !extent.reaches(definition, c));
    let left: Vec<&Container> = left.collect();
    for stays in &left {
        let container = stays.name.clone();
        tell(match definition.disabled.get(&stays.service).and_then(|profiles| profiles.first()) {
            Some(profile) => Step::Disabled { container, profile: profile.clone() },
            None => Step::Left(container),
        });
    }
    for wave in waves(definition, world, extent) {
        let done = join_all(wave.into_iter().map(async |container| {
            let hooks = definition.services.get(&container.service).map(|service| &service.pre_stop[..]);
            end(runtime, container, extent, hooks.unwrap_or_default()).await
        }));
        done.await.into_iter().flatten().for_each(&mut *tell);
    }
    if extent.remove && extent.services.is_empty() {
        remove_networks(runtime, definition, world, left.is_empty(), tell).await;
    }
    if extent.volumes {
        for key in volumes(definition, world) {
            tell(match runtime.remove_volume(&key).await {
                Ok(()) => Step::VolumeRemoved(key),
                Err(error) => Step::Failed { what: format!("volume {key}"), error },
            });
        }
    }
    for image in images(definition, world, extent.images) {
        tell(match runtime.remove_image(&image).await {
            Ok(()) => Step::ImageRemoved(image),
            Err(error) => Step::Warning { what: format!("image {image}"), text: error.to_string() },
        });
    }
}

impl Extent {
    fn reaches(&self, definition: &Definition, container: &Container) -> bool {
        if !self.services.is_empty() {
            return self.services.contains(&container.service);
        }
        definition.services.contains_key(&container.service)
            || self.orphans && !definition.knows(&container.service)
    }
}

/// Ends and removes a one-off container.
pub async fn one_off<R: Operate>(
    runtime: &R,
    container: &Listed,
    grace: Option<Duration>,
    tell: &mut dyn FnMut(Step),
) {
    let gone = async {
        if container.runs() {
            runtime.stop(&container.id, grace).await?;
        }
        runtime.discard(&container.id, true).await
    };
    tell(match gone.await {
        Ok(()) => Step::Removed(container.name.clone()),
        Err(error) => Step::Failed { what: format!("container {}", container.name), error },
    });
}

/// The images to remove, of those that are there.
fn images(definition: &Definition, world: &World, which: Images) -> BTreeSet<String> {
    let goes = |service: &&Service| match which {
        Images::Keep => false,
        Images::Unnamed => service.build.is_some() && !service.image_named,
        Images::All => true,
    };
    let there = |image: &String| world.images.contains_key(image);
    definition.services.values().filter(goes).map(|service| service.image.clone()).filter(there).collect()
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
    alone: bool,
    tell: &mut dyn FnMut(Step),
) {
    let external: BTreeSet<&str> =
        definition.networks.values().filter(|n| n.external).map(|n| n.name.as_str()).collect();
    for name in world.networks.iter().filter(|name| !external.contains(name.as_str())) {
        let removed =
            if alone { remove_left(runtime, name).await } else { runtime.remove_network(name).await };
        tell(match removed {
            Ok(()) => Step::NetworkRemoved(name.clone()),
            // What was left stands on it, which was said already.
            Err(error) if !alone => {
                Step::Warning { what: format!("network {name}"), text: error.to_string() }
            }
            Err(error) => Step::Failed { what: format!("network {name}"), error },
        });
    }
}

/// Removes a network that nothing of the project is on any more.
async fn remove_left<R: Runtime>(runtime: &R, name: &str) -> Result<(), RuntimeError> {
    let end = Instant::now() + DETACHING;
    loop {
        match runtime.remove_network(name).await {
            Err(error) if error.is_network_in_use() && Instant::now() < end => sleep(AGAIN).await,
            other => return other,
        }
    }
}

async fn end<R: Runtime>(
    runtime: &R,
    container: &Container,
    extent: &Extent,
    pre_stop: &[Hook],
) -> Vec<Step> {
    let mut steps = Vec::new();
    let what = format!("container {}", container.name);
    let runs = matches!(container.state, State::Running { .. } | State::Restarting | State::Paused);
    if matches!(container.state, State::Running { .. })
        && let Err(text) = hooks::run(runtime, &container.id, pre_stop).await
    {
        steps.push(Step::Warning { what: format!("{what}: pre_stop"), text });
    }
    if runs {
        match runtime.stop(&container.id, extent.grace).await {
            Ok(()) => steps.push(Step::Stopped(container.name.clone())),
            Err(error) => {
                steps.push(Step::Failed { what, error });
                return steps;
            }
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
        if extent.reaches(definition, container) {
            let wave = depth.get(&container.service).copied().unwrap_or_default();
            waves.entry(wave).or_default().push(container);
        }
    }
    waves.into_values().collect()
}
