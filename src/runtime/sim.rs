//! A container engine that exists only in memory, on tokio's clock: with the clock paused a run takes no real time and its
//! times are the same on every machine. Tests use it, and the hidden `--runtime sim[:FILE[:FAULT…]]`, which keeps the state in a
//! file from one command to the next. One contract suite holds it to what the real engine does.
//!
//! What a service does is told by its labels: `sim.create` and `sim.start` (an error's text), `sim.ready_ms`, `sim.flap_ms` (a
//! temporary server answers its test that long, on no port, before the lasting one comes), `sim.exit` and `sim.exit_ms` (a
//! job's end, or a service's death), `sim.log` (what it prints), `sim.oom` (an end with code 137 is for lack of memory), `sim.test` and `sim.test_ms` (what its health test prints, and how
//! long it takes), `sim.exec.…` (see `shell`).
//!
//! Faults of the engine: `die=K` kills the whole program at the call after the K-th, `hang=K` never answers one after the K-th,
//! `held=PORT` has a process on that port, `full=K` has no space after the K-th, `lingers=MS` has networks in use so long after
//! their containers, `deaf` never tells of an end, `old` speaks an API that is too old, `skew=MS` has a clock that is ahead, `chaos=SEED` is everything else that `Faults` knows.

mod archive;
mod ends;
mod faults;
mod memory;
mod operate;
mod placement;
mod refusals;
mod shell;
mod streams;
mod survey;
mod volumes;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Notify, broadcast};
use tokio::time::{Instant, sleep};

pub use self::faults::{Deed, Draw, Faults};
use self::memory::{Held, Memory};
use super::{
    BuildOrder, CreateOrder, ExecOrder, ExecOutcome, ImportOrder, LogLine, LogOptions, Runtime, RuntimeError,
    empty_binds,
};
use crate::definition::model::{Definition, Network, Service, Volume};
use crate::world::{ContainerId, End, EngineInfo, ImageId, World};

/// What the engine takes for a call; the measured cost of the real one, rounded.
pub const CALL: Duration = Duration::from_millis(2);
/// See [`CALL`].
pub const CREATE: Duration = Duration::from_millis(30);
/// See [`CALL`].
pub const START: Duration = Duration::from_millis(200);
const EXEC: Duration = Duration::from_millis(40);

/// The double.
#[derive(Debug)]
pub struct Simulated {
    state: RefCell<Memory>,
    /// Project and container.
    exits: broadcast::Sender<(String, ContainerId)>,
    file: Option<PathBuf>,
    calls: Cell<u64>,
    creates: Cell<u64>,
    faults: Faults,
    draw: Draw,
    /// Until when the engine does not answer.
    away: Cell<Option<Instant>>,
    /// Until when networks are still in use by what is gone.
    lingers_until: Cell<Option<Instant>>,
    busy: Cell<usize>,
    busiest: Cell<usize>,
    begun: Notify,
    journal: RefCell<Vec<Deed>>,
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
        Self {
            state: RefCell::default(),
            exits,
            file: None,
            calls: Cell::new(0),
            creates: Cell::new(0),
            draw: Draw::new(faults.seed),
            faults,
            away: Cell::new(None),
            lingers_until: Cell::new(None),
            busy: Cell::new(0),
            busiest: Cell::new(0),
            begun: Notify::new(),
            journal: RefCell::default(),
        }
    }

    /// The same engine, from now on with other faults.
    #[must_use]
    pub fn then(self, faults: Faults) -> Self {
        Self { state: self.state, file: self.file, ..Self::with(faults) }
    }

    /// An engine as the command line names it: nothing, or `:FILE` with its state, then perhaps faults such as `:die=K` or
    /// `:chaos=SEED`. An absent or unreadable file is an empty engine.
    pub fn named(words: &str) -> Self {
        let mut faults = Faults::default();
        let mut file = words.strip_prefix(':').unwrap_or_default();
        while let Some((rest, word)) = file.rsplit_once(':') {
            let Some(worse) = faults.clone().named(word) else { break };
            faults = worse;
            file = rest;
        }
        let engine = Self::with(faults);
        if file.is_empty() { engine } else { engine.in_file(PathBuf::from(file)) }
    }

    /// What the engine did since it was made or given other faults, in order.
    pub fn journal(&self) -> Vec<Deed> {
        self.journal.borrow().clone()
    }

    /// How many containers were being made or started at once, at most.
    pub fn busiest(&self) -> usize {
        self.busiest.get()
    }

    /// A container of another project under this name.
    pub fn occupy(&self, name: &str) {
        self.change(|memory| memory.occupy(name));
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

    /// What every call begins with: it takes its time, and may not be answered.
    async fn takes(&self, time: Duration) -> Result<(), RuntimeError> {
        if self.faults.die_after == Some(self.calls.get()) {
            // As `kill -9` does it: nothing is tidied up, no destructor runs.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        if let Some((_, away)) = self.faults.restart.filter(|(call, _)| *call == self.calls.get()) {
            let back = Instant::now() + away;
            self.away.set(Some(back));
            self.change(|memory| memory.crash(back));
        }
        self.calls.set(self.calls.get() + 1);
        if self.hangs() {
            std::future::pending::<()>().await;
        }
        sleep(time * (1 + self.draw.below(self.faults.slow.max(1)))).await;
        if self.is_away() {
            let cause = "connection refused".to_owned();
            return Err(RuntimeError::Unreachable { host: "the simulated engine".to_owned(), cause });
        }
        self.settle();
        Ok(())
    }

    /// Whether the engine is being restarted.
    fn is_away(&self) -> bool {
        self.away.get().is_some_and(|back| Instant::now() < back)
    }

    fn write_down(&self, deed: Option<Deed>) {
        self.journal.borrow_mut().extend(deed);
    }

    /// Takes the time of a step that holds a slot.
    async fn takes_slot(&self, time: Duration) -> Result<(), RuntimeError> {
        self.busy.set(self.busy.get() + 1);
        self.busiest.set(self.busiest.get().max(self.busy.get()));
        let took = self.takes(time).await;
        self.busy.set(self.busy.get() - 1);
        took
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
        self.takes(CALL).await?;
        let text = |s: &str| s.to_owned();
        Ok(EngineInfo {
            version: text("simulated"),
            api_version: text("1.41"),
            architecture: text("none"),
            operating_system: text("none"),
        })
    }

    async fn observe(&self, definition: &Definition) -> Result<World, RuntimeError> {
        self.takes(CALL).await?;
        let state = self.state.borrow();
        let ours = |owner: &String| *owner == definition.project;
        let image = |service: &Service| {
            Some((service.image.clone(), ImageId(state.images.get(&service.image)?.clone())))
        };
        Ok(World {
            containers: state
                .containers
                .iter()
                .filter(|(_, held)| ours(&held.project) && !held.facts.one_off)
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
        self.takes(CALL).await?;
        self.change(|memory| memory.networks.insert(network.name.clone(), project.to_owned()));
        Ok(())
    }

    async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.change(|memory| {
            let joined = |held: &Held| held.running && held.networks.iter().any(|n| n == name);
            if memory.containers.values().any(joined) || self.lingers() {
                return Err(RuntimeError::Other("it has active endpoints".to_owned()));
            }
            memory.networks.remove(name);
            Ok(())
        })
    }

    async fn create_volume(&self, project: &str, _: &str, volume: &Volume) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.change(|memory| memory.keep_volume(project, volume));
        Ok(())
    }

    async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.change(|memory| {
            if memory.containers.values().any(|held| held.volumes.iter().any(|v| v == name)) {
                return Err(RuntimeError::Conflict(format!("volume {name} is in use")));
            }
            memory.forget_volume(name);
            Ok(())
        })
    }

    async fn create(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<ContainerId, RuntimeError> {
        self.takes_slot(CREATE).await?;
        self.refuses_create(service)?;
        let made = self.change(|memory| {
            if !memory.images.values().any(|id| *id == order.image.0) {
                return Err(RuntimeError::NotFound(format!("no such image: {}", order.image.0)));
            }
            if memory.containers.values().any(|held| held.name == order.name) {
                return Err(RuntimeError::Conflict(format!("the container name {} is in use", order.name)));
            }
            Ok(memory.add(definition, service, order))
        })?;
        self.write_down(Some(Deed::Made(order.name.clone())));
        let number = self.creates.get();
        self.creates.set(number + 1);
        if self.faults.unanswered_create == Some(number) {
            return Err(RuntimeError::TimedOut(CREATE));
        }
        Ok(made)
    }

    async fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes_slot(START).await?;
        let name = self.change(|memory| {
            let held = memory.containers.get(&id.0).ok_or_else(|| no_such(id))?;
            if held.running {
                return Ok(None);
            }
            if let Some(error) = held.labels.get("sim.start") {
                return Err(RuntimeError::Other(error.clone()));
            }
            if let Some(&port) = held.ports.iter().find(|port| memory.publisher(**port).is_some()) {
                return Err(RuntimeError::PortInUse { port });
            }
            let name = held.name.clone();
            memory.containers.entry(id.0.clone()).and_modify(|held| held.begin(Instant::now()));
            memory.write_volumes(id);
            Ok(Some(name))
        })?;
        self.write_down(name.map(Deed::Started));
        self.begun.notify_waiters();
        Ok(())
    }

    async fn stop(&self, id: &ContainerId, _: Option<Duration>) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        let running = |held: &mut Held| {
            let name = held.running.then(|| held.name.clone());
            held.stop();
            name
        };
        let name = self.change(|memory| memory.containers.get_mut(&id.0).and_then(running));
        self.write_down(name.map(Deed::Stopped));
        Ok(())
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        let taken =
            self.state.borrow().containers.iter().any(|(other, held)| *other != id.0 && held.name == name);
        if taken {
            return Err(RuntimeError::Conflict(format!("the container name {name} is in use")));
        }
        self.held(id, |held| name.clone_into(&mut held.name))
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        let removed = self.change(|memory| memory.containers.remove(&id.0));
        self.write_down(removed.map(|held| Deed::Removed(held.name)));
        Ok(())
    }

    async fn ended(&self, id: &ContainerId) -> Result<Option<End>, RuntimeError> {
        self.takes(CALL).await?;
        self.held(id, |held| held.last_end())
    }

    async fn running(&self, project: &str) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        self.takes(CALL).await?;
        let state = self.state.borrow();
        let runs = state.containers.iter().filter(|(_, held)| held.project == project && held.running);
        Ok(runs.map(|(id, _)| ContainerId(id.clone())).collect())
    }

    async fn exec(
        &self,
        id: &ContainerId,
        order: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError> {
        let took = self.held(id, |held| held.number("sim.test_ms"))?.map_or(EXEC, Duration::from_millis);
        self.takes(took.min(limit)).await?;
        if took > limit {
            return Err(RuntimeError::TimedOut(limit));
        }
        self.held(id, |held| {
            if !held.running {
                return Err(RuntimeError::Conflict(format!("container {} is not running", id.0)));
            }
            if let Some(told) = shell::told(&held.labels, &order.argv) {
                return Ok(told);
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
        // A published port does not go through the engine's socket, and its proxy goes away with it.
        self.takes(CALL).await.is_ok() && self.state.borrow().publisher(port).is_some_and(Held::listens)
    }

    fn is_bound(&self, _: &str, port: u16) -> bool {
        self.state.borrow().publisher(port).is_some() || self.faults.held_port == Some(port)
    }

    async fn publisher(&self, port: u16) -> Result<Option<String>, RuntimeError> {
        self.takes(CALL).await?;
        Ok(self.state.borrow().publisher(port).map(|held| held.name.clone()))
    }

    fn exits(&self, project: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>> {
        self.ends(project)
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
        self.takes(CALL).await?;
        Ok(self.state.borrow().images.get(reference).cloned().map(ImageId))
    }

    async fn pull(&self, reference: &str, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.takes(Duration::from_secs(1)).await?;
        refusals::of_registry(reference)?;
        progress("pulled".to_owned());
        self.change(|memory| memory.images.insert(reference.to_owned(), image_id(reference.as_bytes())));
        Ok(())
    }

    async fn build(&self, order: BuildOrder, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.takes(Duration::from_secs(1)).await?;
        progress("built".to_owned());
        let arguments = format!("{:?}{:?}{:?}", order.args, order.labels, order.target);
        let id = image_id(&[&order.context[..], arguments.as_bytes()].concat());
        self.change(|memory| memory.images.insert(order.tag, id));
        Ok(())
    }

    async fn import(&self, order: ImportOrder) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        let id = image_id(&std::fs::read(&order.tar).unwrap_or_default());
        self.change(|memory| memory.images.insert(order.tag, id));
        Ok(())
    }

    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.change(|memory| memory.images.remove(reference));
        Ok(())
    }
}
