//! What would make an `up` fail or disappoint, looked for before anything is touched, all of it at once and in under a second. A
//! check is a small function from facts to findings in the list below; gathering the facts is the only part that asks.

mod machine;
mod network;
mod paths;
mod ports;
mod swarm;
mod variables;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;

use crate::definition::model::{Definition, Service, ServiceName};
use crate::finding::Finding;
use crate::runtime::Runtime;
use crate::world::World;
use crate::world::machine::{AddressedNetwork, Machine, Subnet};

pub use paths::secrets_made_anew;
pub use swarm::of_swarm;

/// For all questions together. An engine that takes longer is slow, not wrong: the checks do without its answer.
const PATIENCE: Duration = Duration::from_millis(800);

/// What the checks look at.
#[derive(Debug)]
struct Facts<'a> {
    definition: &'a Definition,
    /// The services about to be started.
    starting: &'a BTreeSet<ServiceName>,
    world: &'a World,
    machine: Machine,
    networks: Vec<AddressedNetwork>,
    routes: Vec<Subnet>,
    /// Image reference → `os/architecture`, of those that are there.
    platforms: BTreeMap<String, String>,
    /// Published ports that someone else has.
    taken: Vec<ports::Taken>,
}

impl Facts<'_> {
    fn services(&self) -> impl Iterator<Item = &Service> {
        self.starting.iter().filter_map(|name| self.definition.services.get(name))
    }
}

const CHECKS: &[fn(&Facts<'_>) -> Vec<Finding>] = &[
    machine::interface,
    machine::clock,
    ports::taken,
    ports::too_few,
    paths::binds,
    paths::files,
    machine::disk,
    machine::memory,
    machine::cpus,
    machine::platforms,
    network::subnets,
    variables::agreement,
];

/// Every problem of starting these services, in the order of the list.
pub async fn check<R: Runtime>(
    runtime: &R,
    definition: &Definition,
    world: &World,
    starting: &BTreeSet<ServiceName>,
) -> Vec<Finding> {
    if starting.is_empty() {
        return Vec::new();
    }
    let facts = gather(runtime, definition, world, starting).await;
    CHECKS.iter().flat_map(|check| check(&facts)).collect()
}

async fn gather<'a, R: Runtime>(
    runtime: &R,
    definition: &'a Definition,
    world: &'a World,
    starting: &'a BTreeSet<ServiceName>,
) -> Facts<'a> {
    let services = || starting.iter().filter_map(|name| definition.services.get(name));
    let images: BTreeSet<&str> = services().map(|service| service.image.as_str()).collect();
    let platforms = join_all(images.into_iter().map(async |image| {
        let platform = runtime.image_platform(image).await.ok().flatten()?;
        Some((image.to_owned(), platform))
    }));
    let questions = futures_util::future::join4(
        in_time(async { runtime.machine().await.unwrap_or_default() }),
        in_time(async { runtime.networks().await.unwrap_or_default() }),
        in_time(platforms),
        in_time(ports::holders(runtime, definition, services())),
    );
    let (machine, networks, platforms, taken) = questions.await;
    Facts {
        definition,
        starting,
        world,
        routes: if machine.local { network::routes() } else { Vec::new() },
        machine,
        networks,
        platforms: platforms.into_iter().flatten().collect(),
        taken,
    }
}

async fn in_time<T: Default>(question: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, question).await.unwrap_or_default()
}

/// Facts for the tests of the checks: a definition on a machine with room, where nothing else is.
#[cfg(test)]
mod stage {
    use super::*;
    use crate::definition::{Request, load};
    use crate::world::machine::Disk;

    pub(super) struct Stage {
        pub(super) definition: Definition,
        pub(super) world: World,
        pub(super) starting: BTreeSet<ServiceName>,
    }

    impl Stage {
        /// Of the text of a definition.
        pub(super) fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("stack.yaml");
            std::fs::write(&file, text).unwrap();
            let definition = load(&Request { files: vec![file], ..Request::default() }).unwrap().definition;
            let starting = definition.services.keys().cloned().collect();
            Self { definition, world: World::default(), starting }
        }

        pub(super) fn facts(&self) -> Facts<'_> {
            Facts {
                definition: &self.definition,
                starting: &self.starting,
                world: &self.world,
                machine: Machine {
                    api_version: "1.41".to_owned(),
                    architecture: "amd64".to_owned(),
                    system: "linux".to_owned(),
                    memory: Some(8 << 30),
                    cpus: Some(4),
                    root: "/var/lib/docker".into(),
                    local: true,
                    disk: Some(Disk { free: 50 << 30, size: 100 << 30 }),
                    ..Machine::default()
                },
                networks: Vec::new(),
                routes: Vec::new(),
                platforms: BTreeMap::new(),
                taken: Vec::new(),
            }
        }

        /// What one check says, as text.
        pub(super) fn said(check: fn(&Facts<'_>) -> Vec<Finding>, facts: &Facts<'_>) -> Vec<String> {
            check(facts).iter().map(|f| format!("{:?} {} {f}", f.severity, f.code)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::stage::Stage;
    use super::*;
    use crate::runtime::sim::Simulated;

    #[test]
    fn a_machine_with_room_is_found_nothing_wrong_with() {
        let stage = Stage::new("name: x\nservices: { a: { image: \"a:1\", mem_limit: 1g, cpus: 1 } }\n");
        let facts = stage.facts();
        let said: Vec<String> = CHECKS.iter().flat_map(|check| Stage::said(*check, &facts)).collect();
        assert_eq!(said, [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn everything_wrong_is_told_at_once() {
        let stage = Stage::new(
            "name: x\nservices: { a: { image: \"a:1\", mem_limit: 100g, cpus: 99, \
             volumes: [{ type: bind, source: /is/not/there, target: /a, bind: { create_host_path: false } }] } }\n",
        );
        let found = check(&Simulated::default(), &stage.definition, &World::default(), &stage.starting).await;
        let codes: Vec<&str> = found.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, ["preflight/bind-missing", "preflight/memory-limit", "preflight/cpu-limit"]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_to_start_asks_nothing() {
        let stage = Stage::new("name: x\nservices: { a: { image: \"a:1\", cpus: 99 } }\n");
        let found =
            check(&Simulated::default(), &stage.definition, &World::default(), &BTreeSet::new()).await;
        assert_eq!(found, []);
    }
}
