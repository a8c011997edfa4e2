//! How long starts took, kept from one to the next, so that a guided start can say what to expect.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{Decision, Plan, ServicePlan};
use crate::world::time::Timestamp;

/// Raised when a field changes its meaning or goes; what another version wrote is forgotten.
const VERSION: u32 = 1;

/// The slowest sort of work that a start had to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Images were made or fetched.
    Images,
    /// One-shots ran.
    Jobs,
    /// Containers were made or started, and that was all.
    Containers,
}

impl Work {
    /// What a plan has to do; `None` when that is nothing.
    pub fn of(plan: &Plan) -> Option<Self> {
        let runs = |decision: &Decision| matches!(decision, Decision::Run(_));
        if plan.services.iter().any(|service| service.image.obtain) {
            return Some(Self::Images);
        }
        if plan.instances().any(|(_, instance)| runs(&instance.decision)) {
            return Some(Self::Jobs);
        }
        plan.services.iter().any(ServicePlan::changes).then_some(Self::Containers)
    }
}

/// One start that led to everything being ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// RFC 3339.
    pub at: String,
    pub took_ms: u64,
    pub services: usize,
}

impl Run {
    /// How long it took.
    pub fn took(&self) -> Duration {
        Duration::from_millis(self.took_ms)
    }

    /// The day it was on.
    pub fn day(&self) -> &str {
        self.at.split('T').next().unwrap_or_default()
    }
}

/// The last start of each sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    version: u32,
    runs: BTreeMap<Work, Run>,
}

impl Default for Measured {
    fn default() -> Self {
        Self { version: VERSION, runs: BTreeMap::new() }
    }
}

impl Measured {
    /// Reads what [`Self::text`] wrote; nothing is known where that cannot be understood.
    pub fn parse(text: &str) -> Self {
        let read = serde_json::from_str(text).ok();
        read.filter(|measured: &Self| measured.version == VERSION).unwrap_or_default()
    }

    /// The form it is kept in.
    pub fn text(&self) -> String {
        // Texts and numbers under text keys: there is nothing in it that JSON cannot say.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Takes in a start that succeeded. Whether that told anything: one that had nothing to do does not.
    pub fn record(&mut self, plan: &Plan, took: Duration, at: Timestamp) -> bool {
        let Some(work) = Work::of(plan) else { return false };
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.runs.insert(work, Run { at: at.to_string(), took_ms, services: plan.services.len() });
        true
    }

    /// The last start with this sort of work.
    pub fn last(&self, work: Work) -> Option<&Run> {
        self.runs.get(&work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::model::{Definition, ServiceName};
    use crate::definition::{Request, load};
    use crate::plan::{Goal, make};
    use crate::world::{Container, ContainerId, Exit, ImageId, State, World};

    fn definition() -> Definition {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.yaml");
        let text = "name: x\nservices:\n  job: { image: \"j:1\", x-pdex: { job: true } }\n  web: { image: \"w:1\" }\n";
        std::fs::write(&file, text).unwrap();
        load(&Request { files: vec![file], ..Request::default() }).unwrap().definition
    }

    fn plan(world: &World) -> Plan {
        make(&definition(), world, &Goal::default(), &|_| "h".to_owned())
    }

    fn container(service: &str, image: &str, state: State) -> Container {
        Container {
            id: ContainerId(service.to_owned()),
            name: service.to_owned(),
            service: ServiceName::new(service),
            number: 1,
            config_hash: "h".to_owned(),
            fields: BTreeMap::new(),
            image: ImageId(image.to_owned()),
            state,
            aside: false,
        }
    }

    #[test]
    fn the_slowest_sort_of_work_counts() {
        let mut world = World::default();
        assert_eq!(Work::of(&plan(&world)), Some(Work::Images));
        world.networks = ["x_default".to_owned()].into();
        world.images =
            [("j:1", "j"), ("w:1", "w")].map(|(r, i)| (r.to_owned(), ImageId(i.to_owned()))).into();
        assert_eq!(Work::of(&plan(&world)), Some(Work::Jobs));
        world.containers.push(container("job", "j", State::Exited(Exit::SUCCESS)));
        assert_eq!(Work::of(&plan(&world)), Some(Work::Containers));
        world.containers.push(container("web", "w", State::Running { health: None }));
        assert_eq!(Work::of(&plan(&world)), None);
    }

    #[test]
    fn what_was_measured_is_read_again_and_what_is_damaged_is_forgotten() {
        let mut measured = Measured::default();
        let at = Timestamp::from_seconds(1_767_225_600);
        assert!(measured.record(&plan(&World::default()), Duration::from_millis(2_942), at));
        let read = Measured::parse(&measured.text());
        assert_eq!(read, measured);
        let run = read.last(Work::Images).unwrap();
        assert_eq!((run.took(), run.day(), run.services), (Duration::from_millis(2_942), "2026-01-01", 2));
        assert_eq!(read.last(Work::Jobs), None);
        for text in ["", "{", "{\"version\":2,\"runs\":{}}", "[]"] {
            assert_eq!(Measured::parse(text), Measured::default(), "{text}");
        }
    }
}
