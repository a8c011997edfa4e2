//! What the user asked for.

use std::collections::BTreeSet;

use crate::definition::model::ServiceName;

/// The wishes of one `up`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Goal {
    /// Services named on the command line; empty means all. Their dependencies come along.
    pub services: BTreeSet<ServiceName>,
    /// Only the named services: what they depend on is neither made nor waited for.
    pub no_dependencies: bool,
    /// Make images anew even where they are present.
    pub build: bool,
    /// When to ask the registry.
    pub pull: Pull,
    /// Run these one-shots again though they succeeded.
    pub rerun: BTreeSet<ServiceName>,
    /// Replace containers whatever their state.
    pub force_recreate: bool,
    /// Replace no container, whatever changed.
    pub no_recreate: bool,
    /// Remove containers of services that the definition no longer has.
    pub remove_orphans: bool,
}

/// When a registry is asked for an image that no recipe makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pull {
    /// Where the image is not there, or the service's own policy says so.
    #[default]
    Missing,
    /// Even where it is there: it may be older than the registry's.
    Always,
    Never,
}
