//! What containers of one run are called: by their service, with their number where it has several.

use std::collections::BTreeSet;

use crate::definition::model::ServiceName;
use crate::world::Instance;

/// The services that have several containers.
pub(super) struct Names<'a> {
    several: BTreeSet<&'a ServiceName>,
}

impl<'a> Names<'a> {
    /// Of all containers of the run.
    pub(super) fn of(instances: impl Iterator<Item = &'a Instance>) -> Self {
        let mut seen = BTreeSet::new();
        Self {
            several: instances.map(|instance| &instance.service).filter(|name| !seen.insert(*name)).collect(),
        }
    }

    pub(super) fn name(&self, instance: &Instance) -> String {
        if self.several.contains(&instance.service) {
            return format!("{}-{}", instance.service, instance.number);
        }
        instance.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_several_has_its_number() {
        let instance = |name: &str, number| Instance { service: ServiceName::new(name), number };
        let all = [instance("api", 1), instance("api", 2), instance("db", 1), instance("web", 3)];
        let names = Names::of(all.iter());
        let called: Vec<String> = all.iter().map(|instance| names.name(instance)).collect();
        assert_eq!(called, ["api-1", "api-2", "db", "web-3"]);
    }
}
