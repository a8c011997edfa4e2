//! The scheduler: a state machine that takes events and returns actions. No I/O, no clock, no randomness: the time comes in
//! with each event, as the duration since the run began.
//!
//! A *group* is a service, a *node* one of its containers. An event touches few nodes; those and the dependents of what
//! changed are looked at again, so that a run of n containers costs about n times the same.

mod gates;
mod graph;
mod queue;
mod steps;

use std::time::Duration;

use self::graph::{Graph, Node};
use self::queue::Queue;
use crate::definition::model::{Definition, ImageUnavailable, ServiceName};
use crate::event::{Event, Failure, FailureKind, Phase};
use crate::plan::{Decision, Plan, Reason};
use crate::probe::{Probe, Prober};
use crate::world::{ContainerId, End, Exit, ImageId, Instance};

/// A service that dies this often on its way to ready is given up, restart policy or not.
const DEATHS: u32 = 3;

/// Something for the driver to do. Each leads to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Create networks and volumes, remove left-overs. → `Prepared` or `PrepareFailed`
    Prepare,
    /// → `ImageReady` or `ImageFailed`
    ObtainImage(ServiceName),
    /// Make the container, aside when it replaces one. → `Created` or `StepFailed`
    Create { instance: Instance, replacing: Option<ContainerId> },
    /// Start it, after putting it in the place of the one it replaces. → `Started` or `StepFailed`
    Start { instance: Instance, container: ContainerId, replacing: Option<ContainerId> },
    /// Stop it and start it. → `Started` or `StepFailed`
    Restart { instance: Instance, container: ContainerId },
    /// → `Answered`
    Ask { instance: Instance, probe: Probe },
    /// → `Woke`, at that time or later
    WakeAt(Duration),
    /// Watch a container that was running before. → `Exited`, if it does
    Adopt { instance: Instance, container: ContainerId },
    /// Tell the report.
    Announce(Event),
    /// Nothing is left to do.
    Finish,
}

/// How a run is to be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Images worked on at once. Those that are compiled first take turns among themselves and are not counted: most of the
    /// time they wait.
    pub images: usize,
    /// Containers made or started at once.
    pub calls: usize,
    /// Wait for services that nothing else waits for.
    pub wait: bool,
}

impl Default for Settings {
    /// Two builds are all a small machine bears. The engine sets up networks one after the other: beyond some calls at once more
    /// gain little. Starting fifty containers on two cores took 13.8 s with 2 calls at once, 11.2 s with 8, 11.0 s with 16 and
    /// 10.7 s with no limit; the limit is there for the memory that calls take, and far above what stacks are made of.
    fn default() -> Self {
        Self { images: 2, calls: 128, wait: true }
    }
}

/// The state of one run.
#[derive(Debug)]
pub struct Scheduler {
    settings: Settings,
    graph: Graph,
    queue: Queue,
    prepared: bool,
    /// Nothing is left of the preparation, however it ended.
    settled: bool,
    finished: bool,
    outbox: Vec<Action>,
}

impl Scheduler {
    /// A run of `plan`. The definition says how readiness is judged and who is restarted.
    pub fn new(plan: &Plan, definition: &Definition, settings: Settings) -> Self {
        let graph = Graph::new(plan, definition);
        let queue = Queue::of(&graph);
        Self { settings, graph, queue, prepared: false, settled: false, finished: false, outbox: Vec::new() }
    }

    /// The first actions.
    pub fn begin(&mut self, now: Duration) -> Vec<Action> {
        self.outbox.push(Action::Prepare);
        self.advance(now);
        std::mem::take(&mut self.outbox)
    }

    /// What follows from an event at `now`. Events about unknown containers and repeated ones change nothing.
    pub fn on(&mut self, now: Duration, event: &Event) -> Vec<Action> {
        if !self.finished {
            self.take_in(now, event);
            self.advance(now);
        }
        std::mem::take(&mut self.outbox)
    }

    /// Where every container stands, in dependency order.
    pub fn phases(&self) -> impl Iterator<Item = (&Instance, &Phase)> {
        self.graph.nodes.iter().map(|node| (&node.instance, &node.phase))
    }

    /// Whether [`Action::Finish`] has been given.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    fn take_in(&mut self, now: Duration, event: &Event) {
        match event {
            Event::Prepared => {
                (self.prepared, self.settled) = (true, true);
                self.queue.look_at_all();
            }
            Event::PrepareFailed { failure } => {
                self.settled = true;
                self.end_all(|_| Phase::Failed(failure.clone()));
            }
            Event::TimedOut => {
                self.settled = true;
                self.end_all(|node| Phase::Failed(timed_out(node)));
            }
            Event::Interrupted => self.finish(),
            Event::ImageReady { service, image, .. } => self.image_ready(service, image),
            Event::ImageFailed { service, failure } => self.image_failed(service, failure),
            Event::Created { instance, container } => self.created(instance, container),
            Event::Started { instance } => self.started(now, instance),
            Event::StepFailed { instance, failure } => self.step_failed(instance, failure),
            Event::Answered { instance, probe, answer } => {
                let Some(at) = self.graph.find(instance) else { return };
                let node = &mut self.graph.nodes[at];
                node.asking = false;
                if let (Phase::Probing, Some(prober)) = (&node.phase, &mut node.prober) {
                    prober.answer(now, probe, answer);
                }
                self.queue.look_at(at);
            }
            Event::Exited { instance, end } => self.exited(now, instance, end),
            Event::Woke
            | Event::ImageProgress { .. }
            | Event::Progressed { .. }
            | Event::Warned { .. }
            | Event::Entered { .. } => {}
        }
    }

    fn image_ready(&mut self, service: &ServiceName, image: &ImageId) {
        let Some(group) = self.image_came(service) else { return };
        self.graph.groups[group].image = Some(image.clone());
        for at in self.graph.groups[group].nodes.clone() {
            let node = &mut self.graph.nodes[at];
            let changed = node.existing.as_ref().is_some_and(|e| e.image != *image);
            if changed && !node.decision.changes() {
                let reason = Reason::ImageChanged;
                node.decision = if self.graph.groups[group].job {
                    Decision::Run(reason)
                } else {
                    Decision::Recreate(reason)
                };
            }
            self.enter(at, Phase::Queued);
        }
        // Who follows a replacement has waited to learn whether there is one.
        self.queue.look_at_dependents(&self.graph, group);
    }

    fn image_failed(&mut self, service: &ServiceName, failure: &Failure) {
        let Some(group) = self.image_came(service) else { return };
        let phase = match self.graph.groups[group].unavailable {
            ImageUnavailable::Skip => Phase::Unavailable { reason: failure.what.clone() },
            ImageUnavailable::Fail => Phase::Failed(failure.clone()),
        };
        for at in self.graph.groups[group].nodes.clone() {
            self.enter(at, phase.clone());
        }
    }

    /// The group whose image work has come to its end; `None` when nothing was under way.
    fn image_came(&mut self, service: &ServiceName) -> Option<usize> {
        let group = self.graph.group(service)?;
        let first = self.graph.groups[group].nodes.clone().next()?;
        if self.graph.nodes[first].phase != Phase::ObtainingImage {
            return None;
        }
        if !self.graph.groups[group].compiled {
            self.queue.images_busy -= 1;
        }
        Some(group)
    }

    fn created(&mut self, instance: &Instance, container: &ContainerId) {
        let Some(at) = self.graph.find(instance) else { return };
        self.call_came(at);
        if self.graph.nodes[at].phase == Phase::Creating {
            self.graph.nodes[at].container = Some(container.clone());
            let on = self.missing_gates(at);
            self.enter(at, Phase::Waiting { on });
        }
    }

    fn started(&mut self, now: Duration, instance: &Instance) {
        let Some(at) = self.graph.find(instance) else { return };
        self.call_came(at);
        let group = &self.graph.groups[self.graph.nodes[at].group];
        let (job, policy, awaited) = (group.job, group.policy.clone(), self.settings.wait || group.awaited);
        let node = &mut self.graph.nodes[at];
        if node.phase != Phase::Starting {
            return;
        }
        let phase = if !awaited {
            Phase::Started { took: now.saturating_sub(node.began) }
        } else if job {
            Phase::Running
        } else {
            node.prober = Some(Prober::new(policy, now));
            Phase::Probing
        };
        self.enter(at, phase);
    }

    fn step_failed(&mut self, instance: &Instance, failure: &Failure) {
        let Some(at) = self.graph.find(instance) else { return };
        self.call_came(at);
        if !self.graph.nodes[at].phase.is_final() {
            self.enter(at, Phase::Failed(failure.clone()));
        }
    }

    fn call_came(&mut self, at: usize) {
        let call = std::mem::take(&mut self.graph.nodes[at].called);
        self.queue.call_came(call);
    }

    fn exited(&mut self, now: Duration, instance: &Instance, end: &End) {
        let Some(at) = self.graph.find(instance) else { return };
        let node = &mut self.graph.nodes[at];
        if node.last_end.as_deref() == Some(&end.mark) {
            // One that waits to be started again is seen to have ended at every look.
            return;
        }
        let exit = end.exit;
        let group = &self.graph.groups[node.group];
        let completes = group.job || (!group.restarts && exit.is_success());
        let phase = match &node.phase {
            // Its end was seen before, or it is not started by this run.
            Phase::Failed(_)
            | Phase::Completed { .. }
            | Phase::Skipped { .. }
            | Phase::Unavailable { .. }
            | Phase::Queued
            | Phase::ObtainingImage
            | Phase::Creating
            | Phase::Waiting { .. } => return,
            _ if completes && exit.is_success() => {
                Phase::Completed { took: now.saturating_sub(node.began), ran: true }
            }
            Phase::Ready { .. } | Phase::Started { .. } | Phase::Probing | Phase::Starting
                if !group.job && group.restarts && node.deaths + 1 < DEATHS =>
            {
                // The engine starts it again; what was seen of the last start no longer counts.
                node.deaths += 1;
                node.prober = Some(Prober::new(group.policy.clone(), now));
                Phase::Probing
            }
            _ => {
                let kind = if group.job { FailureKind::Step } else { FailureKind::Unhealthy };
                Phase::Failed(ended(exit, node.deaths, stood(&node.phase, group.job)).kind(kind))
            }
        };
        self.graph.nodes[at].last_end = Some(end.mark.clone());
        self.enter(at, phase);
    }

    /// Moves every container as far as it can go.
    fn advance(&mut self, now: Duration) {
        self.queue.wake(now);
        while !self.finished {
            if let Some(at) = self.queue.next() {
                self.step(now, at);
            } else if !self.take_slot(now) {
                break;
            }
        }
        if self.finished {
            return;
        }
        if self.graph.open == 0 && self.settled {
            self.finish();
        } else if let Some(at) = self.queue.next_wake() {
            self.outbox.push(Action::WakeAt(at));
        }
    }

    fn enter(&mut self, at: usize, phase: Phase) {
        let node = &mut self.graph.nodes[at];
        match (node.phase.is_final(), phase.is_final()) {
            (false, true) => self.graph.open -= 1,
            (true, false) => self.graph.open += 1,
            _ => {}
        }
        node.phase = phase.clone();
        let instance = node.instance.clone();
        self.outbox.push(Action::Announce(Event::Entered { instance, phase }));
        self.queue.look_at(at);
        self.queue.look_at_dependents(&self.graph, self.graph.nodes[at].group);
    }

    fn end_all(&mut self, phase: impl Fn(&Node) -> Phase) {
        for at in 0..self.graph.nodes.len() {
            if !self.graph.nodes[at].phase.is_final() {
                let phase = phase(&self.graph.nodes[at]);
                self.enter(at, phase);
            }
        }
    }

    fn finish(&mut self) {
        if !self.finished {
            self.finished = true;
            self.outbox.push(Action::Finish);
        }
    }
}

/// Where a container stood when it ended, for the sentence about its end.
fn stood(phase: &Phase, job: bool) -> &'static str {
    match phase {
        Phase::Ready { .. } => " after it was ready",
        Phase::Probing if !job => " before it was ready",
        _ => "",
    }
}

fn ended(exit: Exit, deaths: u32, stood: &str) -> Failure {
    let again = if deaths > 0 { format!(" ({} times)", deaths + 1) } else { String::new() };
    let failure = Failure::new(format!("ended with {}{stood}{again}", exit.meaning())).code("up/ended");
    match exit.code {
        _ if exit.out_of_memory => failure
            .code("up/out-of-memory")
            .hint("raise deploy.resources.limits.memory of the service, or have it use less"),
        137 => failure.code("up/killed").hint(
            "something outside killed it: `docker kill`, or the kernel for lack of memory on the machine (see `dmesg`); `pdex up` starts it again",
        ),
        143 => failure
            .code("up/killed")
            .hint("something outside ended it, as `docker stop` does; `pdex up` starts it again"),
        126 | 127 => failure.hint("look at command and entrypoint of the service, and at its image"),
        _ => failure,
    }
}

fn timed_out(node: &Node) -> Failure {
    let mut what = format!("still {} when the time was up", doing(&node.phase));
    if let (Phase::Probing, Some(prober)) = (&node.phase, &node.prober) {
        what = format!("{what}: {}", prober.evidence());
    }
    Failure::new(what).kind(FailureKind::Deadline).code("up/timed-out")
}

fn doing(phase: &Phase) -> String {
    let words = match phase {
        Phase::Waiting { on } if !on.is_empty() => {
            let on: Vec<&str> = on.iter().map(ServiceName::as_str).collect();
            return format!("waiting for {}", on.join(", "));
        }
        Phase::ObtainingImage => "obtaining its image",
        Phase::Creating | Phase::Starting => "being started",
        Phase::Waiting { .. } | Phase::Queued => "waiting",
        Phase::Probing => "not ready",
        _ => "running",
    };
    words.to_owned()
}

#[cfg(test)]
#[path = "scheduler_test.rs"]
mod tests;
