//! When a container may start: what its dependencies have to be for it, and when they never will.

use super::Scheduler;
use super::graph::{Edge, Graph};
use crate::definition::model::{Condition, ServiceName};
use crate::event::Phase;
use crate::plan::Decision;

/// What the one-shots do whose results a one-shot reads.
pub(super) enum Upstream {
    /// It is not known yet.
    Open,
    Unchanged,
    Runs(ServiceName),
}

impl Scheduler {
    /// What the one-shots above one do: a new image may make one run that the plan took for done.
    pub(super) fn upstream(&self, group: usize) -> Upstream {
        let mut answer = Upstream::Unchanged;
        for edge in &self.graph.groups[group].gates {
            let above = &self.graph.groups[edge.upstream];
            let nodes = &self.graph.nodes[above.nodes.clone()];
            if !above.job {
                continue;
            }
            if nodes.iter().any(|node| matches!(node.decision, Decision::Run(_))) {
                return Upstream::Runs(above.name.clone());
            }
            if !nodes.iter().all(|node| node.phase.is_final()) {
                answer = Upstream::Open;
            }
        }
        answer
    }

    /// A dependency whose replacement takes this service along, and whether all of them are known.
    pub(super) fn replaced_above(&self, group: usize) -> Upstream {
        let mut answer = Upstream::Unchanged;
        for edge in self.graph.groups[group].gates.iter().filter(|edge| edge.restart) {
            let above = &self.graph.groups[edge.upstream];
            let replaced =
                |at: usize| matches!(self.graph.nodes[at].decision, Decision::Recreate(_) | Decision::Run(_));
            if !above.job && above.nodes.clone().any(replaced) {
                return Upstream::Runs(above.name.clone());
            }
            if above.image.is_none() && !self.graph.phases(edge.upstream).all(Phase::is_final) {
                answer = Upstream::Open;
            }
        }
        answer
    }

    /// The first required dependency that will never hold.
    pub(super) fn broken_gate(&self, at: usize) -> Option<ServiceName> {
        let gates = &self.graph.groups[self.graph.nodes[at].group].gates;
        let broken = gates.iter().find(|edge| edge.required && is_broken(&self.graph, **edge))?;
        Some(self.graph.groups[broken.upstream].name.clone())
    }

    /// The dependencies that are still waited for. One that need not be there is waited for until it has come to an end.
    pub(super) fn missing_gates(&self, at: usize) -> Vec<ServiceName> {
        let missing = self.open_gates(at);
        missing.map(|edge| self.graph.groups[edge.upstream].name.clone()).collect()
    }

    pub(super) fn has_missing_gates(&self, at: usize) -> bool {
        self.open_gates(at).next().is_some()
    }

    fn open_gates(&self, at: usize) -> impl Iterator<Item = &Edge> {
        let gates = &self.graph.groups[self.graph.nodes[at].group].gates;
        gates.iter().filter(|edge| {
            self.graph
                .phases(edge.upstream)
                .any(|phase| !holds(edge.condition, phase) && (edge.required || !phase.is_final()))
        })
    }
}

fn is_broken(graph: &Graph, edge: Edge) -> bool {
    graph.phases(edge.upstream).any(|phase| match phase {
        Phase::Failed(_) | Phase::Skipped { .. } | Phase::Unavailable { .. } => true,
        Phase::Ready { .. } => edge.condition == Condition::ServiceCompletedSuccessfully,
        // What has ended cannot become healthy.
        Phase::Completed { .. } => edge.condition == Condition::ServiceHealthy,
        _ => false,
    })
}

fn holds(condition: Condition, phase: &Phase) -> bool {
    match condition {
        Condition::ServiceStarted => matches!(
            phase,
            Phase::Probing
                | Phase::Running
                | Phase::Started { .. }
                | Phase::Ready { .. }
                | Phase::Completed { .. }
        ),
        Condition::ServiceHealthy => matches!(phase, Phase::Ready { .. }),
        Condition::ServiceCompletedSuccessfully => matches!(phase, Phase::Completed { .. }),
    }
}
