//! The plan as the scheduler works on it: services and their containers under numbers, dependencies before dependents.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::definition::model::{Condition, Definition, ImageUnavailable, Restart, Service, ServiceName};
use crate::event::Phase;
use crate::plan::{Decision, Existing, Plan, ServicePlan};
use crate::probe::{Policy, Prober};
use crate::world::{ContainerId, ImageId, Instance};

/// Every service and container of a run.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) groups: Vec<Group>,
    pub(super) nodes: Vec<Node>,
    by_name: BTreeMap<ServiceName, usize>,
    /// Containers whose end is still to come.
    pub(super) open: usize,
}

/// A service.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a trait of the service on its own")]
pub(super) struct Group {
    pub(super) name: ServiceName,
    pub(super) nodes: Range<usize>,
    pub(super) gates: Vec<Edge>,
    /// Groups with a gate on this one.
    pub(super) dependents: Vec<usize>,
    pub(super) policy: Policy,
    pub(super) job: bool,
    pub(super) restarts: bool,
    pub(super) compiled: bool,
    pub(super) unavailable: ImageUnavailable,
    pub(super) image: Option<ImageId>,
    /// Something waits for more than its start.
    pub(super) awaited: bool,
    /// Its containers choose among host ports, which only works one after the other.
    pub(super) shares_ports: bool,
    /// It is made for a container of another service, which has to be in its place first.
    pub(super) late: bool,
    /// The longest chain of services that wait for it, itself included: what is high comes first where slots are few.
    pub(super) height: usize,
}

/// A condition of a start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) upstream: usize,
    pub(super) condition: Condition,
    pub(super) required: bool,
    pub(super) restart: bool,
}

/// A container.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) instance: Instance,
    pub(super) group: usize,
    pub(super) decision: Decision,
    pub(super) existing: Option<Existing>,
    pub(super) phase: Phase,
    pub(super) container: Option<ContainerId>,
    pub(super) replacing: Option<ContainerId>,
    pub(super) prober: Option<Prober>,
    pub(super) asking: bool,
    pub(super) called: Called,
    pub(super) deaths: u32,
    /// The mark of the last end that was taken in.
    pub(super) last_end: Option<String>,
    /// When its gates held and it began to start.
    pub(super) began: Duration,
}

/// Whether a create or start is under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Called {
    #[default]
    No,
    Yes,
    /// A start that chooses among host ports.
    ChoosingPorts,
}

impl Graph {
    pub(super) fn new(plan: &Plan, definition: &Definition) -> Self {
        let mut graph = Self { groups: Vec::new(), nodes: Vec::new(), by_name: BTreeMap::new(), open: 0 };
        for planned in &plan.services {
            if let Some(service) = definition.services.get(&planned.name) {
                graph.add(planned, service);
            }
        }
        graph.open = graph.nodes.len();
        graph.connect();
        graph
    }

    fn add(&mut self, planned: &ServicePlan, service: &Service) {
        let group = self.groups.len();
        let first = self.nodes.len();
        self.nodes.extend(planned.instances.iter().map(|instance| Node {
            instance: Instance { service: planned.name.clone(), number: instance.number },
            group,
            decision: instance.decision.clone(),
            container: instance.existing.as_ref().map(|e| e.id.clone()),
            existing: instance.existing.clone(),
            phase: Phase::Queued,
            replacing: None,
            prober: None,
            asking: false,
            called: Called::No,
            deaths: 0,
            last_end: None,
            began: Duration::ZERO,
        }));
        // Dependencies come before dependents in a plan, so that each is known by now.
        let gates = planned.gates.iter().filter_map(|gate| {
            Some(Edge {
                upstream: *self.by_name.get(&gate.service)?,
                condition: gate.condition,
                required: gate.required,
                restart: gate.restart,
            })
        });
        let gates = gates.collect();
        self.by_name.insert(planned.name.clone(), group);
        self.groups.push(Group {
            name: planned.name.clone(),
            nodes: first..self.nodes.len(),
            gates,
            dependents: Vec::new(),
            policy: Policy::of(service),
            job: planned.job,
            restarts: !matches!(service.restart_policy(), Restart::No),
            compiled: planned.image.compiled,
            unavailable: planned.unavailable,
            image: planned.image.present.clone().filter(|_| !planned.image.obtain),
            awaited: false,
            shares_ports: service.ports.iter().any(|port| port.published_last.is_some()),
            late: service.shares().next().is_some() || !service.volumes_from.is_empty(),
            height: 1,
        });
    }

    fn connect(&mut self) {
        for group in (0..self.groups.len()).rev() {
            let height = self.groups[group].height;
            for edge in self.groups[group].gates.clone() {
                let upstream = &mut self.groups[edge.upstream];
                upstream.dependents.push(group);
                upstream.height = upstream.height.max(height + 1);
                upstream.awaited |= edge.condition != Condition::ServiceStarted;
            }
        }
    }

    pub(super) fn group(&self, name: &ServiceName) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub(super) fn find(&self, instance: &Instance) -> Option<usize> {
        let group = self.group(&instance.service)?;
        let mut nodes = self.groups[group].nodes.clone();
        nodes.find(|at| self.nodes[*at].instance.number == instance.number)
    }

    /// Where the containers of a group stand.
    pub(super) fn phases(&self, group: usize) -> impl Iterator<Item = &Phase> {
        self.groups[group].nodes.clone().map(|at| &self.nodes[at].phase)
    }
}
