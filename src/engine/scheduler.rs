//! The scheduler: a state machine that takes events and returns actions. No I/O, no clock, no randomness: the time comes in
//! with each event, as the duration since the run began.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::definition::model::{Condition, Definition, ImageUnavailable, Restart, ServiceName};
use crate::event::{Event, Failure, FailureKind, Phase};
use crate::plan::{Decision, Plan, Reason, ServicePlan};
use crate::probe::{Policy, Probe, Prober, Verdict};
use crate::world::{ContainerId, Exit, ImageId};

/// A service that dies this often on its way to ready is given up, restart policy or not.
const DEATHS: u32 = 3;
/// Images worked on at once: two builds are all a small machine bears. Those that are compiled first take turns among themselves
/// and are not counted: most of the time they wait.
const IMAGE_SLOTS: usize = 2;

/// Something for the driver to do. Each leads to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Create networks and volumes, remove left-overs. → `Prepared` or `PrepareFailed`
    Prepare,
    /// → `ImageReady` or `ImageFailed`
    ObtainImage(ServiceName),
    /// Make the container, aside when it replaces one. → `Created` or `StepFailed`
    Create { service: ServiceName, replacing: Option<ContainerId> },
    /// Start it, after putting it in the place of the one it replaces. → `Started` or `StepFailed`
    Start { service: ServiceName, container: ContainerId, replacing: Option<ContainerId> },
    /// → `Answered`
    Ask { service: ServiceName, probe: Probe },
    /// → `Woke`, at that time or later
    WakeAt(Duration),
    /// Watch a container that was running before. → `Exited`, if it does
    Adopt { service: ServiceName, container: ContainerId },
    /// Tell the report.
    Announce(Event),
    /// Nothing is left to do.
    Finish,
}

#[derive(Debug)]
struct Node {
    plan: ServicePlan,
    policy: Policy,
    restarts: bool,
    phase: Phase,
    image: Option<ImageId>,
    container: Option<ContainerId>,
    replacing: Option<ContainerId>,
    prober: Option<Prober>,
    asking: bool,
    deaths: u32,
    /// When its gates held and it began to start.
    began: Duration,
}

/// The state of one run.
#[derive(Debug)]
pub struct Scheduler {
    order: Vec<ServiceName>,
    nodes: BTreeMap<ServiceName, Node>,
    prepared: bool,
    finished: bool,
    outbox: Vec<Action>,
}

impl Scheduler {
    /// A run of `plan`. The definition says how readiness is judged and who is restarted.
    pub fn new(plan: &Plan, definition: &Definition) -> Self {
        let nodes = plan
            .services
            .iter()
            .filter_map(|planned| {
                let service = definition.services.get(&planned.name)?;
                let node = Node {
                    policy: Policy::of(service),
                    restarts: matches!(
                        service.restart_policy(),
                        Restart::Always | Restart::UnlessStopped | Restart::OnFailure { .. }
                    ),
                    phase: Phase::Queued,
                    image: planned.image.present.clone().filter(|_| !planned.image.obtain),
                    container: planned.existing.as_ref().map(|e| e.id.clone()),
                    replacing: None,
                    prober: None,
                    asking: false,
                    deaths: 0,
                    began: Duration::ZERO,
                    plan: planned.clone(),
                };
                Some((planned.name.clone(), node))
            })
            .collect();
        let order = plan.services.iter().map(|s| s.name.clone()).collect();
        Self { order, nodes, prepared: false, finished: false, outbox: Vec::new() }
    }

    /// The first actions.
    pub fn begin(&mut self, now: Duration) -> Vec<Action> {
        self.outbox.push(Action::Prepare);
        self.advance(now);
        std::mem::take(&mut self.outbox)
    }

    /// What follows from an event at `now`. Events about unknown services and repeated ones change nothing.
    pub fn on(&mut self, now: Duration, event: &Event) -> Vec<Action> {
        self.take_in(now, event);
        self.advance(now);
        std::mem::take(&mut self.outbox)
    }

    /// Where every service stands.
    pub fn phases(&self) -> impl Iterator<Item = (&ServiceName, &Phase)> {
        self.nodes.iter().map(|(name, node)| (name, &node.phase))
    }

    /// Whether [`Action::Finish`] has been given.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn take_in(&mut self, now: Duration, event: &Event) {
        match event {
            Event::Prepared => self.prepared = true,
            Event::PrepareFailed { failure } => self.end_all(|_| Phase::Failed(failure.clone())),
            Event::TimedOut => self.end_all(|node| Phase::Failed(timed_out(node))),
            Event::Interrupted => self.finish(),
            Event::ImageReady { service, image, .. } => self.image_ready(service, image),
            Event::ImageFailed { service, failure } => self.image_failed(service, failure),
            Event::Created { service, container } => {
                if let Some(node) = self.nodes.get_mut(service).filter(|n| n.phase == Phase::Creating) {
                    node.container = Some(container.clone());
                    let on = self.missing_gates(service);
                    self.enter(service, Phase::Waiting { on });
                }
            }
            Event::Started { service } => self.started(now, service),
            Event::StepFailed { service, failure } => {
                if self.nodes.get(service).is_some_and(|n| !n.phase.is_final()) {
                    self.enter(service, Phase::Failed(failure.clone()));
                }
            }
            Event::Answered { service, probe, answer } => {
                if let Some(node) = self.nodes.get_mut(service) {
                    node.asking = false;
                    if let (Phase::Probing, Some(prober)) = (&node.phase, &mut node.prober) {
                        prober.answer(now, probe, answer);
                    }
                }
            }
            Event::Exited { service, exit } => self.exited(now, service, *exit),
            Event::Woke | Event::ImageProgress { .. } | Event::Entered { .. } => {}
        }
    }

    fn image_ready(&mut self, service: &ServiceName, image: &ImageId) {
        let Some(node) = self.nodes.get_mut(service).filter(|n| n.phase == Phase::ObtainingImage) else {
            return;
        };
        node.image = Some(image.clone());
        let changed = node.plan.existing.as_ref().is_some_and(|e| e.image != *image);
        if changed && !node.plan.decision.changes() {
            let reason = Reason::ImageChanged;
            node.plan.decision =
                if node.plan.job { Decision::Run(reason) } else { Decision::Recreate(reason) };
        }
        self.enter(service, Phase::Queued);
    }

    fn image_failed(&mut self, service: &ServiceName, failure: &Failure) {
        let Some(node) = self.nodes.get(service).filter(|n| n.phase == Phase::ObtainingImage) else { return };
        let phase = match node.plan.unavailable {
            ImageUnavailable::Skip => Phase::Unavailable { reason: failure.what.clone() },
            ImageUnavailable::Fail => Phase::Failed(failure.clone()),
        };
        self.enter(service, phase);
    }

    fn started(&mut self, now: Duration, service: &ServiceName) {
        let Some(node) = self.nodes.get_mut(service).filter(|n| n.phase == Phase::Starting) else { return };
        let phase = if node.plan.job {
            Phase::Running
        } else {
            node.prober = Some(Prober::new(node.policy.clone(), now));
            Phase::Probing
        };
        self.enter(service, phase);
    }

    fn exited(&mut self, now: Duration, service: &ServiceName, exit: Exit) {
        let Some(node) = self.nodes.get_mut(service) else { return };
        let completes = node.plan.job || (!node.restarts && exit.is_success());
        let phase = match &node.phase {
            // Its end was seen before, or it is not started by this run.
            Phase::Failed(_)
            | Phase::Completed { .. }
            | Phase::Skipped { .. }
            | Phase::Queued
            | Phase::ObtainingImage
            | Phase::Creating
            | Phase::Waiting { .. } => return,
            _ if completes && exit.is_success() => {
                Phase::Completed { took: now.saturating_sub(node.began), ran: true }
            }
            Phase::Ready { .. } | Phase::Probing | Phase::Starting
                if !node.plan.job && node.restarts && node.deaths + 1 < DEATHS =>
            {
                // The engine starts it again; what was seen of the last start no longer counts.
                node.deaths += 1;
                node.prober = Some(Prober::new(node.policy.clone(), now));
                Phase::Probing
            }
            _ => {
                let kind = if node.plan.job { FailureKind::Step } else { FailureKind::Unhealthy };
                Phase::Failed(ended(exit, node.deaths).kind(kind))
            }
        };
        self.enter(service, phase);
    }

    /// Moves every service as far as it can go.
    fn advance(&mut self, now: Duration) {
        if self.finished {
            return;
        }
        loop {
            let before = self.outbox.len();
            // In dependency order: what others wait for comes first in line.
            for name in self.order.clone() {
                self.step(now, &name);
            }
            if self.outbox.len() == before {
                break;
            }
        }
        if self.nodes.values().all(|n| n.phase.is_final()) {
            self.finish();
        }
    }

    fn step(&mut self, now: Duration, name: &ServiceName) {
        let Some(node) = self.nodes.get(name) else { return };
        match &node.phase {
            Phase::Queued => self.step_queued(now, name),
            Phase::Waiting { .. } => self.step_waiting(now, name),
            Phase::Probing => self.step_probing(now, name),
            _ => {}
        }
    }

    fn step_queued(&mut self, now: Duration, name: &ServiceName) {
        let counts = |node: &Node| node.phase == Phase::ObtainingImage && !node.plan.image.compiled;
        let busy = self.nodes.values().filter(|node| counts(node)).count();
        let prepared = self.prepared;
        let upstream = self.upstream(name);
        let broken = self.broken_gate(name);
        let Some(node) = self.nodes.get_mut(name) else { return };
        if node.image.is_none() {
            if node.plan.image.compiled || busy < IMAGE_SLOTS {
                self.outbox.push(Action::ObtainImage(name.clone()));
                self.enter(name, Phase::ObtainingImage);
            }
            return;
        }
        if node.plan.decision == Decision::Done {
            match upstream {
                Upstream::Open => return,
                Upstream::Unchanged => {
                    self.enter(name, Phase::Completed { took: Duration::ZERO, ran: false });
                    return;
                }
                Upstream::Runs(upstream) => {
                    node.plan.decision = Decision::Run(Reason::UpstreamRuns(upstream));
                }
            }
        }
        if !prepared {
            return;
        }
        match (&node.plan.decision, node.container.clone()) {
            (Decision::Keep, Some(container)) => {
                self.outbox.push(Action::Adopt { service: name.clone(), container });
                node.began = now;
                node.prober = Some(Prober::new(node.policy.clone(), now));
                let healthy = node.plan.existing.as_ref().is_some_and(|e| e.healthy);
                let phase = match (node.plan.job, healthy) {
                    (true, _) => Phase::Running,
                    (false, true) => Phase::Ready { took: Duration::ZERO },
                    (false, false) => Phase::Probing,
                };
                self.enter(name, phase);
            }
            (Decision::Start, Some(_)) => {
                let on = self.missing_gates(name);
                self.enter(name, Phase::Waiting { on });
            }
            (_, existing) => {
                if let Some(because) = broken {
                    // Nothing is made for a start that will not come.
                    self.enter(name, Phase::Skipped { because });
                    return;
                }
                node.replacing.clone_from(&existing);
                self.outbox.push(Action::Create { service: name.clone(), replacing: existing });
                self.enter(name, Phase::Creating);
            }
        }
    }

    fn step_waiting(&mut self, now: Duration, name: &ServiceName) {
        if let Some(because) = self.broken_gate(name) {
            self.enter(name, Phase::Skipped { because });
            return;
        }
        let missing = self.missing_gates(name);
        if !missing.is_empty() {
            if self.nodes.get(name).is_some_and(|n| n.phase != Phase::Waiting { on: missing.clone() }) {
                self.enter(name, Phase::Waiting { on: missing });
            }
            return;
        }
        let Some(node) = self.nodes.get_mut(name) else { return };
        let Some(container) = node.container.clone() else { return };
        node.began = now;
        let replacing = node.replacing.take();
        self.outbox.push(Action::Start { service: name.clone(), container, replacing });
        self.enter(name, Phase::Starting);
    }

    fn step_probing(&mut self, now: Duration, name: &ServiceName) {
        let Some(node) = self.nodes.get_mut(name) else { return };
        let Some(prober) = &node.prober else { return };
        let took = now.saturating_sub(node.began);
        match prober.verdict(now) {
            Verdict::Ready => self.enter(name, Phase::Ready { took }),
            Verdict::GaveUp(evidence) => {
                let what = format!("started but was not ready after {} s: {evidence}", took.as_secs());
                self.enter(name, Phase::Failed(Failure::new(what).kind(FailureKind::Unhealthy)));
            }
            Verdict::Ask(..) if node.asking => {}
            Verdict::Ask(probe, at) if at <= now => {
                node.asking = true;
                self.outbox.push(Action::Ask { service: name.clone(), probe });
            }
            Verdict::Ask(_, at) => {
                let wake = Action::WakeAt(at);
                if !self.outbox.contains(&wake) {
                    self.outbox.push(wake);
                }
            }
        }
    }

    /// What the one-shots do whose results a one-shot reads: a new image may make one run that the plan took for done.
    fn upstream(&self, name: &ServiceName) -> Upstream {
        let gates = self.nodes.get(name).map_or(&[][..], |node| &node.plan.gates);
        let jobs = gates.iter().filter_map(|gate| self.nodes.get(&gate.service)).filter(|node| node.plan.job);
        let mut answer = Upstream::Unchanged;
        for node in jobs {
            match node.plan.decision {
                Decision::Run(_) => return Upstream::Runs(node.plan.name.clone()),
                _ if node.phase.is_final() => {}
                _ => answer = Upstream::Open,
            }
        }
        answer
    }

    /// The first required dependency that will never hold.
    fn broken_gate(&self, name: &ServiceName) -> Option<ServiceName> {
        self.nodes.get(name)?.plan.gates.iter().find_map(|gate| {
            let phase = &self.nodes.get(&gate.service)?.phase;
            let broken = match phase {
                Phase::Failed(_) | Phase::Skipped { .. } | Phase::Unavailable { .. } => true,
                Phase::Ready { .. } => gate.condition == Condition::ServiceCompletedSuccessfully,
                // What has ended cannot become healthy.
                Phase::Completed { .. } => gate.condition == Condition::ServiceHealthy,
                _ => false,
            };
            (broken && gate.required).then(|| gate.service.clone())
        })
    }

    fn missing_gates(&self, name: &ServiceName) -> Vec<ServiceName> {
        let Some(node) = self.nodes.get(name) else { return Vec::new() };
        node.plan
            .gates
            .iter()
            .filter(|gate| {
                self.nodes.get(&gate.service).is_some_and(|upstream| !holds(gate.condition, &upstream.phase))
            })
            .filter(|gate| {
                gate.required || self.nodes.get(&gate.service).is_some_and(|n| !n.phase.is_final())
            })
            .map(|gate| gate.service.clone())
            .collect()
    }

    fn enter(&mut self, service: &ServiceName, phase: Phase) {
        if let Some(node) = self.nodes.get_mut(service) {
            node.phase = phase.clone();
            self.outbox.push(Action::Announce(Event::Entered { service: service.clone(), phase }));
        }
    }

    fn end_all(&mut self, phase: impl Fn(&Node) -> Phase) {
        let open: BTreeSet<ServiceName> =
            self.nodes.iter().filter(|(_, n)| !n.phase.is_final()).map(|(name, _)| name.clone()).collect();
        for name in open {
            let phase = phase(&self.nodes[&name]);
            self.enter(&name, phase);
        }
    }

    fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            self.outbox.push(Action::Finish);
        }
    }
}

/// See [`Scheduler::upstream`].
enum Upstream {
    /// It is not known yet.
    Open,
    Unchanged,
    Runs(ServiceName),
}

fn holds(condition: Condition, phase: &Phase) -> bool {
    match condition {
        Condition::ServiceStarted => {
            matches!(phase, Phase::Probing | Phase::Running | Phase::Ready { .. } | Phase::Completed { .. })
        }
        Condition::ServiceHealthy => matches!(phase, Phase::Ready { .. }),
        Condition::ServiceCompletedSuccessfully => matches!(phase, Phase::Completed { .. }),
    }
}

fn ended(exit: Exit, deaths: u32) -> Failure {
    let again = if deaths > 0 { format!(" ({} times)", deaths + 1) } else { String::new() };
    let mut failure = Failure::new(format!("ended with {}{again}", exit.meaning()));
    if exit.out_of_memory {
        failure = failure.hint("raise deploy.resources.limits.memory of the service");
    }
    failure
}

fn timed_out(node: &Node) -> Failure {
    Failure::new(format!("still {} when the time was up", doing(&node.phase))).kind(FailureKind::Deadline)
}

fn doing(phase: &Phase) -> &'static str {
    match phase {
        Phase::ObtainingImage => "obtaining its image",
        Phase::Creating | Phase::Starting => "being started",
        Phase::Waiting { .. } | Phase::Queued => "waiting",
        Phase::Probing => "not ready",
        _ => "running",
    }
}

#[cfg(test)]
#[path = "scheduler_test.rs"]
mod tests;
