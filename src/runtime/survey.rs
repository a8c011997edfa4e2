//! The third part of the seam: what is asked of an engine before a run begins, and when something in it failed. None of it
//! changes anything.

use std::net::IpAddr;

use super::RuntimeError;
use crate::world::machine::{AddressedNetwork, Holder, Machine, Owner};
use crate::world::placement::Placement;
use crate::world::swarm::Swarm;
use crate::world::{ContainerId, ImageId};

/// See the module.
pub trait Survey {
    /// What the engine's machine is and has.
    async fn machine(&self) -> Result<Machine, RuntimeError>;
    /// Who has a TCP port of the engine's machine; `None` when nobody has.
    async fn holder(&self, port: u16) -> Result<Option<Holder>, RuntimeError>;
    /// Whose container has a name, of whatever project, running or not.
    async fn owner(&self, name: &str) -> Result<Option<Owner>, RuntimeError>;
    /// Every network of the engine.
    async fn networks(&self) -> Result<Vec<AddressedNetwork>, RuntimeError>;
    /// What an image that the engine has is for, `linux/amd64`.
    async fn image_platform(&self, reference: &str) -> Result<Option<String>, RuntimeError>;
    /// What the engine's own last health test of a container printed, when that failed.
    async fn last_test(&self, id: &ContainerId) -> Result<Option<String>, RuntimeError>;
    /// What a container was given, running or not.
    async fn placement(&self, id: &ContainerId) -> Result<Placement, RuntimeError>;
    /// How the engine's own machine reaches a running container on whatever port, published or not; `None` where it does not.
    async fn address(&self, _id: &ContainerId) -> Result<Option<IpAddr>, RuntimeError> {
        Ok(None)
    }
    /// Whether the registry of an image has it, asked by the engine; nothing is fetched. [`RuntimeError::NoRegistry`] when none
    /// answers, [`RuntimeError::NotFound`] when it says no.
    async fn offered(&self, reference: &str) -> Result<(), RuntimeError>;
    /// An image that every machine has to be given, because no registry is known to have it. `None` where services run on one
    /// machine, and for an image that is not there yet.
    async fn carried_by_hand(&self, _reference: &str) -> Result<Option<ImageId>, RuntimeError> {
        Ok(None)
    }
    /// What the swarm is made of; `None` where services are containers of one engine.
    async fn swarm(&self) -> Result<Option<Swarm>, RuntimeError> {
        Ok(None)
    }
}
