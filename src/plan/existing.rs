//! A plan narrowed to containers that are there: what `start` does.

use super::{Decision, Plan};
use crate::definition::model::ServiceName;

impl Plan {
    /// Starts what is there as it is, and makes, replaces and removes nothing. A one-shot that succeeded runs again only where it is
    /// named.
    #[must_use]
    pub fn of_what_is_there(mut self, named: &[ServiceName]) -> Self {
        self.stale.clear();
        self.orphans.clear();
        for service in &mut self.services {
            service.surplus.clear();
            service.image.obtain = false;
            service.instances.retain(|instance| instance.existing.is_some());
            for instance in &mut service.instances {
                let running = instance.existing.as_ref().is_some_and(|existing| existing.running);
                instance.decision = match instance.decision {
                    _ if running => Decision::Keep,
                    Decision::Done if !named.contains(&service.name) => Decision::Done,
                    _ => Decision::Start,
                };
            }
        }
        self.services.retain(|service| !service.instances.is_empty());
        let there: Vec<ServiceName> = self.services.iter().map(|service| service.name.clone()).collect();
        for service in &mut self.services {
            service.gates.retain(|gate| there.contains(&gate.service));
        }
        self
    }
}
