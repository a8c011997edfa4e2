//! What the driver's actions come to: the calls of the runtime, each with the event it ends in. Decides nothing, remembers
//! nothing.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::sync::mpsc::UnboundedSender;

use super::driver::Run;
use super::obtain::Obtainer;
use super::patience::persist;
use super::{evidence, hooks};
use crate::definition::model::{HealthTest, Mount, MountSource, Service, ServiceName};
use crate::event::{Event, Failure, Phase};
use crate::probe::{Answer, Probe};
use crate::runtime::{CreateOrder, ExecOrder, Runtime, RuntimeError, container_name};
use crate::world::{ASIDE, ContainerId, ImageId, Instance, State};

/// How often, and how long apart, it is looked whose a name is that the engine calls taken.
const RESERVED_LOOKS: u32 = 10;
/// See [`RESERVED_LOOKS`].
const RESERVED: Duration = Duration::from_millis(100);
/// For one look from outside.
const LOOK: Duration = Duration::from_secs(2);
/// For the removal of what stands aside: an engine that hangs must not hold up the end of the run.
const PATIENCE: Duration = Duration::from_secs(5);

/// Does the work of actions.
#[derive(Debug)]
pub(super) struct Hands<'a, R> {
    pub(super) run: &'a Run<'a, R>,
    pub(super) obtainer: &'a Obtainer<'a, R>,
    /// For what is told in the middle of a step.
    pub(super) told: &'a UnboundedSender<Event>,
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

    pub(super) async fn prepare(self) -> Event {
        match self.try_prepare().await {
            Ok(()) => Event::Prepared,
            Err(failure) => Event::PrepareFailed { failure },
        }
    }

    async fn try_prepare(self) -> Result<(), Failure> {
        let Run { runtime, definition, plan, .. } = self.run;
        for container in &plan.stale {
            if let Err(e) = persist(async || runtime.remove(container).await).await {
                return Err(
                    evidence::of_error(*runtime, "an unfinished replacement cannot be removed", &e).await
                );
            }
        }
        self.remove_what_is_too_much().await?;
        let networks = plan.networks.iter().filter_map(|key| Some((key, definition.networks.get(key)?)));
        for (key, network) in networks {
            let create = async || runtime.create_network(&plan.project, key, network).await;
            if let Err(e) = persist(create).await {
                return Err(evidence::of_network(*runtime, &network.name, &e).await);
            }
        }
        let volumes = plan.volumes.iter().filter_map(|key| Some((key, definition.volumes.get(key)?)));
        for (key, volume) in volumes {
            let create = async || runtime.create_volume(&plan.project, key, volume).await;
            if let Err(e) = persist(create).await {
                let doing = format!("could not create volume {}", volume.name);
                return Err(evidence::of_error(*runtime, &doing, &e).await);
            }
        }
        plan.services.iter().filter_map(|s| self.service(&s.name)).try_for_each(make_bind_sources)
    }

    /// Containers beyond the number that is wanted, and those of no service where that was asked for.
    async fn remove_what_is_too_much(self) -> Result<(), Failure> {
        let Run { runtime, plan, .. } = self.run;
        let orphans = plan.orphans.iter().filter(|_| plan.remove_orphans);
        let surplus = plan.services.iter().flat_map(|service| &service.surplus);
        let removals = orphans.chain(surplus).map(async |container| {
            let removed = async || {
                runtime.stop(&container.id, None).await?;
                runtime.remove(&container.id).await
            };
            persist(removed).await.map_err(|e| Failure::new(format!("container {}: {e}", container.name)))
        });
        try_join_all(removals).await.map(|_| ())
    }

    pub(super) async fn create(
        self,
        instance: Instance,
        image: Option<ImageId>,
        replacing: Option<ContainerId>,
    ) -> Event {
        let Run { runtime, definition, plan, .. } = self.run;
        let (Some(service), Some(planned)) =
            (self.service(&instance.service), plan.service(&instance.service))
        else {
            return Event::StepFailed { instance, failure: Failure::new("no such service") };
        };
        let Some(image) = image.or_else(|| planned.image.present.clone()) else {
            return Event::StepFailed { instance, failure: Failure::new("its image is not known") };
        };
        let own = container_name(&plan.project, service, instance.number);
        let order = CreateOrder {
            name: if replacing.is_some() { aside(&own) } else { own },
            number: instance.number,
            image: &image,
            plan: planned,
        };
        let create = async || {
            let mut made = runtime.create(definition, service, &order).await;
            for _ in 0..RESERVED_LOOKS {
                if !matches!(made, Err(RuntimeError::Conflict(_) | RuntimeError::TimedOut(_))) {
                    break;
                }
                if self.clear_unfinished(&order, &instance).await? {
                    made = runtime.create(definition, service, &order).await;
                } else {
                    tokio::time::sleep(RESERVED).await;
                }
            }
            made
        };
        match persist(create).await {
            Ok(container) => Event::Created { instance, container },
            Err(e) => {
                let subject = (service, order.name.as_str());
                let failure = evidence::of_step(*runtime, &plan.project, "create", subject, &e).await;
                Event::StepFailed { failure, instance }
            }
        }
    }

    /// Removes what an earlier create made under that name and did not finish: one that was not answered, or that of a run
    /// killed in the middle of it, which may lack networks and files. `false` when there is none, or none yet: the engine
    /// gives a name away before it shows the container.
    async fn clear_unfinished(
        self,
        order: &CreateOrder<'_>,
        instance: &Instance,
    ) -> Result<bool, RuntimeError> {
        let world = self.run.runtime.observe(self.run.definition).await?;
        let unfinished = world.containers.into_iter().find(|container| {
            container.name == order.name
                && container.service == instance.service
                && container.number == instance.number
                && container.state == State::Created
        });
        let Some(container) = unfinished else { return Ok(false) };
        self.run.runtime.remove(&container.id).await?;
        Ok(true)
    }

    pub(super) async fn start(
        self,
        instance: Instance,
        container: ContainerId,
        replacing: Option<ContainerId>,
    ) -> Event {
        let Some(service) = self.service(&instance.service) else {
            return Event::StepFailed { instance, failure: Failure::new("no such service") };
        };
        let start = async || {
            if let Some(old) = &replacing {
                self.replace(service, &instance, &container, old).await?;
            }
            self.run.runtime.start(&container).await
        };
        self.after_start(persist(start).await, service, instance, &container).await
    }

    pub(super) async fn restart(self, instance: Instance, container: ContainerId) -> Event {
        let Some(service) = self.service(&instance.service) else {
            return Event::StepFailed { instance, failure: Failure::new("no such service") };
        };
        let restart = async || {
            self.end(service, &instance, &container).await?;
            self.run.runtime.start(&container).await
        };
        self.after_start(persist(restart).await, service, instance, &container).await
    }

    async fn replace(
        self,
        service: &Service,
        instance: &Instance,
        container: &ContainerId,
        old: &ContainerId,
    ) -> Result<(), RuntimeError> {
        self.before_stop(service, instance, old).await;
        let name = container_name(&self.run.plan.project, service, instance.number);
        self.run.runtime.take_over(container, old, &name).await
    }

    /// Stops a container, after what the definition has run before that.
    async fn end(
        self,
        service: &Service,
        instance: &Instance,
        container: &ContainerId,
    ) -> Result<(), RuntimeError> {
        self.before_stop(service, instance, container).await;
        self.run.runtime.stop(container, None).await
    }

    async fn before_stop(self, service: &Service, instance: &Instance, container: &ContainerId) {
        if let Err(message) = hooks::run(self.run.runtime, container, &service.pre_stop).await {
            let message = format!("before its stop: {message}");
            // The receiver lives as long as the run.
            let _ = self.told.send(Event::Warned { instance: instance.clone(), message });
        }
    }

    async fn after_start(
        self,
        started: Result<(), RuntimeError>,
        service: &Service,
        instance: Instance,
        container: &ContainerId,
    ) -> Event {
        if let Err(e) = started {
            let Run { runtime, plan, .. } = self.run;
            let name = container_name(&plan.project, service, instance.number);
            let failure = evidence::of_step(*runtime, &plan.project, "start", (service, &name), &e).await;
            return Event::StepFailed { failure, instance };
        }
        match hooks::run(self.run.runtime, container, &service.post_start).await {
            Ok(()) => Event::Started { instance },
            Err(message) => {
                let failure = Failure::new(format!("after its start: {message}"))
                    .hint("look at post_start of the service; it runs inside the container");
                Event::StepFailed { instance, failure }
            }
        }
    }

    pub(super) async fn ask(self, instance: Instance, container: Option<ContainerId>, probe: Probe) -> Event {
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
            Probe::Test => self.test(&instance.service, container).await,
        };
        Event::Answered { instance, probe, answer }
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
        match self.run.runtime.health_test(&container, &ExecOrder::of(&argv), check.timeout()).await {
            Ok(outcome) if outcome.code == 0 => Answer::Yes,
            Ok(outcome) => {
                let last = outcome.output.lines().last().map(|line| format!(": {line}"));
                Answer::No(format!("health test ended with {}{}", outcome.code, last.unwrap_or_default()))
            }
            Err(e) => Answer::No(format!("health test: {e}")),
        }
    }

    /// Whether a container has ended, as an event.
    pub(super) async fn look(self, instance: Instance, container: ContainerId) -> Event {
        let runtime = self.run.runtime;
        match persist(async || runtime.ended(&container).await).await {
            Ok(Some(end)) => Event::Exited { instance, end },
            Err(e @ RuntimeError::Unreachable { .. }) => {
                let failure = evidence::of_error(runtime, "what became of it is not known", &e).await;
                Event::StepFailed { instance, failure }
            }
            Err(e) if e.is_not_found() => {
                let failure = Failure::new("its container was removed by someone else")
                    .code("up/container-gone")
                    .hint("`pdex up` makes it again");
                Event::StepFailed { instance, failure }
            }
            // It runs, or could not be asked this time: the next event or gap leads to another look.
            Ok(None) | Err(_) => Event::Woke,
        }
    }

    /// A failure with the last lines that the container printed in this run.
    pub(super) async fn with_evidence(
        self,
        instance: &Instance,
        container: &ContainerId,
        phase: Phase,
    ) -> Phase {
        let Phase::Failed(mut failure) = phase else { return phase };
        let service = self.service(&instance.service);
        evidence::of_container(self.run.runtime, service, container, &mut failure).await;
        Phase::Failed(failure)
    }

    /// Removes what was made to take another's place and never got there: the other one stays.
    pub(super) async fn discard(self, aside: impl Iterator<Item = &ContainerId>) {
        for container in aside {
            // Left behind it does no harm: the next run removes it.
            let _ = tokio::time::timeout(PATIENCE, self.run.runtime.remove(container)).await;
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
pub(super) fn make_bind_sources(service: &Service) -> Result<(), Failure> {
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
