//! The driver: executes the scheduler's actions against a runtime and feeds back what happened. Everything runs concurrently on
//! one thread; the loop below is the only place that waits.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, LocalBoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::hands::Hands;
use super::obtain::Obtainer;
use super::progress;
use super::scheduler::{Action, Scheduler, Settings};
use crate::definition::model::{Definition, ServiceName};
use crate::event::{Event, Phase};
use crate::plan::Plan;
use crate::runtime::{Runtime, RuntimeError};
use crate::world::{ContainerId, ImageId, Instance};

/// Before the event stream is asked for again.
const RESUBSCRIBE: Duration = Duration::from_millis(200);
/// After which an engine that was asked for its events surely tells them.
const SUBSCRIBED: Duration = Duration::from_millis(200);
/// Between two looks at everything. Events tell sooner; this is for one that was lost without a sign.
const ROUND: Duration = Duration::from_secs(5);

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
    /// Ask no registry.
    pub no_registry: bool,
    /// Ask no registry and no package mirror.
    pub offline: bool,
    pub settings: Settings,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Where every container stands, in dependency order.
    pub phases: Vec<(Instance, Phase)>,
    pub interrupted: bool,
    pub took: Duration,
}

impl Outcome {
    /// Whether every service ended as wanted; an unavailable one that may be missing counts as such.
    pub fn is_success(&self) -> bool {
        !self.interrupted
            && self.phases.iter().all(|(_, phase)| {
                matches!(
                    phase,
                    Phase::Started { .. }
                        | Phase::Ready { .. }
                        | Phase::Completed { .. }
                        | Phase::Unavailable { .. }
                )
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
    let (told, mut heard) = mpsc::unbounded_channel();
    let obtainer = Obtainer::new(run, told.clone());
    let hands = Hands { run, obtainer: &obtainer, told: &told };
    let begin = Instant::now();
    let mut scheduler = Scheduler::new(run.plan, run.definition, run.settings);
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
            Some(event) = heard.recv() => event,
            hint = hints.next() => {
                if let Some(Ok(hint)) = hint {
                    pending.extend(known.looks(hands, &hint));
                } else {
                    hints = after_a_gap(run);
                    known.hears = false;
                }
                Event::Woke
            }
            () = sleep_until(known.wake.map(|at| begin + at)) => Event::Woke,
            () = sleep_until(run.deadline.map(|at| begin + at)) => Event::TimedOut,
        };
        known.note(&event);
        if let Event::Started { instance } = &event {
            pending.extend(known.first_look(hands, instance));
            pending.extend(known.progress(hands, instance));
        }
        let now = begin.elapsed();
        tracing::debug!(?now, ?event);
        sink(now, &event);
        actions = scheduler.on(now, &event);
    }
    obtainer.clean().await;
    hands.discard(known.aside.values()).await;
    let mut phases = Vec::new();
    for (instance, phase) in scheduler.phases() {
        let phase = match known.containers.get(instance) {
            Some(container) => hands.with_evidence(instance, container, phase.clone()).await,
            None => phase.clone(),
        };
        phases.push((instance.clone(), phase));
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
            Action::Create { instance, replacing } => {
                let image = known.images.get(&instance.service).cloned();
                if replacing.is_some() {
                    known.replaced.insert(instance.clone());
                }
                pending.push(Box::pin(hands.create(instance, image, replacing)));
            }
            Action::Start { instance, container, replacing } => {
                known.aside.remove(&instance);
                known.starting.insert(instance.clone(), container.clone());
                pending.push(Box::pin(hands.start(instance, container, replacing)));
            }
            Action::Restart { instance, container } => {
                known.starting.insert(instance.clone(), container.clone());
                pending.push(Box::pin(hands.restart(instance, container)));
            }
            Action::Adopt { instance, container } => {
                known.watch(instance.clone(), container.clone());
                pending.push(Box::pin(hands.look(instance, container)));
            }
            Action::Ask { instance, probe } => {
                let container = known.containers.get(&instance).cloned();
                pending.push(Box::pin(hands.ask(instance, container, probe)));
            }
        }
    }
    false
}

/// What the engine tells, or the clock.
enum Hint {
    /// This container has ended, it is said.
    Ended(ContainerId),
    /// Now and then: these run. From the first time on ends are surely told; whatever ended before was not.
    Running(BTreeSet<ContainerId>),
    /// It was not said what runs: all are to be looked at.
    Gap,
}

type Hints<'a> = LocalBoxStream<'a, Result<Hint, RuntimeError>>;

/// Ends are hints, looking is truth.
fn hints<'a, R: Runtime>(run: &Run<'a, R>) -> Hints<'a> {
    let told = run.runtime.exits(&run.plan.project).map_ok(Hint::Ended);
    let rounds = stream::unfold(SUBSCRIBED, async |wait| {
        tokio::time::sleep(wait).await;
        let running = run.runtime.running(&run.plan.project).await;
        Some((Ok(running.map_or(Hint::Gap, Hint::Running)), ROUND))
    });
    // When what the engine tells comes to its end, so does the whole: a round is no reason to miss that.
    let told = told.map(Some).chain(stream::once(async { None }));
    let rounds = rounds.map(Some);
    stream::select(told, rounds)
        .take_while(|hint| std::future::ready(hint.is_some()))
        .filter_map(async |hint| hint)
        .boxed_local()
}

/// The stream broke off, or events were lost.
fn after_a_gap<'a, R: Runtime>(run: &Run<'a, R>) -> Hints<'a> {
    let hints = hints(run);
    stream::once(tokio::time::sleep(RESUBSCRIBE)).map(|()| Ok(Hint::Gap)).chain(hints).boxed_local()
}

/// What the driver remembers between events.
#[derive(Default)]
struct Known {
    /// Containers whose start is on its way. Their end is not looked for yet: it would be that of an earlier start.
    starting: BTreeMap<Instance, ContainerId>,
    /// Containers that run, or ran, in this run: their end is of interest, and what they printed is about this run.
    containers: BTreeMap<Instance, ContainerId>,
    watched: BTreeMap<ContainerId, Instance>,
    images: BTreeMap<ServiceName, ImageId>,
    /// Containers that wait to take another's place.
    aside: BTreeMap<Instance, ContainerId>,
    replaced: BTreeSet<Instance>,
    /// Ends told of containers whose start was still on its way.
    early: BTreeSet<ContainerId>,
    /// Ends are told, since before now.
    hears: bool,
    /// Looks of the last round that are not answered yet.
    looking: Rc<Cell<usize>>,
    wake: Option<Duration>,
}

impl Known {
    fn note(&mut self, event: &Event) {
        match event {
            Event::ImageReady { service, image, .. } => {
                self.images.insert(service.clone(), image.clone());
            }
            Event::Created { instance, container } if self.replaced.contains(instance) => {
                self.aside.insert(instance.clone(), container.clone());
            }
            Event::Started { instance } => {
                if let Some(container) = self.starting.remove(instance) {
                    self.watch(instance.clone(), container);
                }
            }
            _ => {}
        }
    }

    fn watch(&mut self, instance: Instance, container: ContainerId) {
        self.watched.insert(container.clone(), instance.clone());
        self.containers.insert(instance, container);
    }

    /// A look at a container that may have ended before its end was of interest.
    fn first_look<'a, R: Runtime>(&mut self, hands: Hands<'a, R>, instance: &Instance) -> Option<Work<'a>> {
        let container = self.containers.get(instance)?;
        let told = self.early.remove(container);
        (told || !self.hears).then(|| look(hands, instance, container))
    }

    /// What a job says of its progress, while it runs.
    fn progress<'a, R: Runtime>(&self, hands: Hands<'a, R>, instance: &Instance) -> Option<Work<'a>> {
        let Run { runtime, plan, .. } = hands.run;
        let container = self.containers.get(instance)?.clone();
        let is_job = plan.service(&instance.service).is_some_and(|service| service.job);
        is_job.then(|| -> Work<'a> {
            Box::pin(progress::follow(*runtime, instance.clone(), container, hands.told))
        })
    }

    /// The looks that a hint leads to.
    fn looks<'a, R: Runtime>(&mut self, hands: Hands<'a, R>, hint: &Hint) -> Vec<Work<'a>> {
        if let Hint::Ended(container) = hint {
            if let Some(instance) = self.watched.get(container) {
                return vec![look(hands, instance, container)];
            }
            self.early.insert(container.clone());
            return Vec::new();
        }
        let running = match hint {
            Hint::Running(running) => Some(running),
            _ => None,
        };
        self.hears |= running.is_some();
        if self.looking.get() > 0 {
            // An engine that does not answer is not asked ever more.
            return Vec::new();
        }
        let ended = |id: &ContainerId| running.is_none_or(|running| !running.contains(id));
        let chosen: Vec<_> = self.containers.iter().filter(|(_, id)| ended(id)).collect();
        self.looking.set(chosen.len());
        let counted = |(instance, container): (&Instance, &ContainerId)| -> Work<'a> {
            let (look, looking) = (look(hands, instance, container), Rc::clone(&self.looking));
            Box::pin(async move {
                let event = look.await;
                looking.set(looking.get() - 1);
                event
            })
        };
        chosen.into_iter().map(counted).collect()
    }
}

fn look<'a, R: Runtime>(hands: Hands<'a, R>, instance: &Instance, container: &ContainerId) -> Work<'a> {
    Box::pin(hands.look(instance.clone(), container.clone()))
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
