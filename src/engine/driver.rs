//! The driver: executes the scheduler's actions against a runtime and feeds back what happened. Everything runs concurrently on
//! one thread; the loop below is the only place that waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, LocalBoxStream};
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::obtain::Obtainer;
use super::scheduler::{Action, Scheduler};
use crate::definition::model::{Definition, HealthTest, Mount, MountSource, Service, ServiceName};
use crate::event::{Event, Failure, Phase};
use crate::plan::Plan;
use crate::probe::{Answer, Probe};
use crate::runtime::{CreateOrder, LogOptions, Runtime, RuntimeError, container_name};
use crate::world::{ASIDE, ContainerId, ImageId};

/// For one look from outside.
const LOOK: Duration = Duration::from_secs(2);
/// Before the event stream is asked for again.
const RESUBSCRIBE: Duration = Duration::from_millis(200);
/// After which an engine that was asked for its events surely tells them.
const SUBSCRIBED: Duration = Duration::from_millis(200);
/// Log lines shown with a failure.
const EVIDENCE_LINES: u32 = 12;

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

type Pending<'a> = FuturesUnordered<Pin<Box<dyn Future<Output = Event> + 'a>>>;

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
                pending.extend(hands.looks(&known, which.as_ref()));
                Event::Woke
            }
            () = sleep_until(known.wake.map(|at| begin + at)) => Event::Woke,
            () = sleep_until(run.deadline.map(|at| begin + at)) => Event::TimedOut,
        };
        known.note(&event);
        if let Event::Started { service } = &event {
            // It may have ended before its end was of interest.
            pending.extend(known.container(service).map(|container| hands.boxed_look(service, container)));
        }
        let now = begin.elapsed();
        tracing::debug!(?now, ?event);
        sink(now, &event);
        actions = scheduler.on(now, &event);
    }
    obtainer.clean().await;
    hands.discard(&known).await;
    let mut phases = BTreeMap::new();
    for (name, phase) in scheduler.phases() {
        phases.insert(name.clone(), hands.with_evidence(&known, name, phase.clone()).await);
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
    watched: HashMap<ContainerId, ServiceName>,
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
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Does the work of actions.
#[derive(Debug)]
struct Hands<'a, R> {
    run: &'a Run<'a, R>,
    obtainer: &'a Obtainer<'a, R>,
}

impl<R> Clone for Hands<'_, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R> Copy for Hands<'_, R> {}

impl<'a, R: Runtime> Hands<'a, R> {
    fn service(self, name: &ServiceName) -> Option<&'a Service> {
        self.run.definition.services.get(name)
    }

    async fn prepare(self) -> Event {
        match self.try_prepare().await {
            Ok(()) => Event::Prepared,
            Err(failure) => Event::PrepareFailed { failure },
        }
    }

    async fn try_prepare(self) -> Result<(), Failure> {
        let Run { runtime, definition, plan, .. } = self.run;
        for container in &plan.stale {
            runtime.remove(container).await.map_err(|e| Failure::new(e.to_string()))?;
        }
        let networks = plan.networks.iter().filter_map(|key| Some((key, definition.networks.get(key)?)));
        for (key, network) in networks {
            runtime.create_network(&plan.project, key, network).await.map_err(|e| {
                Failure::new(format!("network {}: {e}", network.name))
                    .hint("`docker network prune` frees address ranges that nothing uses")
            })?;
        }
        let volumes = plan.volumes.iter().filter_map(|key| Some((key, definition.volumes.get(key)?)));
        for (key, volume) in volumes {
            let created = runtime.create_volume(&plan.project, key, volume).await;
            created.map_err(|e| Failure::new(format!("volume {}: {e}", volume.name)))?;
        }
        plan.services.iter().filter_map(|s| self.service(&s.name)).try_for_each(make_bind_sources)
    }

    async fn create(
        self,
        name: ServiceName,
        image: Option<ImageId>,
        replacing: Option<ContainerId>,
    ) -> Event {
        let Run { runtime, definition, plan, .. } = self.run;
        let (Some(service), Some(planned)) = (self.service(&name), plan.service(&name)) else {
            return Event::StepFailed { service: name, failure: Failure::new("no such service") };
        };
        let Some(image) = image.or_else(|| planned.image.present.clone()) else {
            return Event::StepFailed { service: name, failure: Failure::new("its image is not known") };
        };
        let own = container_name(&plan.project, service);
        let order = CreateOrder {
            name: if replacing.is_some() { aside(&own) } else { own },
            image: &image,
            plan: planned,
        };
        match runtime.create(definition, service, &order).await {
            Ok(container) => Event::Created { service: name, container },
            Err(e) => Event::StepFailed { failure: could_not("create", service, &e), service: name },
        }
    }

    async fn start(self, name: ServiceName, container: ContainerId, replacing: Option<ContainerId>) -> Event {
        let Some(service) = self.service(&name) else {
            return Event::StepFailed { service: name, failure: Failure::new("no such service") };
        };
        match self.try_start(service, &container, replacing).await {
            Ok(()) => Event::Started { service: name },
            Err(e) => Event::StepFailed { failure: could_not("start", service, &e), service: name },
        }
    }

    async fn try_start(
        self,
        service: &Service,
        container: &ContainerId,
        replacing: Option<ContainerId>,
    ) -> Result<(), RuntimeError> {
        let runtime = self.run.runtime;
        if let Some(old) = replacing {
            runtime.stop(&old, None).await?;
            runtime.remove(&old).await?;
            runtime.rename(container, &container_name(&self.run.plan.project, service)).await?;
        }
        runtime.start(container).await
    }

    async fn ask(self, name: ServiceName, container: Option<ContainerId>, probe: Probe) -> Event {
        let runtime = self.run.runtime;
        let answer = match &probe {
            Probe::Http { host, port, path } => {
                match runtime.http_status(&format!("http://{host}:{port}{path}"), LOOK).await {
                    Ok(200..400) => Answer::Yes,
                    Ok(status) => Answer::No(format!("HTTP {status} from port {port}{path}")),
                    Err(e) => Answer::No(e.to_string()),
                }
            }
            Probe::Tcp { host, port } => {
                if runtime.accepts(host, *port, LOOK).await {
                    Answer::Yes
                } else {
                    Answer::No(format!("nothing accepts connections on port {port}"))
                }
            }
            Probe::Test => self.test(&name, container).await,
        };
        Event::Answered { service: name, probe, answer }
    }

    async fn test(self, name: &ServiceName, container: Option<ContainerId>) -> Answer {
        let check = self.service(name).and_then(|s| s.healthcheck.as_ref());
        let (Some(check), Some(container)) = (check, container) else {
            return Answer::No("it has no health test".to_owned());
        };
        let argv = match &check.test {
            HealthTest::Disabled => return Answer::Yes,
            HealthTest::Command(argv) => argv.clone(),
            HealthTest::Shell(line) => vec!["/bin/sh".to_owned(), "-c".to_owned(), line.clone()],
        };
        match self.run.runtime.exec(&container, &argv, check.timeout()).await {
            Ok(outcome) if outcome.code == 0 => Answer::Yes,
            Ok(outcome) => {
                let last = outcome.output.lines().last().unwrap_or_default();
                Answer::No(format!("health test ended with {}: {last}", outcome.code))
            }
            Err(e) => Answer::No(format!("health test: {e}")),
        }
    }

    /// Whether a container has ended, as an event.
    async fn look(self, name: ServiceName, container: ContainerId) -> Event {
        match self.run.runtime.ended(&container).await {
            Ok(Some(exit)) => Event::Exited { service: name, exit },
            Err(e) if e.is_not_found() => {
                let failure = Failure::new("its container was removed by someone else").hint("pdex up");
                Event::StepFailed { service: name, failure }
            }
            // It runs, or could not be asked this time: the next event or gap leads to another look.
            Ok(None) | Err(_) => Event::Woke,
        }
    }

    fn boxed_look(
        self,
        name: &ServiceName,
        container: &ContainerId,
    ) -> Pin<Box<dyn Future<Output = Event> + 'a>> {
        Box::pin(self.look(name.clone(), container.clone()))
    }

    /// A look at the container that ended, or at all of them when it is not known which.
    fn looks(
        self,
        known: &Known,
        which: Option<&ContainerId>,
    ) -> impl Iterator<Item = Pin<Box<dyn Future<Output = Event> + 'a>>> {
        let watched = known.watched.iter().filter(move |(id, _)| which.is_none_or(|which| which == *id));
        watched.map(move |(id, name)| self.boxed_look(name, id))
    }

    /// A failure with the last lines that the container printed in this run.
    async fn with_evidence(self, known: &Known, name: &ServiceName, phase: Phase) -> Phase {
        let container = known.container(name).filter(|_| known.ran.contains(name));
        let (Phase::Failed(mut failure), Some(container)) = (phase.clone(), container) else {
            return phase;
        };
        let options = LogOptions { tail: Some(EVIDENCE_LINES), ..LogOptions::default() };
        let mut lines = self.run.runtime.logs(container, &options);
        while let Some(Ok(line)) = lines.next().await {
            failure.evidence.push(line.text);
        }
        if failure.hint.is_none() {
            failure.hint = Some(format!("pdex logs {name}"));
        }
        Phase::Failed(failure)
    }

    /// Removes what was made to take another's place and never got there: the other one stays.
    async fn discard(self, known: &Known) {
        for container in known.aside.values() {
            // Left behind it does no harm: the next run removes it.
            let _ = self.run.runtime.remove(container).await;
        }
    }
}

/// Name of a container that waits to take another's place.
fn aside(name: &str) -> String {
    format!("{name}{ASIDE}")
}

fn may_create(mount: &Mount) -> bool {
    mount.bind.as_ref().is_some_and(|bind| bind.create_host_path)
}

/// Compose creates missing bind folders as root's; here the owner is the user the service runs as, so that it can write.
fn make_bind_sources(service: &Service) -> Result<(), Failure> {
    let folders = service.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Bind(path) if may_create(mount) && (!path.exists() || !mount.read_only) => Some(path),
        _ => None,
    });
    for path in folders {
        if path.is_file() {
            continue;
        }
        std::fs::create_dir_all(path).map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        let ids = service.user.as_deref().and_then(|user| {
            let (user, group) = user.split_once(':').unwrap_or((user, user));
            Some((user.parse().ok()?, group.parse().ok()?))
        });
        if let (Some((user, group)), true) = (ids, rustix::process::geteuid().is_root()) {
            std::os::unix::fs::chown(path, Some(user), Some(group))
                .map_err(|e| Failure::new(format!("{}: {e}", path.display())))?;
        }
    }
    Ok(())
}

fn could_not(step: &str, service: &Service, error: &RuntimeError) -> Failure {
    let failure = Failure::new(match error {
        RuntimeError::PortInUse { .. } => error.to_string(),
        other => format!("could not {step} it: {other}"),
    });
    match error {
        RuntimeError::PortInUse { port } => failure.hint(format!(
            "`ss -ltnp 'sport = :{port}'` shows who holds it; free it, or publish {} on another port",
            service.name
        )),
        RuntimeError::NoSpace => failure.hint("`docker system df` shows what takes the space"),
        RuntimeError::Conflict(_) => {
            failure.hint("`docker ps -a` shows who has the name; remove it and run `pdex up`")
        }
        _ => failure.hint("`pdex config` shows what was asked of the engine"),
    }
}

#[cfg(test)]
#[path = "driver_test/mod.rs"]
mod tests;
