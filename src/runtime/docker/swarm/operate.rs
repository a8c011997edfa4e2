//! Services looked at and handled while they run. What needs a container's own processes (commands inside, signals, what is used)
//! goes to the engine that is asked, and works where the container is on its machine.

use std::collections::BTreeSet;
use std::io;

use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{BoxStream, LocalBoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::identity::Identity;
use super::service::Held;
use super::spec::{IMAGE, SERVICE};
use super::task::{self, Stage};
use super::{AGAIN, Swarm};
use crate::definition::model::{Definition, Protocol, Service, ServiceName};
use crate::runtime::operate::{Attached, CommandOrder, Kind, Line, Operate, ProcessId, Terms, Until, Window};
use crate::runtime::{CreateOrder, LogLine, LogOptions, RuntimeError};
use crate::world::live::{Binding, CpuLimit, Happening, ImageFacts, Listed, Processes, Usage};
use crate::world::time::Timestamp;
use crate::world::{ContainerId, ImageId, State};

impl Operate for Swarm {
    fn now(&self) -> Timestamp {
        self.docker.now()
    }

    async fn list(&self, project: &str) -> Result<Vec<Listed>, RuntimeError> {
        let (held, beside) = futures_util::try_join!(self.all_held(project), self.docker.list(project))?;
        let mut all: Vec<Listed> = held.iter().flat_map(listed).collect();
        all.extend(beside.into_iter().filter(|listed| listed.one_off));
        all.sort_by(|a, b| {
            (&a.service, a.one_off, a.number, &a.name).cmp(&(&b.service, b.one_off, b.number, &b.name))
        });
        Ok(all)
    }

    async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), RuntimeError> {
        self.docker.kill(&self.container(id).await?, signal).await
    }

    // Swarm does not know of pauses, and does not mind: an engine does not test what it holds still.
    async fn pause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.docker.pause(&self.container(id).await?).await
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.docker.unpause(&self.container(id).await?).await
    }

    async fn limit_cpu(&self, id: &ContainerId, limit: CpuLimit) -> Result<(), RuntimeError> {
        self.docker.limit_cpu(&self.container(id).await?, limit).await
    }

    async fn discard(&self, id: &ContainerId, volumes: bool) -> Result<(), RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.discard(id, volumes).await;
        }
        if Identity::of(id).slot > 1 { Ok(()) } else { self.scrap(id).await }
    }

    async fn create_one_off(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
        terms: Terms,
    ) -> Result<ContainerId, RuntimeError> {
        for volume in definition.state_of(service) {
            self.is_here(&volume.name).await?;
        }
        self.docker.create_one_off(definition, service, order, terms).await
    }

    async fn attach(&self, id: &ContainerId, terms: Terms) -> Result<Attached<'_>, RuntimeError> {
        self.docker.attach(&self.container(id).await?, terms).await
    }

    async fn open(
        &self,
        id: &ContainerId,
        order: &CommandOrder,
    ) -> Result<(ProcessId, Option<Attached<'_>>), RuntimeError> {
        self.docker.open(&self.container(id).await?, order).await
    }

    async fn resize(&self, process: &ProcessId, rows: u16, columns: u16) -> Result<(), RuntimeError> {
        self.docker.resize(process, rows, columns).await
    }

    async fn code(&self, process: &str) -> Result<Option<i64>, RuntimeError> {
        self.docker.code(process).await
    }

    async fn end(
        &self,
        id: &ContainerId,
        until: Until,
    ) -> Result<LocalBoxFuture<'_, Result<i64, RuntimeError>>, RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.end(id, until).await;
        }
        let past = self.held(id).await?.end().map(|end| end.mark);
        let id = id.clone();
        Ok(async move {
            let mut last = None;
            loop {
                let held = match self.held(&id).await {
                    Err(e) if e.is_not_found() => return Ok(last.unwrap_or_default()),
                    other => other?,
                };
                let end = held.end();
                last = end.as_ref().map(|end| end.exit.code).or(last);
                match (until, end) {
                    (Until::Ended, Some(end)) => return Ok(end.exit.code),
                    (Until::Ended, None) if !held.is_up() => return Ok(0),
                    (Until::NextEnd, Some(end)) if past.as_ref() != Some(&end.mark) => {
                        return Ok(end.exit.code);
                    }
                    _ => tokio::time::sleep(AGAIN).await,
                }
            }
        }
        .boxed_local())
    }

    async fn usage(&self, id: &ContainerId) -> Result<Option<Usage>, RuntimeError> {
        match self.container(id).await {
            Ok(container) => self.docker.usage(&container).await,
            Err(RuntimeError::Conflict(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn processes(&self, id: &ContainerId) -> Result<Processes, RuntimeError> {
        self.docker.processes(&self.container(id).await?).await
    }

    async fn document(&self, kind: Kind, name: &str) -> Result<Value, RuntimeError> {
        let id = ContainerId(name.to_owned());
        if kind != Kind::Container || Identity::is_container(&id) {
            return self.docker.document(kind, name).await;
        }
        let service = Identity::of(&id).service;
        self.docker.raw()?.document(&["services", service], &[]).await
    }

    async fn image_facts(&self, reference: &str) -> Result<Option<ImageFacts>, RuntimeError> {
        self.docker.image_facts(reference).await
    }

    fn happenings(
        &self,
        project: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> LocalBoxStream<'_, Result<Happening, RuntimeError>> {
        self.docker.happenings_of(format!("{}={project}", super::spec::OWN_PROJECT), since, until)
    }

    async fn lines(
        &self,
        id: &ContainerId,
        window: &Window,
    ) -> Result<LocalBoxStream<'_, Result<Line, RuntimeError>>, RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.lines(id, window).await;
        }
        let held = self.held(id).await?;
        let tasks = held.of(Identity::of(id).slot);
        // Who follows, or wants the last lines, means the container that runs now.
        let earlier = if window.follow || window.tail.is_some() { tasks.len().saturating_sub(1) } else { 0 };
        let mut all = futures_util::stream::empty().boxed_local();
        for task in tasks.into_iter().skip(earlier) {
            let Some(container) = task::container(task) else { continue };
            let lines = if task.node_id.as_deref() == Some(&self.own) {
                match self.docker.lines(&ContainerId(container.to_owned()), window).await {
                    // Swarm tidies up after itself.
                    Err(e) if e.is_not_found() => continue,
                    other => other?,
                }
            } else {
                let id = task.id.as_deref().unwrap_or_default();
                let terminal = task.spec.as_ref().and_then(|spec| spec.container_spec.as_ref()?.tty);
                self.docker.lines_of(&["tasks", id, "logs"], terminal == Some(true), window).await?
            };
            all = all.chain(lines).boxed_local();
        }
        Ok(all)
    }

    async fn files(&self, reference: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        self.docker.files(reference, into).await
    }

    async fn volume_out(&self, name: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        self.is_here(name).await?;
        self.docker.volume_out(name, into).await
    }

    async fn volume_in(
        &self,
        name: &str,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), RuntimeError> {
        self.is_here(name).await?;
        self.docker.volume_in(name, tar).await
    }

    async fn volume_users(&self, name: &str) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        let (users, tasks) = futures_util::try_join!(self.docker.volume_users(name), self.tasks())?;
        let service = |container: &ContainerId| {
            let task = tasks.iter().find(|task| task::container(task) == Some(container.0.as_str()))?;
            task.service_id.as_deref().map(|service| Identity::name(service, 1))
        };
        Ok(users.into_iter().map(|container| service(&container).unwrap_or(container)).collect())
    }

    async fn let_volume_go(&self, name: &str) -> Result<(), RuntimeError> {
        self.docker.let_volume_go(name).await
    }

    fn save(&self, references: &[String]) -> LocalBoxStream<'_, Result<Bytes, RuntimeError>> {
        self.docker.save(references)
    }

    async fn load(&self, tar: BoxStream<'static, io::Result<Bytes>>) -> Result<(), RuntimeError> {
        self.docker.load(tar).await
    }
}

impl Swarm {
    /// What a service printed, and what kept it from that.
    pub(super) async fn printed(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> Result<LocalBoxStream<'_, Result<LogLine, RuntimeError>>, RuntimeError> {
        let window = Window {
            follow: options.follow,
            tail: options.tail,
            times: options.timestamps,
            ..Window::default()
        };
        let lines = self.lines(id, &window).await?;
        let times = options.timestamps;
        let told = lines.map(move |line| {
            let line = line?;
            let text = String::from_utf8_lossy(&line.text).into_owned();
            let at = line.at.filter(|_| times).map(|at| format!("{at} ")).unwrap_or_default();
            Ok(LogLine { error: line.error, text: format!("{at}{text}") })
        });
        let obstacle = if Identity::is_container(id) {
            None
        } else {
            self.held(id).await?.obstacle().map(str::to_owned)
        };
        let obstacle = obstacle.filter(|words| !words.starts_with("task: non-zero exit"));
        let obstacle = obstacle.map(|words| Ok(LogLine { error: true, text: format!("swarm: {words}") }));
        Ok(told.chain(futures_util::stream::iter(obstacle)).boxed_local())
    }

    /// The services of the whole swarm that publish a port.
    pub(super) async fn publishing(&self, port: u16) -> Result<Vec<Held>, RuntimeError> {
        let services = self.docker.client.list_services(None::<query::ListServicesOptions>);
        let (services, tasks) = futures_util::try_join!(self.asked(services), self.tasks())?;
        let all = services.into_iter().map(|service| Held::new(service, &tasks));
        Ok(all.filter(|held| bindings(held).iter().any(|binding| binding.host_port == Some(port))).collect())
    }
}

/// A row for each slot.
fn listed(held: &Held) -> Vec<Listed> {
    let Some(service) = held.label(SERVICE) else { return Vec::new() };
    let container = held.spec.task_template.as_ref().and_then(|task| task.container_spec.as_ref());
    let words = container.map(|spec| {
        let words = spec.command.iter().flatten().chain(spec.args.iter().flatten());
        words.cloned().collect::<Vec<_>>().join(" ")
    });
    let made = held.service.created_at.as_deref().and_then(Timestamp::parse).unwrap_or_default();
    let slots = if held.is_job() { 1 } else { held.wanted().max(1) };
    let row = |slot: u32| {
        let newest = held.newest(slot);
        let ports = if newest.is_some_and(|task| task::stage(task) == Stage::Running) {
            bindings(held)
        } else {
            Vec::new()
        };
        Listed {
            id: Identity::name(&held.id, slot),
            name: if slots == 1 { held.name().to_owned() } else { format!("{}.{slot}", held.name()) },
            service: ServiceName::new(service),
            number: slot,
            one_off: false,
            image: container.and_then(|spec| spec.image.clone()).unwrap_or_default(),
            image_id: ImageId(held.label(IMAGE).unwrap_or_default().to_owned()),
            command: words.clone().unwrap_or_default(),
            created: newest.map_or(made, task::made),
            state: if slots == 1 { held.state() } else { state_of_slot(held, slot) },
            ports,
        }
    };
    (1..=slots).map(row).collect()
}

/// One container of several.
fn state_of_slot(held: &Held, slot: u32) -> State {
    use crate::world::{Exit, Health};
    match held.newest(slot).map(task::stage) {
        Some(Stage::Running) => State::Running { health: held.is_tested().then_some(Health::Healthy) },
        Some(Stage::Ended(code)) => State::Exited(Exit { code, out_of_memory: false }),
        Some(Stage::Starting | Stage::Waiting | Stage::Taken) | None => {
            if held.wanted() == 0 {
                held.state()
            } else {
                State::Running { health: Some(Health::Starting) }
            }
        }
    }
}

/// What a service publishes on the nodes.
pub(super) fn bindings(held: &Held) -> Vec<Binding> {
    use bollard::models::EndpointPortConfigProtocolEnum as Given;
    let ports = held.spec.endpoint_spec.as_ref().and_then(|endpoint| endpoint.ports.as_ref());
    let one = |port: &bollard::models::EndpointPortConfig| {
        let number =
            |port: Option<i64>| port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        Some(Binding {
            container_port: number(port.target_port)?,
            protocol: match port.protocol {
                Some(Given::UDP) => Protocol::Udp,
                Some(Given::SCTP) => Protocol::Sctp,
                _ => Protocol::Tcp,
            },
            host_port: number(port.published_port),
            host_ip: port.published_port.map(|_| "0.0.0.0".to_owned()),
        })
    };
    ports.into_iter().flatten().filter_map(one).collect()
}
