//! What belongs to the light stack, what a fresh start begins with, and what is reachable from where.

use std::collections::BTreeSet;

use crate::definition::model::{Definition, ServiceName};
use crate::world::{State, World};

/// The services called essential, and what these cannot do without; `None` where that is nothing, or everything.
pub fn light(definition: &Definition) -> Option<BTreeSet<ServiceName>> {
    let essential = definition.services.values().filter(|service| service.pdex.essential);
    let mut open: Vec<&ServiceName> = essential.map(|service| &service.name).collect();
    let mut found = BTreeSet::new();
    while let Some(name) = open.pop() {
        if let Some(service) = definition.services.get(name)
            && found.insert(name.clone())
        {
            open.extend(service.depends_on.iter().filter(|(_, d)| d.required).map(|(name, _)| name));
        }
    }
    Some(found).filter(|found| !found.is_empty() && found.len() < definition.services.len())
}

/// The services that have containers, when every one of these runs or has done its work; none when a start was cut off or something
/// has ended.
pub fn settled(world: &World) -> BTreeSet<ServiceName> {
    let is_well = |state: &State| match state {
        State::Running { .. } => true,
        State::Exited(exit) => exit.is_success(),
        _ => false,
    };
    if !world.containers.iter().all(|container| is_well(&container.state)) {
        return BTreeSet::new();
    }
    world.containers.iter().map(|container| container.service.clone()).collect()
}

/// What is left when everything of the project but its images has been removed.
pub fn after_removal(definition: &Definition, world: &World) -> World {
    let mut left =
        World { images: world.images.clone(), empty_binds: world.empty_binds.clone(), ..World::default() };
    let external = definition.volumes.values().filter(|volume| volume.external);
    left.volumes = external.map(|v| v.name.clone()).filter(|name| world.volumes.contains(name)).collect();
    let external = definition.networks.values().filter(|network| network.external);
    left.networks = external.map(|n| n.name.clone()).filter(|name| world.networks.contains(name)).collect();
    left
}

/// Service, address and port of everything published, in the order of the definition.
pub fn bindings(definition: &Definition) -> Vec<(ServiceName, String, u16)> {
    let ports = definition.services.values().flat_map(|service| {
        service.ports.iter().filter_map(|port| {
            let address = port.host_ip.clone().filter(|ip| !ip.is_empty());
            Some((service.name.clone(), address.unwrap_or_else(|| "0.0.0.0".to_owned()), port.published?))
        })
    });
    ports.collect()
}
