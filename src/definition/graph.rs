//! Questions about who depends on whom. Pure; a definition that was loaded has no cycles.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Condition, Definition, ServiceName};

/// Every service once, dependencies before dependents, ties by name.
pub fn topological(definition: &Definition) -> Vec<ServiceName> {
    let mut waiting: BTreeMap<&ServiceName, usize> = BTreeMap::new();
    let mut ready = BTreeSet::new();
    for (name, service) in &definition.services {
        let count = service.depends_on.keys().filter(|d| definition.services.contains_key(*d)).count();
        if count == 0 {
            ready.insert(name);
        } else {
            waiting.insert(name, count);
        }
    }
    let by_dependency = dependents_by_name(definition);
    let mut order = Vec::with_capacity(definition.services.len());
    while let Some(name) = ready.pop_first() {
        order.push(name.clone());
        for dependent in by_dependency.get(name).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*dependent) {
                *count -= 1;
                if *count == 0 {
                    waiting.remove(*dependent);
                    ready.insert(dependent);
                }
            }
        }
    }
    order
}

/// The services that depend on `name`, directly or through others, without itself.
pub fn dependents(definition: &Definition, name: &ServiceName) -> BTreeSet<ServiceName> {
    let by_dependency = dependents_by_name(definition);
    let mut found = BTreeSet::new();
    let mut open = vec![name];
    while let Some(current) = open.pop() {
        for dependent in by_dependency.get(current).into_iter().flatten() {
            if found.insert((*dependent).clone()) {
                open.push(dependent);
            }
        }
    }
    found
}

/// The named services and everything they depend on. Names that are not in the definition are left out.
pub fn with_dependencies<'a>(
    definition: &Definition,
    names: impl IntoIterator<Item = &'a ServiceName>,
) -> BTreeSet<ServiceName> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&ServiceName> = names.into_iter().collect();
    while let Some(name) = open.pop() {
        if let Some(service) = definition.services.get(name)
            && found.insert(name.clone())
        {
            open.extend(service.depends_on.keys());
        }
    }
    found
}

/// The definition with only the named services and what they depend on.
#[must_use]
pub fn subset<'a>(definition: &Definition, names: impl IntoIterator<Item = &'a ServiceName>) -> Definition {
    let kept = with_dependencies(definition, names);
    let mut smaller = definition.clone();
    smaller.services.retain(|name, _| kept.contains(name));
    smaller
}

/// Whether the service runs to its end once: see [`Definition::jobs`].
pub fn is_job(definition: &Definition, name: &ServiceName) -> bool {
    definition.jobs().contains(name)
}

impl Definition {
    /// The services that run to their end: someone waits for their success, or `x-pdex.job` says so.
    pub fn jobs(&self) -> BTreeSet<ServiceName> {
        let awaited = self.services.values().flat_map(|service| &service.depends_on);
        let awaited = awaited.filter(|(_, d)| d.condition == Condition::ServiceCompletedSuccessfully);
        let declared = self.services.values().filter(|service| service.pdex.job);
        awaited.map(|(name, _)| name.clone()).chain(declared.map(|service| service.name.clone())).collect()
    }
}

fn dependents_by_name(definition: &Definition) -> BTreeMap<&ServiceName, Vec<&ServiceName>> {
    let mut by_dependency: BTreeMap<&ServiceName, Vec<&ServiceName>> = BTreeMap::new();
    for (name, service) in &definition.services {
        for dependency in service.depends_on.keys() {
            by_dependency.entry(dependency).or_default().push(name);
        }
    }
    by_dependency
}
