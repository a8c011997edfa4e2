//! One step of one container: from where it stands to what it can do next.

use std::time::Duration;

use super::gates::Upstream;
use super::graph::Called;
use super::{Action, Scheduler};
use crate::event::{Failure, FailureKind, Phase};
use crate::plan::{Decision, Reason};
use crate::probe::{Prober, Verdict};

impl Scheduler {
    pub(super) fn step(&mut self, now: Duration, at: usize) {
        match self.graph.nodes[at].phase {
            Phase::Queued => self.step_queued(now, at),
            Phase::Waiting { .. } => self.step_waiting(at),
            Phase::Probing => self.step_probing(now, at),
            _ => {}
        }
    }

    fn step_queued(&mut self, now: Duration, at: usize) {
        let group = self.graph.nodes[at].group;
        if self.graph.groups[group].image.is_none() {
            let first = self.queue.rank(self.graph.groups[group].nodes.start);
            self.queue.images.insert((first, group));
            return;
        }
        if self.graph.nodes[at].decision == Decision::Done {
            match self.upstream(group) {
                Upstream::Open => return,
                Upstream::Unchanged => {
                    self.enter(at, Phase::Completed { took: Duration::ZERO, ran: false });
                    return;
                }
                Upstream::Runs(above) => {
                    self.graph.nodes[at].decision = Decision::Run(Reason::UpstreamRuns(above));
                }
            }
        }
        if self.graph.nodes[at].decision == Decision::Keep {
            match self.replaced_above(group) {
                Upstream::Open => return,
                Upstream::Unchanged => {}
                Upstream::Runs(above) => {
                    let reason = Reason::UpstreamReplaced(above);
                    // What lives in another's namespaces was made for that very container.
                    self.graph.nodes[at].decision = if self.graph.groups[group].late {
                        Decision::Recreate(reason)
                    } else {
                        Decision::Restart(reason)
                    };
                }
            }
        }
        if self.prepared {
            self.take_up(now, at);
        }
    }

    /// From the decision to the first deed.
    fn take_up(&mut self, now: Duration, at: usize) {
        let node = &self.graph.nodes[at];
        match (&node.decision, node.container.is_some()) {
            (Decision::Keep, true) => self.adopt(now, at),
            (Decision::Start | Decision::Restart(_), true) => {
                let on = self.missing_gates(at);
                self.enter(at, Phase::Waiting { on });
            }
            _ => {
                if let Some(because) = self.broken_gate(at) {
                    // Nothing is made for a start that will not come.
                    self.enter(at, Phase::Skipped { because });
                } else if !(self.graph.groups[node.group].late && self.has_missing_gates(at)) {
                    self.queue.creates.insert(self.queue.rank(at));
                }
            }
        }
    }

    fn adopt(&mut self, now: Duration, at: usize) {
        let group = &self.graph.groups[self.graph.nodes[at].group];
        let awaited = self.settings.wait || group.awaited;
        let node = &mut self.graph.nodes[at];
        let Some(container) = node.container.clone() else { return };
        self.outbox.push(Action::Adopt { instance: node.instance.clone(), container });
        node.began = now;
        node.prober = Some(Prober::new(group.policy.clone(), now));
        let healthy = node.existing.as_ref().is_some_and(|e| e.healthy);
        let phase = match (group.job, healthy) {
            _ if !awaited => Phase::Started { took: Duration::ZERO },
            (true, _) => Phase::Running,
            (false, true) => Phase::Ready { took: Duration::ZERO },
            (false, false) => Phase::Probing,
        };
        self.enter(at, phase);
    }

    fn step_waiting(&mut self, at: usize) {
        if let Some(because) = self.broken_gate(at) {
            self.enter(at, Phase::Skipped { because });
            return;
        }
        let missing = self.missing_gates(at);
        if missing.is_empty() {
            self.queue.starts.insert(self.queue.rank(at));
        }
        let waiting = Phase::Waiting { on: missing };
        if self.graph.nodes[at].phase != waiting {
            self.enter(at, waiting);
        }
    }

    fn step_probing(&mut self, now: Duration, at: usize) {
        let node = &mut self.graph.nodes[at];
        let Some(prober) = &node.prober else { return };
        let took = now.saturating_sub(node.began);
        match prober.verdict(now) {
            Verdict::Ready => self.enter(at, Phase::Ready { took }),
            Verdict::GaveUp(evidence) => {
                let what = format!("started but was not ready after {} s: {evidence}", took.as_secs());
                self.enter(
                    at,
                    Phase::Failed(Failure::new(what).kind(FailureKind::Unhealthy).code("up/not-ready")),
                );
            }
            Verdict::Ask(..) if node.asking => {}
            Verdict::Ask(probe, when) if when <= now => {
                node.asking = true;
                self.outbox.push(Action::Ask { instance: node.instance.clone(), probe });
            }
            Verdict::Ask(_, when) => self.queue.look_later(at, when),
        }
    }

    /// Gives one free slot to whoever is first in line; `false` when there is none or nobody wants it.
    pub(super) fn take_slot(&mut self, now: Duration) -> bool {
        self.take_image_slot() || self.take_start_slot(now) || self.take_create_slot()
    }

    fn take_image_slot(&mut self) -> bool {
        let free = self.queue.images_busy < self.settings.images;
        let next = self.queue.images.iter().find(|(_, group)| free || self.graph.groups[*group].compiled);
        let Some(&(rank, group)) = next else { return false };
        self.queue.images.remove(&(rank, group));
        let nodes = self.graph.groups[group].nodes.clone();
        if self.graph.nodes[nodes.start].phase != Phase::Queued {
            return true;
        }
        if !self.graph.groups[group].compiled {
            self.queue.images_busy += 1;
        }
        self.outbox.push(Action::ObtainImage(self.graph.groups[group].name.clone()));
        for at in nodes {
            self.enter(at, Phase::ObtainingImage);
        }
        true
    }

    fn take_start_slot(&mut self, now: Duration) -> bool {
        if self.queue.calls_busy >= self.settings.calls {
            return false;
        }
        let may = |rank: &&usize| {
            let group = self.graph.nodes[self.queue.node(**rank)].group;
            !(self.queue.choosing_ports && self.graph.groups[group].shares_ports)
        };
        let Some(rank) = self.queue.starts.iter().find(may).copied() else { return false };
        self.queue.starts.remove(&rank);
        let at = self.queue.node(rank);
        if self.has_missing_gates(at) {
            // What held when it was put in line holds no more; it comes back when it does.
            return true;
        }
        let shares_ports = self.graph.groups[self.graph.nodes[at].group].shares_ports;
        let node = &mut self.graph.nodes[at];
        let (true, Some(container)) = (matches!(node.phase, Phase::Waiting { .. }), node.container.clone())
        else {
            return true;
        };
        node.began = now;
        node.called = if shares_ports { Called::ChoosingPorts } else { Called::Yes };
        self.queue.call_began(node.called);
        let instance = node.instance.clone();
        let replacing = node.replacing.take();
        self.outbox.push(match node.decision {
            Decision::Restart(_) => Action::Restart { instance, container },
            _ => Action::Start { instance, container, replacing },
        });
        self.enter(at, Phase::Starting);
        true
    }

    fn take_create_slot(&mut self) -> bool {
        if self.queue.calls_busy >= self.settings.calls {
            return false;
        }
        let Some(rank) = self.queue.creates.pop_first() else { return false };
        let at = self.queue.node(rank);
        let node = &mut self.graph.nodes[at];
        if node.phase != Phase::Queued {
            return true;
        }
        node.called = Called::Yes;
        node.replacing = node.container.take();
        self.queue.call_began(node.called);
        let (instance, replacing) = (node.instance.clone(), node.replacing.clone());
        self.outbox.push(Action::Create { instance, replacing });
        self.enter(at, Phase::Creating);
        true
    }
}
