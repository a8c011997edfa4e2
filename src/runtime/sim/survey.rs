//! The double's answers to the questions of [`Survey`]: a machine with room for anything that a test does not make too large.
//! They change nothing, so that the faults by number of calls do not count them.

use std::path::PathBuf;

use super::Simulated;
use super::memory::Held;
use super::refusals;
use crate::runtime::{RuntimeError, Survey};
use crate::world::ContainerId;
use crate::world::machine::{AddressedNetwork, Disk, Holder, Machine, Owner};
use crate::world::placement::Placement;

impl Survey for Simulated {
    async fn machine(&self) -> Result<Machine, RuntimeError> {
        Ok(Machine {
            api_version: if self.faults.old { "1.40" } else { "1.41" }.to_owned(),
            clock_ahead_ms: Some(self.faults.skew_ms),
            system: "linux".to_owned(),
            memory: Some(16 << 30),
            cpus: Some(4),
            root: PathBuf::from("/var/lib/docker"),
            driver: "memory".to_owned(),
            local: true,
            disk: Some(Disk { free: if self.is_full() { 12 << 10 } else { 100 << 30 }, size: 200 << 30 }),
            ..Machine::default()
        })
    }

    async fn holder(&self, port: u16) -> Result<Option<Holder>, RuntimeError> {
        if self.faults.held_port == Some(port) {
            return Ok(Some(Holder::Process { name: "nginx".to_owned(), id: 812 }));
        }
        Ok(self.state.borrow().publisher(port).map(|held| Holder::Container(held.owner())))
    }

    async fn owner(&self, name: &str) -> Result<Option<Owner>, RuntimeError> {
        Ok(self.state.borrow().containers.values().find(|held| held.name == name).map(Held::owner))
    }

    async fn networks(&self) -> Result<Vec<AddressedNetwork>, RuntimeError> {
        let named = |name: &String| AddressedNetwork { name: name.clone(), subnets: Vec::new() };
        Ok(self.state.borrow().networks.keys().map(named).collect())
    }

    async fn image_platform(&self, _: &str) -> Result<Option<String>, RuntimeError> {
        Ok(None)
    }

    async fn last_test(&self, id: &ContainerId) -> Result<Option<String>, RuntimeError> {
        self.held(id, |held| held.labels.get("sim.test").cloned())
    }

    async fn placement(&self, id: &ContainerId) -> Result<Placement, RuntimeError> {
        self.held(id, |held| held.placement())
    }

    async fn offered(&self, reference: &str) -> Result<(), RuntimeError> {
        refusals::of_registry(reference)
    }
}
