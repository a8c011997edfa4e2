//! A container engine that exists only in memory, on tokio's clock: with the clock paused a run takes no real time and its
//! times are the same on every machine. Tests use it, and the hidden `--runtime sim[:FILE]`, which keeps the state in a file
//! from one command to the next.
//!
//! What a service does is told by its labels: `sim.create` and `sim.start` (an error's text), `sim.ready_ms`,
//! `sim.flap_ms` (ready for that long once, before it is for good), `sim.exit` and `sim.exit_ms` (a job's end, or a service's
//! death), `sim.log` (what it prints).

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use super::{BuildOrder, CreateOrder, ExecOutcome, ImportOrder, LogLine, LogOptions, Runtime, RuntimeError};
use crate::definition::model::{Definition, Network, Service, ServiceName, Volume};
use crate::world::{ASIDE, Container, ContainerId, EngineInfo, Exit, Health, ImageId, State, World};

/// What the engine takes for a call; the measured cost of the real one, rounded.
const CALL: Duration = Duration::from_millis(2);
const CREATE: Duration = Duration::from_millis(30);
const START: Duration = Duration::from_millis(200);
const EXEC: Duration = Duration::from_millis(40);

/// The double.
#[derive(Debug)]
pub struct Simulated {
    state: RefCell<Memory>,
    exits: broadcast::Sender<ContainerId>,
    file: Option<PathBuf>,
    calls: Cell<u64>,
}

/// All that the engine holds. Times do not survive a restart of the program: what ran then is ready.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    next: u64,
    networks: BTreeSet<String>,
    volumes: BTreeSet<String>,
    images: BTreeSet<String>,
    containers: BTreeMap<String, Held>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Held {
    name: String,
    service: String,
    config_hash: String,
    image: String,
    labels: BTreeMap<String, String>,
    running: bool,
    exit: Option<i64>,
    ports: Vec<u16>,
    #[serde(skip)]
    started: Option<Instant>,
}

impl Held {
    fn number(&self, key: &str) -> Option<u64> {
        self.labels.get(key)?.parse().ok()
    }

    /// Whether its test succeeds now.
    fn answers(&self) -> bool {
        let Some(started) = self.started else { return self.running };
        let ran = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let ready = self.number("sim.ready_ms").unwrap_or_default();
        // Up from `ready` for `flap` milliseconds, away for a second, then up for good.
        match self.number("sim.flap_ms") {
            Some(flap) => (ready..ready + flap).contains(&ran) || ran >= ready + flap + 1_000,
            None => self.running && ran >= ready,
        }
    }
}

impl Default for Simulated {
    fn default() -> Self {
        let (exits, _) = broadcast::channel(1_024);
        Self { state: RefCell::default(), exits, file: None, calls: Cell::new(0) }
    }
}

impl Simulated {
    /// An engine whose state is in a file; an absent or unreadable file is an empty engine.
    pub fn in_file(file: PathBuf) -> Self {
        let memory = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { state: RefCell::new(memory.unwrap_or_default()), file: Some(file), ..Self::default() }
    }

    /// How many calls were made, for tests of cost.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    async fn takes(&self, time: Duration) {
        self.calls.set(self.calls.get() + 1);
        sleep(time).await;
    }

    fn change<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let result = change(&mut self.state.borrow_mut());
        if let Some(file) = &self.file {
            let bytes = serde_json::to_vec_pretty(&*self.state.borrow()).unwrap_or_default();
            // The double's state is not worth an error path of its own: a test sees it missing.
            let _ = std::fs::write(file, bytes);
        }
        result
    }

    fn held<T>(&self, id: &ContainerId, look: impl FnOnce(&mut Held) -> T) -> Result<T, RuntimeError> {
        self.change(|memory| memory.containers.get_mut(&id.0).map(look))
            .ok_or_else(|| RuntimeError::NotFound(format!("no such container: {}", id.0)))
    }

    /// Lets every container that has reached its end do so.
    fn settle(&self) {
        let mut ended = Vec::new();
        for (id, held) in &mut self.state.borrow_mut().containers {
            let (Some(started), Some(code)) = (held.started, held.labels.get("sim.exit")) else { continue };
            let after = Duration::from_millis(held.number("sim.exit_ms").unwrap_or_default());
            if held.running && started.elapsed() >= after {
                held.running = false;
                held.exit = Some(code.parse().unwrap_or_default());
                ended.push(ContainerId(id.clone()));
            }
        }
        for id in ended {
            // Nobody listening is no error: an exit is also found by looking.
            let _ = self.exits.send(id);
        }
    }

    fn end_of(&self, id: &ContainerId) -> Option<Instant> {
        let state = self.state.borrow();
        let held = state.containers.get(&id.0)?;
        held.labels.get("sim.exit")?;
        Some(held.started? + Duration::from_millis(held.number("sim.exit_ms").unwrap_or_default()))
    }

    fn next_end(&self) -> Option<Instant> {
        let ids: Vec<ContainerId> = {
            let state = self.state.borrow();
            state
                .containers
                .iter()
                .filter(|(_, h)| h.running)
                .map(|(id, _)| ContainerId(id.clone()))
                .collect()
        };
        ids.iter().filter_map(|id| self.end_of(id)).min()
    }
}

fn observed(id: &str, held: &Held) -> Container {
    let state = match (held.running, held.exit) {
        (true, _) => State::Running { health: held.answers().then_some(Health::Healthy) },
        (false, Some(code)) => State::Exited(Exit { code, out_of_memory: false }),
        (false, None) => State::Created,
    };
    Container {
        id: ContainerId(id.to_owned()),
        name: held.name.clone(),
        service: ServiceName::new(held.service.as_str()),
        config_hash: held.config_hash.clone(),
        image: ImageId(held.image.clone()),
        state,
        aside: held.name.ends_with(ASIDE),
    }
}

impl Runtime for Simulated {
    async fn engine(&self) -> Result<EngineInfo, RuntimeError> {
        self.takes(CALL).await;
        let text = |s: &str| s.to_owned();
        Ok(EngineInfo {
            version: text("simulated"),
            api_version: text("1.41"),
            architecture: text("none"),
            operating_system: text("none"),
        })
    }

    async fn observe(&self, definition: &Definition) -> Result<World, RuntimeError> {
        self.takes(CALL).await;
        self.settle();
        let state = self.state.borrow();
        let known = |image: &String| state.images.contains(image);
        Ok(World {
            containers: state.containers.iter().map(|(id, held)| observed(id, held)).collect(),
            networks: state.networks.clone(),
            volumes: state.volumes.clone(),
            images: definition
                .services
                .values()
                .filter(|s| known(&s.image))
                .map(|s| (s.image.clone(), ImageId(format!("sha256:{}", s.image))))
                .collect(),
            empty_binds: BTreeSet::new(),
        })
    }

    async fn create_network(&self, _: &str, _: &str, network: &Network) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.networks.insert(network.name.clone()));
        Ok(())
    }

    async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.networks.remove(name));
        Ok(())
    }

    async fn create_volume(&self, _: &str, _: &str, volume: &Volume) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.volumes.insert(volume.name.clone()));
        Ok(())
    }

    async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.volumes.remove(name));
        Ok(())
    }

    async fn create(
        &self,
        _: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<ContainerId, RuntimeError> {
        self.takes(CREATE).await;
        if let Some(error) = service.labels.get("sim.create") {
            return Err(RuntimeError::Other(error.clone()));
        }
        self.change(|memory| {
            if memory.containers.values().any(|held| held.name == order.name) {
                return Err(RuntimeError::Conflict(format!("the container name {} is in use", order.name)));
            }
            memory.next += 1;
            let id = format!("{:012}", memory.next);
            let held = Held {
                name: order.name.clone(),
                service: service.name.to_string(),
                config_hash: order.plan.config_hash.clone(),
                image: order.image.0.clone(),
                labels: service.labels.clone(),
                running: false,
                exit: None,
                ports: service.ports.iter().filter_map(|p| p.published).collect(),
                started: None,
            };
            memory.containers.insert(id.clone(), held);
            Ok(ContainerId(id))
        })
    }

    async fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(START).await;
        self.held(id, |held| {
            if let Some(error) = held.labels.get("sim.start") {
                return Err(RuntimeError::Other(error.clone()));
            }
            held.running = true;
            held.exit = None;
            held.started = Some(Instant::now());
            Ok(())
        })?
    }

    async fn stop(&self, id: &ContainerId, _: Option<Duration>) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.held(id, |held| {
            if held.running {
                held.running = false;
                held.exit = Some(143);
            }
        })
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.held(id, |held| name.clone_into(&mut held.name))
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.containers.remove(&id.0));
        Ok(())
    }

    async fn ended(&self, id: &ContainerId) -> Result<Option<Exit>, RuntimeError> {
        self.takes(CALL).await;
        self.settle();
        self.held(id, |held| held.exit.map(|code| Exit { code, out_of_memory: false }))
    }

    async fn exec(&self, id: &ContainerId, _: &[String], _: Duration) -> Result<ExecOutcome, RuntimeError> {
        self.takes(EXEC).await;
        self.held(id, |held| {
            let code = i64::from(!held.answers());
            ExecOutcome { code, output: String::new() }
        })
    }

    async fn http_status(&self, url: &str, _: Duration) -> Result<u16, RuntimeError> {
        let port = url.rsplit_once(':').and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
        if self.accepts("", port.unwrap_or_default(), CALL).await {
            return Ok(200);
        }
        Err(RuntimeError::Other("connection refused".to_owned()))
    }

    async fn accepts(&self, _: &str, port: u16, _: Duration) -> bool {
        self.takes(CALL).await;
        self.state.borrow().containers.values().any(|held| held.ports.contains(&port) && held.answers())
    }

    fn is_bound(&self, _: &str, port: u16) -> bool {
        self.state.borrow().containers.values().any(|held| held.running && held.ports.contains(&port))
    }

    async fn publisher(&self, port: u16) -> Result<Option<String>, RuntimeError> {
        self.takes(CALL).await;
        let state = self.state.borrow();
        Ok(state
            .containers
            .values()
            .find(|held| held.running && held.ports.contains(&port))
            .map(|h| h.name.clone()))
    }

    fn exits(&self, _: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>> {
        let receiver = self.exits.subscribe();
        futures_util::stream::unfold(receiver, async |mut receiver| {
            loop {
                let end = self.next_end();
                tokio::select! {
                    id = receiver.recv() => return Some((id.map_err(|e| RuntimeError::Other(e.to_string())), receiver)),
                    // The end of the next container, or a while in which another one may have been started.
                    () = sleep(end.map_or(START, |at| at.saturating_duration_since(Instant::now()).min(START))) => self.settle(),
                }
            }
        })
        .boxed_local()
    }

    fn logs(&self, id: &ContainerId, _: &LogOptions) -> LocalBoxStream<'_, Result<LogLine, RuntimeError>> {
        let lines = self.held(id, |held| held.labels.get("sim.log").cloned()).ok().flatten();
        let text = lines.unwrap_or_default();
        let lines: Vec<_> =
            text.lines().map(|line| Ok(LogLine { error: false, text: line.to_owned() })).collect();
        futures_util::stream::iter(lines).boxed_local()
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageId>, RuntimeError> {
        self.takes(CALL).await;
        let known = self.state.borrow().images.contains(reference);
        Ok(known.then(|| ImageId(format!("sha256:{reference}"))))
    }

    async fn pull(&self, reference: &str, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.takes(Duration::from_secs(1)).await;
        if reference.contains("missing") {
            let cause = "no such host".to_owned();
            return Err(RuntimeError::NoRegistry { reference: reference.to_owned(), cause });
        }
        progress("pulled".to_owned());
        self.change(|memory| memory.images.insert(reference.to_owned()));
        Ok(())
    }

    async fn build(&self, order: BuildOrder, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.takes(Duration::from_secs(1)).await;
        progress("built".to_owned());
        self.change(|memory| memory.images.insert(order.tag));
        Ok(())
    }

    async fn import(&self, order: ImportOrder) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.images.insert(order.tag));
        Ok(())
    }

    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.images.remove(reference));
        Ok(())
    }
}
