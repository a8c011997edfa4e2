//! How a plan is made. One pass over the services in dependency order, so that a decision can look at those above it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Decision, Existing, Gate, Goal, ImagePlan, InstancePlan, Plan, Present, Pull, Reason, ServicePlan,
};
use crate::definition::graph;
use crate::definition::model::{Definition, ImageUnavailable, MountSource, PullPolicy, Service, ServiceName};
use crate::definition::render;
use crate::world::{Container, Health, State, World};

/// How a service's configuration is compared with what a container was made from: its hash, as the container's label carries it.
pub type Fingerprint<'a> = &'a dyn Fn(&Service) -> String;

/// The plan that makes `world` what `definition` asks for, as far as `goal` reaches.
pub fn make(definition: &Definition, world: &World, goal: &Goal, hash: Fingerprint<'_>) -> Plan {
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
    let by_service = by_service(world);
    for name in graph::topological(definition) {
        if selected.contains(&name) {
            let containers = by_service.get(&name).map_or(&[][..], Vec::as_slice);
            let context = Context {
                definition,
                world,
                goal,
                jobs: &jobs,
                selected: &selected,
                new_volumes: &new_volumes,
                above: &made,
            };
            let service = context.service(&definition.services[&name], containers, hash);
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
            .filter(|c| !c.aside && !definition.knows(&c.service))
            .map(present)
            .collect(),
        remove_orphans: goal.remove_orphans,
    }
}

fn by_service(world: &World) -> BTreeMap<&ServiceName, Vec<&Container>> {
    let mut by_service: BTreeMap<&ServiceName, Vec<&Container>> = BTreeMap::new();
    for container in world.containers.iter().filter(|c| !c.aside) {
        by_service.entry(&container.service).or_default().push(container);
    }
    by_service
}

fn present(container: &Container) -> Present {
    Present { id: container.id.clone(), name: container.name.clone() }
}

fn selected(definition: &Definition, goal: &Goal) -> BTreeSet<ServiceName> {
    if goal.services.is_empty() {
        definition.services.keys().cloned().collect()
    } else if goal.no_dependencies {
        goal.services.iter().filter(|name| definition.services.contains_key(*name)).cloned().collect()
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
    selected: &'a BTreeSet<ServiceName>,
    new_volumes: &'a BTreeSet<&'a str>,
    above: &'a BTreeMap<ServiceName, ServicePlan>,
}

impl Context<'_> {
    fn service(&self, service: &Service, containers: &[&Container], hash: Fingerprint<'_>) -> ServicePlan {
        let config_hash = hash(&render::beside(service, &|name| self.first_container(name)));
        let present = self.world.images.get(&service.image).cloned();
        let wanted = usize::try_from(service.replicas()).unwrap_or(usize::MAX);
        let (kept, surplus) = self.assigned(service, containers, &config_hash, wanted);
        let job = self.jobs.contains(&service.name);
        let instances: Vec<InstancePlan> = kept
            .into_iter()
            .map(|(number, container)| InstancePlan {
                number,
                decision: self.decision(service, job, container, &config_hash),
                existing: container.map(existing),
            })
            .collect();
        ServicePlan {
            name: service.name.clone(),
            gates: self.gates(service),
            job,
            image: ImagePlan {
                reference: service.image.clone(),
                obtain: !instances.is_empty() && self.obtains(service, present.is_some()),
                present,
                compiled: service.pdex.host_build.is_some(),
            },
            instances,
            surplus: surplus.into_iter().map(self::present).collect(),
            config_hash,
            unavailable: if self.goal.services.contains(&service.name) {
                ImageUnavailable::Fail
            } else {
                service.pdex.image_unavailable
            },
        }
    }

    /// Whose namespaces and volumes others share.
    fn first_container(&self, service: &ServiceName) -> Option<String> {
        self.world.of(service).find(|c| c.number == 1 && !c.aside).map(|container| container.id.0.clone())
    }

    fn obtains(&self, service: &Service, present: bool) -> bool {
        let built = service.build.is_some();
        match (self.goal.pull, service.pull_policy) {
            _ if !present => true,
            (_, Some(PullPolicy::Build)) if built => true,
            (Pull::Always, _) | (Pull::Missing, Some(PullPolicy::Always)) if !built => true,
            _ => built && self.goal.build,
        }
    }

    /// Which containers stay, by the number each has, and which are too many: those that would have to be replaced go first, then
    /// the ones with the highest numbers. What is missing gets the lowest numbers that are free.
    fn assigned<'c>(
        &self,
        service: &Service,
        containers: &[&'c Container],
        config_hash: &str,
        wanted: usize,
    ) -> (BTreeMap<u32, Option<&'c Container>>, Vec<&'c Container>) {
        let mut sorted = containers.to_vec();
        sorted.sort_by_key(|c| (self.fits(c, config_hash, service).is_err(), c.number, c.name.clone()));
        let mut kept: BTreeMap<u32, Option<&Container>> = BTreeMap::new();
        let mut surplus = Vec::new();
        for container in sorted {
            if kept.len() < wanted && !kept.contains_key(&container.number) {
                kept.insert(container.number, Some(container));
            } else {
                surplus.push(container);
            }
        }
        let mut number = 1;
        while kept.len() < wanted {
            kept.entry(number).or_insert(None);
            number += 1;
        }
        (kept, surplus)
    }

    fn decision(&self, service: &Service, job: bool, container: Option<&Container>, hash: &str) -> Decision {
        let Some(container) = container else {
            return if job { Decision::Run(Reason::FirstRun) } else { Decision::Create };
        };
        let fits = self.fits(container, hash, service);
        if job {
            return self.job(service, container, fits);
        }
        if let Err(reason) = fits {
            return Decision::Recreate(reason);
        }
        match &container.state {
            State::Running { .. } | State::Restarting => match self.replaced_above(service) {
                // What lives in another's namespaces was made for that very container.
                Some(above) if service.shares().any(|shared| *shared == above) => {
                    Decision::Recreate(Reason::UpstreamReplaced(above))
                }
                Some(above) => Decision::Restart(Reason::UpstreamReplaced(above)),
                None => Decision::Keep,
            },
            State::Created | State::Exited(_) | State::Paused => Decision::Start,
            State::Removing => Decision::Create,
            State::Dead => Decision::Recreate(Reason::Unusable("dead".to_owned())),
        }
    }

    /// A dependency that is replaced and takes the service along (`restart: true`).
    fn replaced_above(&self, service: &Service) -> Option<ServiceName> {
        let replaced = |name: &ServiceName| {
            let plan = self.above.get(name);
            plan.is_some_and(|plan| {
                plan.instances.iter().any(|i| matches!(i.decision, Decision::Recreate(_)))
            })
        };
        let followed = service.depends_on.iter().filter(|(_, dependency)| dependency.restart);
        followed.map(|(name, _)| name).find(|name| replaced(name)).cloned()
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
        let upstream = service.depends_on.keys().find(|name| self.above.get(*name).is_some_and(runs));
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
        if self.goal.no_recreate {
            return Ok(());
        }
        if self.goal.force_recreate && self.is_named(&service.name) {
            return Err(Reason::Requested);
        }
        if container.config_hash != config_hash {
            return Err(Reason::ConfigurationChanged(render::changes(&container.fields, service)));
        }
        match self.world.images.get(&service.image) {
            Some(image) if *image != container.image => Err(Reason::ImageChanged),
            _ => Ok(()),
        }
    }

    fn is_named(&self, name: &ServiceName) -> bool {
        self.goal.services.is_empty() || self.goal.services.contains(name)
    }

    fn gates(&self, service: &Service) -> Vec<Gate> {
        service
            .depends_on
            .iter()
            .filter(|(name, _)| self.selected.contains(*name))
            .map(|(name, dependency)| Gate {
                service: name.clone(),
                condition: dependency.condition,
                required: dependency.required,
                restart: dependency.restart,
            })
            .collect()
    }
}

/// Whether a one-shot runs again.
fn runs(plan: &ServicePlan) -> bool {
    plan.instances.iter().any(|instance| matches!(instance.decision, Decision::Run(_)))
}

fn existing(container: &Container) -> Existing {
    Existing {
        id: container.id.clone(),
        image: container.image.clone(),
        running: matches!(container.state, State::Running { .. } | State::Restarting),
        healthy: container.state == State::Running { health: Some(Health::Healthy) },
    }
}

#[cfg(test)]
#[path = "decide_test.rs"]
mod tests;
