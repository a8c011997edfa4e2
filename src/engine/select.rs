//! Which containers a command is about. Pure.

use std::collections::BTreeSet;

use crate::definition::model::{Definition, ServiceName};
use crate::world::ASIDE;
use crate::world::live::Listed;

/// No container of a service is there, or none with that number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentence(self))]
pub struct Absent {
    pub service: ServiceName,
    pub index: Option<u32>,
    /// There is one, and it does not run.
    pub stopped: bool,
}

fn sentence(absent: &Absent) -> String {
    let Absent { service, index, stopped } = absent;
    match (index, stopped) {
        (None, false) => format!("service {service} has no container"),
        (None, true) => format!("service {service} is not running"),
        (Some(index), false) => format!("service {service} has no container number {index}"),
        (Some(index), true) => format!("container number {index} of service {service} is not running"),
    }
}

/// The own containers of the named services, of all services of the definition when none is named.
pub fn own<'a>(definition: &Definition, all: &'a [Listed], named: &[ServiceName]) -> Vec<&'a Listed> {
    all.iter().filter(|listed| is_own(definition, listed, named)).collect()
}

/// See [`own`].
pub fn is_own(definition: &Definition, listed: &Listed, named: &[ServiceName]) -> bool {
    let service = &listed.service;
    let wanted =
        if named.is_empty() { definition.services.contains_key(service) } else { named.contains(service) };
    wanted && !listed.one_off && !listed.name.ends_with(ASIDE)
}

/// What the project has besides: one-off containers, and those of services that the definition no longer has.
pub fn strays<'a>(definition: &Definition, all: &'a [Listed]) -> Vec<&'a Listed> {
    all.iter().filter(|listed| listed.one_off || !definition.services.contains_key(&listed.service)).collect()
}

/// The named services that have no container at all.
pub fn missing<'a>(found: &[&Listed], named: &'a [ServiceName]) -> Vec<&'a ServiceName> {
    let there: BTreeSet<&ServiceName> = found.iter().map(|listed| &listed.service).collect();
    named.iter().filter(|service| !there.contains(service)).collect()
}

/// The running container of a service, that with the lowest number unless one is named.
pub fn running<'a>(
    definition: &Definition,
    all: &'a [Listed],
    service: &ServiceName,
    index: Option<u32>,
) -> Result<&'a Listed, Absent> {
    let found = one(definition, all, service, index)?;
    let candidates = own(definition, all, std::slice::from_ref(service));
    let runs = candidates.into_iter().find(|c| c.runs() && index.is_none_or(|index| c.number == index));
    runs.ok_or_else(|| Absent { service: found.service.clone(), index, stopped: true })
}

/// As [`running`], whatever its state.
pub fn one<'a>(
    definition: &Definition,
    all: &'a [Listed],
    service: &ServiceName,
    index: Option<u32>,
) -> Result<&'a Listed, Absent> {
    let candidates = own(definition, all, std::slice::from_ref(service));
    let found = candidates.into_iter().find(|c| index.is_none_or(|index| c.number == index));
    found.ok_or_else(|| Absent { service: service.clone(), index, stopped: false })
}
