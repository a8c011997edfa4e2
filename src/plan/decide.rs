//! How a plan is made. One pass over the services in dependency order, so that a decision can look at those above it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Decision, Existing, Gate, Goal, ImagePlan, Plan, Reason, ServicePlan};
use crate::definition::graph;
use crate::definition::model::{Definition, ImageUnavailable, MountSource, Service, ServiceName};
use crate::world::{Container, Health, State, World};

/// The plan that makes `world` what `definition` asks for, as far as `goal` reaches. `hash` gives the configuration hash of a
/// service, as its container's label carries it.
pub fn make(definition: &Definition, world: &World, goal: &Goal, hash: &dyn Fn(&Service) -> String) -> Plan {
    let selected = selected(definition, goal);
    let new_volumes: BTreeSet<&str> = definition
        .volumes
        .iter()
        .filter(|(key, volume)| {
            !volume.external
                && !world.volumes.contains(&volume.name)
                && used_volume(definition, &selected, key)
        })
        .map(|(key, _)| key.as_str())
        .collect();
    let networks = definition
        .networks
        .iter()
        .filter(|(key, network)| {
            !network.external
                && !world.networks.contains(&network.name)
                && selected.iter().any(|s| definition.services[s].networks.contains_key(*key))
        })
        .map(|(key, _)| key.clone())
        .collect();
    let jobs = definition.jobs();
    let mut made: BTreeMap<ServiceName, ServicePlan> = BTreeMap::new();
    let mut order = Vec::new();
    for name in graph::topological(definition) {
        if selected.contains(&name) {
            let context =
                Context { definition, world, goal, jobs: &jobs, new_volumes: &new_volumes, above: &made };
            let service = context.service(&definition.services[&name], hash);
            order.push(name.clone());
            made.insert(name, service);
        }
    }
    let services = order.into_iter().filter_map(|name| made.remove(&name)).collect();
    Plan {
        project: definition.project.clone(),
        networks,
        volumes: new_volumes.into_iter().map(str::to_owned).collect(),
        services,
        stale: world.containers.iter().filter(|c| c.aside).map(|c| c.id.clone()).collect(),
        orphans: world
            .containers
            .iter()
            .filter(|c| !definition.services.contains_key(&c.service))
            .map(|c| c.name.clone())
            .collect(),
    }
}

fn selected(definition: &Definition, goal: &Goal) -> BTreeSet<ServiceName> {
    if goal.services.is_empty() {
        definition.services.keys().cloned().collect()
    } else {
        graph::with_dependencies(definition, &goal.services)
    }
}

fn used_volume(definition: &Definition, selected: &BTreeSet<ServiceName>, key: &str) -> bool {
    selected.iter().any(|s| volumes_of(&definition.services[s]).any(|v| v == key))
}

fn volumes_of(service: &Service) -> impl Iterator<Item = &str> {
    service.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume(key) => Some(key.as_str()),
        _ => None,
    })
}

/// What a decision may look at.
struct Context<'a> {
    definition: &'a Definition,
    world: &'a World,
    goal: &'a Goal,
    jobs: &'a BTreeSet<ServiceName>,
    new_volumes: &'a BTreeSet<&'a str>,
    above: &'a BTreeMap<ServiceName, ServicePlan>,
}

impl Context<'_> {
    fn service(&self, service: &Service, hash: &dyn Fn(&Service) -> String) -> ServicePlan {
        let config_hash = hash(service);
        let present = self.world.images.get(&service.image).cloned();
        let obtain = present.is_none() || (self.goal.build && service.build.is_some());
        let job = self.jobs.contains(&service.name);
        let container = self.world.of(&service.name).find(|c| !c.aside);
        let fits = container.map(|c| self.fits(c, &config_hash, service));
        let decision = match (container, fits) {
            (None, _) | (_, None) if job => Decision::Run(Reason::FirstRun),
            (None, _) | (_, None) => Decision::Create,
            (Some(container), Some(fits)) if job => self.job(service, container, fits),
            (Some(_), Some(Err(reason))) => Decision::Recreate(reason),
            (Some(container), Some(Ok(()))) => match &container.state {
                State::Running { .. } | State::Restarting => Decision::Keep,
                State::Created | State::Exited(_) | State::Paused => Decision::Start,
                State::Removing => Decision::Create,
                State::Dead => Decision::Recreate(Reason::Unusable("dead".to_owned())),
            },
        };
        ServicePlan {
            name: service.name.clone(),
            decision,
            gates: self.gates(service),
            job,
            image: ImagePlan {
                reference: service.image.clone(),
                present,
                obtain,
                compiled: service.pdex.host_build.is_some(),
            },
            config_hash,
            existing: container.map(|c| Existing {
                id: c.id.clone(),
                image: c.image.clone(),
                running: matches!(c.state, State::Running { .. } | State::Restarting),
                healthy: c.state == State::Running { health: Some(Health::Healthy) },
            }),
            unavailable: if self.goal.services.contains(&service.name) {
                ImageUnavailable::Fail
            } else {
                service.pdex.image_unavailable
            },
        }
    }

    /// A job that ran to success on the same inputs is done; in doubt it runs.
    fn job(&self, service: &Service, container: &Container, fits: Result<(), Reason>) -> Decision {
        if self.goal.rerun.contains(&service.name) {
            return Decision::Run(Reason::Requested);
        }
        let unusable = |state: &str| Decision::Run(Reason::Unusable(state.to_owned()));
        match &container.state {
            State::Running { .. } => {
                // It is at work, left by a run that was cut off: wait for it, unless it works on the wrong thing.
                return fits.map_or_else(Decision::Run, |()| Decision::Keep);
            }
            State::Exited(exit) if exit.is_success() => {}
            State::Exited(exit) => return Decision::Run(Reason::LastRunFailed(exit.meaning())),
            State::Created => return Decision::Run(Reason::FirstRun),
            State::Paused => return unusable("paused"),
            State::Restarting => return unusable("restarted over and over"),
            State::Removing => return unusable("being removed"),
            State::Dead => return unusable("dead"),
        }
        match fits.err().or_else(|| self.stale_inputs(service)) {
            Some(reason) => Decision::Run(reason),
            None => Decision::Done,
        }
    }

    fn stale_inputs(&self, service: &Service) -> Option<Reason> {
        let upstream = service
            .depends_on
            .keys()
            .find(|name| self.above.get(*name).is_some_and(|plan| matches!(plan.decision, Decision::Run(_))));
        if let Some(name) = upstream {
            return Some(Reason::UpstreamRuns(name.clone()));
        }
        let empty = service.mounts.iter().find_map(|mount| match &mount.source {
            MountSource::Bind(path) if !mount.read_only && self.world.empty_binds.contains(path) => {
                Some(Reason::FolderIsEmpty(path.display().to_string()))
            }
            _ => None,
        });
        if empty.is_some() {
            return empty;
        }
        graph::with_dependencies(self.definition, [&service.name])
            .iter()
            .filter(|name| {
                // Only what feeds the job: a metrics store made anew does not make it stale.
                **name == service.name || service.depends_on.get(*name).is_some_and(|d| d.required)
            })
            .flat_map(|name| volumes_of(&self.definition.services[name]))
            .find(|key| self.new_volumes.contains(key))
            .map(|key| Reason::VolumeIsNew(key.to_owned()))
    }

    fn fits(&self, container: &Container, config_hash: &str, service: &Service) -> Result<(), Reason> {
        if self.goal.force_recreate {
            return Err(Reason::Requested);
        }
        if container.config_hash != config_hash {
            return Err(Reason::ConfigurationChanged);
        }
        match self.world.images.get(&service.image) {
            Some(image) if *image != container.image => Err(Reason::ImageChanged),
            _ => Ok(()),
        }
    }

    fn gates(&self, service: &Service) -> Vec<Gate> {
        service
            .depends_on
            .iter()
            .filter(|(name, _)| self.definition.services.contains_key(*name))
            .map(|(name, dependency)| Gate {
                service: name.clone(),
                condition: dependency.condition,
                required: dependency.required,
            })
            .collect()
    }
}

#[cfg(test)]
#[path = "decide_test.rs"]
mod tests;
