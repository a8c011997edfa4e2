//! The plan: what has to happen so that the world becomes what the definition asks for. Made by a pure function that cannot
//! fail and asks nobody; printing it is the dry run.

mod decide;
mod print;

use std::collections::BTreeSet;

use crate::definition::model::{Condition, ImageUnavailable, ServiceName};
use crate::world::{ContainerId, ImageId};

pub use decide::make;

/// What the user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Goal {
    /// Services named on the command line; empty means all. Their dependencies come along.
    pub services: BTreeSet<ServiceName>,
    /// Make images anew even where they are present.
    pub build: bool,
    /// Run these one-shots again though they succeeded.
    pub rerun: BTreeSet<ServiceName>,
    /// Replace containers whatever their state.
    pub force_recreate: bool,
}

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
    /// Containers of services that the definition no longer has; reported, not touched.
    pub orphans: Vec<String>,
}

impl Plan {
    /// Whether executing it would change nothing.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
            && self.volumes.is_empty()
            && self.stale.is_empty()
            && self.services.iter().all(|s| !s.image.obtain && !s.decision.changes())
    }

    /// The services whose containers are to be started and do not hold their ports now.
    pub fn starting(&self) -> BTreeSet<ServiceName> {
        let starts =
            |s: &&ServicePlan| s.decision.changes() && !s.existing.as_ref().is_some_and(|e| e.running);
        self.services.iter().filter(starts).map(|s| s.name.clone()).collect()
    }

    /// One service's part.
    pub fn service(&self, name: &ServiceName) -> Option<&ServicePlan> {
        self.services.iter().find(|s| s.name == *name)
    }
}

/// What happens to one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePlan {
    pub name: ServiceName,
    pub decision: Decision,
    /// What must hold before its process may start.
    pub gates: Vec<Gate>,
    /// Runs to completion and is waited for as such.
    pub job: bool,
    pub image: ImagePlan,
    /// Hash of the configuration the container is to have.
    pub config_hash: String,
    /// The container it has now, if any.
    pub existing: Option<Existing>,
    /// Policy when the image cannot be had: `Fail` when the user named the service.
    pub unavailable: ImageUnavailable,
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

/// What to do about a service's container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// There is none: make one and start it.
    Create,
    /// Replace the one there is.
    Recreate(Reason),
    /// It is stopped but right: start it.
    Start,
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
    ConfigurationChanged,
    ImageChanged,
    Requested,
    /// The last run did not succeed.
    LastRunFailed(String),
    /// What it reads comes from a one-shot that runs again.
    UpstreamRuns(ServiceName),
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
}

/// What is known of a service's image before anything is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlan {
    pub reference: String,
    /// What the engine has under that reference now.
    pub present: Option<ImageId>,
    /// It has to be obtained: it is not there, or the user asked for a build.
    pub obtain: bool,
    /// What goes in is compiled on this machine first, one service at a time.
    pub compiled: bool,
}
