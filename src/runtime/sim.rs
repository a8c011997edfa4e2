//! A container engine that exists only in memory, on tokio's clock: with the clock paused a run takes no real time and its
//! times are the same on every machine. Tests use it, and the hidden `--runtime sim[:FILE[:FAULT…]]`, which keeps the state in a
//! file from one command to the next. One contract suite holds it to what the real engine does.
//!
//! What a service does is told by its labels: `sim.create` and `sim.start` (an error's text), `sim.ready_ms`, `sim.flap_ms` (a
//! temporary server answers its test that long, on no port, before the lasting one comes), `sim.exit` and `sim.exit_ms` (a
//! job's end, or a service's death), `sim.log` (what it prints), `sim.test` and `sim.test_ms` (what its health test prints, and how
//! long it takes).
//!
//! Faults of the engine: `die=K` kills the whole program at the call after the K-th, `hang=K` never answers one after the K-th,
//! `deaf` never tells of an end.

mod archive;
mod memory;
mod operate;
mod shell;
mod streams;
mod survey;

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;
use sha2::{Digest as _, Sha256};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use self::memory::{Held, Memory};
use super::{
    BuildOrder, CreateOrder, ExecOrder, ExecOutcome, ImportOrder, LogLine, LogOptions, Runtime, RuntimeError,
    empty_binds,
};
use crate::definition::model::{Definition, Network, Service, Volume};
use crate::world::{ContainerId, EngineInfo, Exit, ImageId, World};

/// What the engine takes for a call; the measured cost of the real one, rounded.
const CALL: Duration = Duration::from_millis(2);
const CREATE: Duration = Duration::from_millis(30);
const START: Duration = Duration::from_millis(200);
const EXEC: Duration = Duration::from_millis(40);

/// The double.
#[derive(Debug)]
pub struct Simulated {
    state: RefCell<Memory>,
    /// Project and container.
    exits: broadcast::Sender<(String, ContainerId)>,
    file: Option<PathBuf>,
    calls: Cell<u64>,
    faults: Faults,
}

/// What is wrong with the engine, or happens to the program that uses it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// The program is killed at the call after this many.
    pub die_after: Option<u64>,
    /// Calls after this many are never answered.
    pub hang_after: Option<u64>,
    /// The stream of ends ends at once, always.
    pub deaf: bool,
}

impl Default for Simulated {
    fn default() -> Self {
        Self::with(Faults::default())
    }
}

impl Simulated {
    /// An empty engine with faults.
    pub fn with(faults: Faults) -> Self {
        let (exits, _) = broadcast::channel(1_024);
        Self { state: RefCell::default(), exits, file: None, calls: Cell::new(0), faults }
    }

    /// An engine as the command line names it: nothing, or `:FILE` with its state, then perhaps `:die=K` or `:deaf`. An absent
    /// or unreadable file is an empty engine.
    pub fn named(words: &str) -> Self {
        let mut faults = Faults::default();
        let mut file = words.strip_prefix(':').unwrap_or_default();
        while let Some((rest, fault)) = file.rsplit_once(':') {
            match fault.split_once('=') {
                Some(("die", calls)) => faults.die_after = calls.parse().ok(),
                Some(("hang", calls)) => faults.hang_after = calls.parse().ok(),
                None if fault == "deaf" => faults.deaf = true,
                _ => break,
            }
            file = rest;
        }
        let engine = Self::with(faults);
        if file.is_empty() { engine } else { engine.in_file(PathBuf::from(file)) }
    }

    fn in_file(self, file: PathBuf) -> Self {
        let memory = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut memory: Memory = memory.unwrap_or_default();
        memory.revive();
        Self { state: RefCell::new(memory), file: Some(file), ..self }
    }

    /// How many calls were made: a test's measure of where in a run it is.
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }

    async fn takes(&self, time: Duration) {
        if self.faults.die_after == Some(self.calls.get()) {
            // As `kill -9` does it: nothing is tidied up, no destructor runs.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        self.calls.set(self.calls.get() + 1);
        if self.hangs() {
            std::future::pending::<()>().await;
        }
        sleep(time).await;
        self.settle();
    }

    fn hangs(&self) -> bool {
        self.faults.hang_after.is_some_and(|calls| self.calls.get() > calls)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Memory) -> T) -> T {
        let result = change(&mut self.state.borrow_mut());
        if let Some(file) = &self.file {
            self.state.borrow_mut().keep_time();
            let bytes = serde_json::to_vec_pretty(&*self.state.borrow()).unwrap_or_default();
            // The double's state is not worth an error path of its own: a test sees it missing.
            let _ = std::fs::write(file, bytes);
        }
        result
    }

    fn held<T>(&self, id: &ContainerId, look: impl FnOnce(&mut Held) -> T) -> Result<T, RuntimeError> {
        self.change(|memory| memory.containers.get_mut(&id.0).map(look)).ok_or_else(|| no_such(id))
    }

    /// Lets time pass inside the engine, and tells of ends.
    fn settle(&self) {
        let due = self.state.borrow().next_change().is_some_and(|at| at <= Instant::now());
        if due {
            for end in self.change(Memory::settle) {
                // Nobody listening is no error: an end is also found by looking.
                let _ = self.exits.send(end);
            }
        }
    }
}

fn no_such(id: &ContainerId) -> RuntimeError {
    RuntimeError::NotFound(format!("no such container: {}", id.0))
}

/// The same content has the same identifier.
fn image_id(content: &[u8]) -> String {
    Sha256::digest(content).iter().fold("sha256:".to_owned(), |id, byte| format!("{id}{byte:02x}"))
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
        let state = self.state.borrow();
        let ours = |owner: &String| *owner == definition.project;
        let image = |service: &Service| {
            Some((service.image.clone(), ImageId(state.images.get(&service.image)?.clone())))
        };
        Ok(World {
            containers: state
                .containers
                .iter()
                .filter(|(_, held)| ours(&held.project))
                .map(|(id, held)| held.observed(id))
                .collect(),
            networks: state
                .networks
                .iter()
                .filter(|(name, owner)| ours(owner) || definition.networks.values().any(|n| n.name == **name))
                .map(|(name, _)| name.clone())
                .collect(),
            volumes: state
                .volumes
                .iter()
                .filter(|(name, owner)| ours(owner) || definition.volumes.values().any(|v| v.name == **name))
                .map(|(name, _)| name.clone())
                .collect(),
            images: definition.services.values().filter_map(image).collect(),
            empty_binds: empty_binds(definition),
        })
    }

    async fn create_network(&self, project: &str, _: &str, network: &Network) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.networks.insert(network.name.clone(), project.to_owned()));
        Ok(())
    }

    async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| {
            let joined = |held: &Held| held.running && held.networks.iter().any(|n| n == name);
            if memory.containers.values().any(joined) {
                return Err(RuntimeError::Other(format!("network {name} has active endpoints")));
            }
            memory.networks.remove(name);
            Ok(())
        })
    }

    async fn create_volume(&self, project: &str, _: &str, volume: &Volume) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| {
            memory.volumes.entry(volume.name.clone()).or_insert_with(|| project.to_owned());
        });
        Ok(())
    }

    async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| {
            if memory.containers.values().any(|held| held.volumes.iter().any(|v| v == name)) {
                return Err(RuntimeError::Conflict(format!("volume {name} is in use")));
            }
            memory.volumes.remove(name);
            Ok(())
        })
    }

    async fn create(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<ContainerId, RuntimeError> {
        self.takes(CREATE).await;
        if let Some(error) = service.labels.get("sim.create") {
            return Err(RuntimeError::Other(error.clone()));
        }
        self.change(|memory| {
            if !memory.images.values().any(|id| *id == order.image.0) {
                return Err(RuntimeError::NotFound(format!("no such image: {}", order.image.0)));
            }
            if memory.containers.values().any(|held| held.name == order.name) {
                return Err(RuntimeError::Conflict(format!("the container name {} is in use", order.name)));
            }
            Ok(memory.add(definition, service, order))
        })
    }

    async fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(START).await;
        self.change(|memory| {
            let held = memory.containers.get(&id.0).ok_or_else(|| no_such(id))?;
            if held.running {
                return Ok(());
            }
            if let Some(error) = held.labels.get("sim.start") {
                return Err(RuntimeError::Other(error.clone()));
            }
            if let Some(&port) = held.ports.iter().find(|port| memory.publisher(**port).is_some()) {
                return Err(RuntimeError::PortInUse { port });
            }
            memory.containers.entry(id.0.clone()).and_modify(|held| held.begin(Instant::now()));
            Ok(())
        })
    }

    async fn stop(&self, id: &ContainerId, _: Option<Duration>) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.containers.get_mut(&id.0).map(Held::stop));
        Ok(())
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        let taken =
            self.state.borrow().containers.iter().any(|(other, held)| *other != id.0 && held.name == name);
        if taken {
            return Err(RuntimeError::Conflict(format!("the container name {name} is in use")));
        }
        self.held(id, |held| name.clone_into(&mut held.name))
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.containers.remove(&id.0));
        Ok(())
    }

    async fn ended(&self, id: &ContainerId) -> Result<Option<Exit>, RuntimeError> {
        self.takes(CALL).await;
        self.held(id, |held| held.exit())
    }

    async fn exec(
        &self,
        id: &ContainerId,
        _: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError> {
        let took = self.held(id, |held| held.number("sim.test_ms"))?.map_or(EXEC, Duration::from_millis);
        self.takes(took.min(limit)).await;
        if took > limit {
            return Err(RuntimeError::TimedOut(limit));
        }
        self.held(id, |held| {
            if !held.running {
                return Err(RuntimeError::Conflict(format!("container {} is not running", id.0)));
            }
            let output = held.labels.get("sim.test").cloned().unwrap_or_default();
            Ok(ExecOutcome { code: i64::from(!held.answers()), output })
        })?
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
        self.state.borrow().publisher(port).is_some_and(Held::listens)
    }

    fn is_bound(&self, _: &str, port: u16) -> bool {
        self.state.borrow().publisher(port).is_some()
    }

    async fn publisher(&self, port: u16) -> Result<Option<String>, RuntimeError> {
        self.takes(CALL).await;
        Ok(self.state.borrow().publisher(port).map(|held| held.name.clone()))
    }

    fn exits(&self, project: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>> {
        if self.faults.deaf {
            return futures_util::stream::empty().boxed_local();
        }
        let start = (self.exits.subscribe(), project.to_owned());
        futures_util::stream::unfold(start, async |(mut receiver, project)| {
            loop {
                let next = self.state.borrow().next_change();
                // The next end, or a while in which another container may have been started.
                let wait = next.map_or(START, |at| at.saturating_duration_since(Instant::now()).min(START));
                tokio::select! {
                    end = receiver.recv() => match end {
                        Ok((owner, id)) if owner == project => return Some((Ok(id), (receiver, project))),
                        Ok(_) => {}
                        Err(e) => return Some((Err(RuntimeError::Other(e.to_string())), (receiver, project))),
                    },
                    // Time stands still in an engine that hangs: the clock must not run away from the program's signals.
                    () = sleep(wait), if !self.hangs() => self.settle(),
                }
            }
        })
        .boxed_local()
    }

    fn logs(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> LocalBoxStream<'_, Result<LogLine, RuntimeError>> {
        let text = self.held(id, |held| held.labels.get("sim.log").cloned().unwrap_or_default());
        let lines: Vec<_> = match text {
            Ok(text) => {
                let lines = text.lines().map(|line| Ok(LogLine { error: false, text: line.to_owned() }));
                let lines: Vec<_> = lines.collect();
                let tail = options.tail.map_or(lines.len(), |tail| tail as usize);
                lines.into_iter().rev().take(tail).rev().collect()
            }
            Err(e) => vec![Err(e)],
        };
        futures_util::stream::iter(lines).boxed_local()
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageId>, RuntimeError> {
        self.takes(CALL).await;
        Ok(self.state.borrow().images.get(reference).cloned().map(ImageId))
    }

    async fn pull(&self, reference: &str, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.takes(Duration::from_secs(1)).await;
        if reference.contains("missing") {
            let cause = "no such host".to_owned();
            return Err(RuntimeError::NoRegistry { reference: reference.to_owned(), cause });
        }
        progress("pulled".to_owned());
        self.change(|memory| memory.images.insert(reference.to_owned(), image_id(reference.as_bytes())));
        Ok(())
    }

    async fn build(&self, order: BuildOrder, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.takes(Duration::from_secs(1)).await;
        progress("built".to_owned());
        let arguments = format!("{:?}{:?}{:?}", order.args, order.labels, order.target);
        let id = image_id(&[&order.context[..], arguments.as_bytes()].concat());
        self.change(|memory| memory.images.insert(order.tag, id));
        Ok(())
    }

    async fn import(&self, order: ImportOrder) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        let id = image_id(&std::fs::read(&order.tar).unwrap_or_default());
        self.change(|memory| memory.images.insert(order.tag, id));
        Ok(())
    }

    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await;
        self.change(|memory| memory.images.remove(reference));
        Ok(())
    }
}
