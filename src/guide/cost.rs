//! What services cost: memory by their limits, disk by their images.

use std::collections::{BTreeMap, BTreeSet};

use crate::definition::model::{Definition, Service, ServiceName};

/// Of some services together, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    pub services: usize,
    /// The sum of their limits.
    pub memory: u64,
    /// How many of them have no limit.
    pub unlimited: usize,
    /// What their images take that are there.
    pub images_there: u64,
    /// What the definition says of those that are not.
    pub images_to_come: u64,
    /// How many images are not there and not spoken of.
    pub images_unknown: usize,
}

/// `sizes` has those of the images that are there, by reference.
pub fn cost(
    definition: &Definition,
    services: &BTreeSet<ServiceName>,
    sizes: &BTreeMap<String, u64>,
) -> Cost {
    let services: Vec<&Service> = services.iter().filter_map(|name| definition.services.get(name)).collect();
    let mut cost = Cost { services: services.len(), ..Cost::default() };
    let mut seen = BTreeSet::new();
    for service in services {
        match memory(service) {
            Some(memory) => cost.memory = cost.memory.saturating_add(memory),
            None => cost.unlimited += 1,
        }
        if !seen.insert(&service.image) {
            continue;
        }
        match (sizes.get(&service.image), service.pdex.disk) {
            (Some(size), _) => cost.images_there = cost.images_there.saturating_add(*size),
            (None, Some(size)) => cost.images_to_come = cost.images_to_come.saturating_add(size),
            (None, None) => cost.images_unknown += 1,
        }
    }
    cost
}

/// The limit of all its containers together.
pub fn memory(service: &Service) -> Option<u64> {
    let limit = u64::try_from(service.limits().memory?).ok()?;
    Some(limit.saturating_mul(u64::from(service.replicas())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Request, load};

    #[test]
    fn limits_add_up_and_an_image_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        let text = "name: x\nservices:\n  a: { image: \"a:1\", mem_limit: 1g, scale: 2 }\n  b: { image: \"b:1\", mem_limit: 512m, x-pdex: { disk: 100m } }\n  c: { image: \"b:1\", x-pdex: { disk: 100m } }\n  d: { image: \"d:1\" }\n  e: { image: \"e:1\", mem_limit: 1g }\n";
        std::fs::write(&file, text).unwrap();
        let definition = load(&Request { files: vec![file], ..Request::default() }).unwrap().definition;
        let services = ["a", "b", "c", "d"].map(ServiceName::new).into();
        let sizes = BTreeMap::from([("a:1".to_owned(), 7)]);
        assert_eq!(
            cost(&definition, &services, &sizes),
            Cost {
                services: 4,
                memory: (2 << 30) + (512 << 20),
                unlimited: 2,
                images_there: 7,
                images_to_come: 100 << 20,
                images_unknown: 1,
            }
        );
    }
}
