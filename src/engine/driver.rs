//! The driver: executes the scheduler's actions against a runtime and feeds back what happened. Everything runs concurrently on
//! one thread; the loop below is the only place that waits.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, LocalBoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::hands::Hands;
use super::obtain::Obtainer;
use super::scheduler::{Action, Scheduler};
use crate::definition::model::{Definition, ServiceName};
use crate::event::{Event, Phase};
use crate::plan::Plan;
use crate::runtime::{Runtime, RuntimeError};
use crate::world::{ContainerId, ImageId};

/// Before the event stream is asked for again.
const RESUBSCRIBE: Duration = Duration::from_millis(200);
/// After which an engine that was asked for its events surely tells them.
const SUBSCRIBED: Duration = Duration::from_millis(200);

/// What a run is made of.
#[derive(Debug)]
pub struct Run<'a, R> {
    pub runtime: &'a R,
    pub definition: &'a Definition,
    pub plan: &'a Plan,
    /// The environment of the process: package and proxy settings for builds.
    pub environment: &'a BTreeMap<String, String>,
    /// For the whole run.
    pub deadline: Option<Duration>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub phases: BTreeMap<ServiceName, Phase>,
    pub interrupted: bool,
    pub took: Duration,
}

impl Outcome {
    /// Whether every service ended as wanted; an unavailable one that may be missing counts as such.
    pub fn is_success(&self) -> bool {
        !self.interrupted
            && self.phases.values().all(|phase| {
                matches!(phase, Phase::Ready { .. } | Phase::Completed { .. } | Phase::Unavailable { .. })
            })
    }
}

type Work<'a> = Pin<Box<dyn Future<Output = Event> + 'a>>;
type Pending<'a> = FuturesUnordered<Work<'a>>;

/// Carries out the plan. Every event goes to `sink` with the time since the run began. `interrupt` ends the run early.
pub async fn drive<R: Runtime>(
    run: &Run<'_, R>,
    sink: &mut dyn FnMut(Duration, &Event),
    interrupt: impl Future<Output = ()>,
) -> Outcome {
    let (progress, mut progressed) = mpsc::unbounded_channel();
    let obtainer = Obtainer::new(run.runtime, run.definition, run.environment, progress);
    let hands = Hands { run, obtainer: &obtainer };
    let begin = Instant::now();
    let mut scheduler = Scheduler::new(run.plan, run.definition);
    let mut known = Known::default();
    let mut hints = hints(run);
    let mut pending: Pending<'_> = FuturesUnordered::new();
    let mut interrupt = Box::pin(interrupt);
    let mut interrupted = false;
    let mut actions = scheduler.begin(Duration::ZERO);
    loop {
        known.wake = None;
        if carry_out(&hands, &mut known, &mut pending, actions, begin, sink) {
            break;
        }
        let event = tokio::select! {
            biased;
            () = &mut interrupt, if !interrupted => {
                interrupted = true;
                Event::Interrupted
            }
            Some(event) = pending.next() => event,
            Some(event) = progressed.recv() => event,
            hint = hints.next() => {
                let which = if let Some(Ok(which)) = hint { which } else {
                    hints = after_a_gap(run);
                    None
                };
                pending.extend(known.looks(hands, which.as_ref()));
                Event::Woke
            }
            () = sleep_until(known.wake.map(|at| begin + at)) => Event::Woke,
            () = sleep_until(run.deadline.map(|at| begin + at)) => Event::TimedOut,
        };
        known.note(&event);
        if let Event::Started { service } = &event {
            // It may have ended before its end was of interest.
            pending.extend(known.container(service).map(|container| look(hands, service, container)));
        }
        let now = begin.elapsed();
        tracing::debug!(?now, ?event);
        sink(now, &event);
        actions = scheduler.on(now, &event);
    }
    obtainer.clean().await;
    hands.discard(known.aside.values()).await;
    let mut phases = BTreeMap::new();
    for (name, phase) in scheduler.phases() {
        let phase = match known.container(name).filter(|_| known.ran.contains(name)) {
            Some(container) => hands.with_evidence(name, container, phase.clone()).await,
            None => phase.clone(),
        };
        phases.insert(name.clone(), phase);
    }
    Outcome { phases, interrupted, took: begin.elapsed() }
}

/// Starts the work of each action; `true` when the run is over.
fn carry_out<'a, R: Runtime>(
    hands: &Hands<'a, R>,
    known: &mut Known,
    pending: &mut Pending<'a>,
    actions: Vec<Action>,
    begin: Instant,
    sink: &mut dyn FnMut(Duration, &Event),
) -> bool {
    let hands = *hands;
    for action in actions {
        tracing::trace!(?action);
        match action {
            Action::Announce(event) => sink(begin.elapsed(), &event),
            Action::WakeAt(at) => known.wake = Some(known.wake.map_or(at, |wake| wake.min(at))),
            Action::Finish => return true,
            Action::Prepare => pending.push(Box::pin(hands.prepare())),
            Action::ObtainImage(service) => {
                pending.push(Box::pin(async move { hands.obtainer.obtain(&service).await }));
            }
            Action::Create { service, replacing } => {
                let image = known.images.get(&service).cloned();
                if replacing.is_some() {
                    known.replaced.insert(service.clone());
                }
                pending.push(Box::pin(hands.create(service, image, replacing)));
            }
            Action::Start { service, container, replacing } => {
                known.aside.remove(&service);
                known.starting.insert(service.clone(), container.clone());
                pending.push(Box::pin(hands.start(service, container, replacing)));
            }
            Action::Adopt { service, container } => {
                known.ran.insert(service.clone());
                known.watched.insert(container.clone(), service.clone());
                pending.push(Box::pin(hands.look(service, container)));
            }
            Action::Ask { service, probe } => {
                let container = known.container(&service).cloned();
                pending.push(Box::pin(hands.ask(service, container, probe)));
            }
        }
    }
    false
}

/// Which container to look at; `None`: at all of them.
type Hints<'a> = LocalBoxStream<'a, Result<Option<ContainerId>, RuntimeError>>;

/// Ends are hints, looking is truth. Whatever ends before the engine has begun to tell is not told, so that all are looked at
/// once when it surely has.
fn hints<'a, R: Runtime>(run: &Run<'a, R>) -> Hints<'a> {
    let told = run.runtime.exits(&run.plan.project).map_ok(Some);
    let once = stream::once(tokio::time::sleep(SUBSCRIBED)).map(|()| Ok(None));
    stream::select(told, once).boxed_local()
}

/// The stream broke off, or events were lost.
fn after_a_gap<'a, R: Runtime>(run: &Run<'a, R>) -> Hints<'a> {
    let hints = hints(run);
    stream::once(tokio::time::sleep(RESUBSCRIBE)).map(|()| Ok(None)).chain(hints).boxed_local()
}

/// What the driver remembers between events.
#[derive(Default)]
struct Known {
    /// Containers whose start is on its way. Their end is not looked for yet: it would be that of an earlier start.
    starting: BTreeMap<ServiceName, ContainerId>,
    /// Containers whose end is of interest.
    watched: BTreeMap<ContainerId, ServiceName>,
    images: BTreeMap<ServiceName, ImageId>,
    /// Services whose container runs, or ran, in this run: what it printed is about this run.
    ran: BTreeSet<ServiceName>,
    /// Containers that wait to take another's place.
    aside: BTreeMap<ServiceName, ContainerId>,
    replaced: BTreeSet<ServiceName>,
    wake: Option<Duration>,
}

impl Known {
    fn note(&mut self, event: &Event) {
        match event {
            Event::ImageReady { service, image, .. } => {
                self.images.insert(service.clone(), image.clone());
            }
            Event::Created { service, container } if self.replaced.contains(service) => {
                self.aside.insert(service.clone(), container.clone());
            }
            Event::Started { service } => {
                self.ran.insert(service.clone());
                self.watched
                    .extend(self.starting.remove(service).map(|container| (container, service.clone())));
            }
            _ => {}
        }
    }

    fn container(&self, service: &ServiceName) -> Option<&ContainerId> {
        self.watched.iter().find(|(_, name)| *name == service).map(|(id, _)| id)
    }

    /// A look at the container that ended, or at all of them when it is not known which.
    fn looks<'a, R: Runtime>(
        &self,
        hands: Hands<'a, R>,
        which: Option<&ContainerId>,
    ) -> impl Iterator<Item = Work<'a>> {
        let watched = self.watched.iter().filter(move |(id, _)| which.is_none_or(|which| which == *id));
        watched.map(move |(id, name)| look(hands, name, id))
    }
}

fn look<'a, R: Runtime>(hands: Hands<'a, R>, name: &ServiceName, container: &ContainerId) -> Work<'a> {
    Box::pin(hands.look(name.clone(), container.clone()))
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
#[path = "driver_test/mod.rs"]
mod tests;
