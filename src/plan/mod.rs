//! The plan: what has to happen so that the world becomes what the definition asks for. Made by a pure function that cannot
//! fail and asks nobody; printing it is the dry run.

mod decide;
mod existing;
mod goal;
mod print;

use std::collections::BTreeSet;

use crate::definition::model::{Condition, ImageUnavailable, ServiceName};
use crate::definition::render::FieldChange;
use crate::world::{ContainerId, ImageId, Instance};

pub use decide::{Fingerprint, make};
pub use goal::{Goal, Pull};

/// Every step that leads from the world to the definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub project: String,
    /// Keys of networks to create.
    pub networks: Vec<String>,
    /// Keys of volumes to create.
    pub volumes: Vec<String>,
    /// In dependency order.
    pub services: Vec<ServicePlan>,
    /// Containers to remove first: left-overs of an interrupted replacement.
    pub stale: Vec<ContainerId>,
    /// Containers of services that the definition no longer has.
    pub orphans: Vec<Present>,
    /// Whether the orphans go too; else they are only told of.
    pub remove_orphans: bool,
}

impl Plan {
    /// Whether executing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
            && self.volumes.is_empty()
            && self.stale.is_empty()
            && (self.orphans.is_empty() || !self.remove_orphans)
            && self.services.iter().all(|s| !s.image.obtain && !s.changes())
    }

    /// The services whose containers are to be started and do not hold their ports now.
    pub fn starting(&self) -> BTreeSet<ServiceName> {
        let starts = |s: &&ServicePlan| s.instances.iter().any(InstancePlan::takes_ports);
        self.services.iter().filter(starts).map(|s| s.name.clone()).collect()
    }

    /// The services of which something is made, started or replaced.
    pub fn changing(&self) -> BTreeSet<ServiceName> {
        self.services.iter().filter(|service| service.changes()).map(|service| service.name.clone()).collect()
    }

    /// One service's part.
    pub fn service(&self, name: &ServiceName) -> Option<&ServicePlan> {
        self.services.iter().find(|s| s.name == *name)
    }

    /// Every container that is to be there, with the service's part, in dependency order.
    pub fn instances(&self) -> impl Iterator<Item = (Instance, &InstancePlan)> {
        self.services.iter().flat_map(|service| {
            let instance = |number| Instance { service: service.name.clone(), number };
            service.instances.iter().map(move |planned| (instance(planned.number), planned))
        })
    }
}

/// What happens to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePlan {
    pub name: ServiceName,
    /// One for each container it is to have, by number. Empty where the definition asks for none.
    pub instances: Vec<InstancePlan>,
    /// Containers beyond the number it is to have; removed first.
    pub surplus: Vec<Present>,
    /// What must hold before its process may start.
    pub gates: Vec<Gate>,
    /// Runs to completion and is waited for as such.
    pub job: bool,
    pub image: ImagePlan,
    /// Hash of the configuration the container is to have.
    pub config_hash: String,
    /// Policy when the image cannot be had: `Fail` when the user named the service.
    pub unavailable: ImageUnavailable,
}

impl ServicePlan {
    /// Whether anything is made, started or removed for it.
    pub fn changes(&self) -> bool {
        !self.surplus.is_empty() || self.instances.iter().any(|instance| instance.decision.changes())
    }
}

/// What happens to one container of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstancePlan {
    pub number: u32,
    pub decision: Decision,
    /// The container there is now, if any.
    pub existing: Option<Existing>,
}

impl InstancePlan {
    fn takes_ports(&self) -> bool {
        self.decision.changes() && !self.existing.as_ref().is_some_and(|e| e.running)
    }
}

/// A container that is there already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Existing {
    pub id: ContainerId,
    pub image: ImageId,
    pub running: bool,
    /// The engine's own health check passes.
    pub healthy: bool,
}

/// A container that is no part of what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    pub id: ContainerId,
    pub name: String,
}

/// What to do about one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// There is none: make one and start it.
    Create,
    /// Replace the one there is.
    Recreate(Reason),
    /// It is stopped but right: start it.
    Start,
    /// It runs and is right, and has to be started anew.
    Restart(Reason),
    /// It runs and is right.
    Keep,
    /// A one-shot: run it (again).
    Run(Reason),
    /// A one-shot that succeeded on the same inputs.
    Done,
}

impl Decision {
    /// Whether it makes or starts anything.
    pub fn changes(&self) -> bool {
        !matches!(self, Self::Keep | Self::Done)
    }
}

/// Why a container is replaced or a one-shot is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    FirstRun,
    /// What of it, where the container tells: one that another tool made does not.
    ConfigurationChanged(Vec<FieldChange>),
    ImageChanged,
    Requested,
    /// The last run did not succeed.
    LastRunFailed(String),
    /// What it reads comes from a one-shot that runs again.
    UpstreamRuns(ServiceName),
    /// A service it depends on is replaced, and `restart: true` says that it is to follow.
    UpstreamReplaced(ServiceName),
    /// A volume that it or its upstream uses is new.
    VolumeIsNew(String),
    /// A bind-mounted folder it fills is missing or empty.
    FolderIsEmpty(String),
    /// The container is in a state that cannot be started from.
    Unusable(String),
}

/// One condition of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gate {
    pub service: ServiceName,
    pub condition: Condition,
    pub required: bool,
    /// Started anew when that service's container is replaced.
    pub restart: bool,
}

/// What is known of a service's image before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlan {
    pub reference: String,
    /// What the engine has under that reference now.
    pub present: Option<ImageId>,
    /// It has to be obtained: it is not there, or the user asked for a build or a newer one.
    pub obtain: bool,
    /// What goes in is compiled on this machine first, one service at a time.
    pub compiled: bool,
}
