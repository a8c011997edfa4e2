//! What the simulated engine holds, and how a container's life goes on by itself: when it answers, when it ends, when it is
//! started again. Knows the clock, makes no calls.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::operate::USER;
use super::placement::Given;
use super::volumes::Content;
use crate::definition::model::{
    Definition, HealthTest, MountSource, Namespace, Restart, Service, ServiceName,
};
use crate::definition::render::{self, digests};
use crate::runtime::CreateOrder;
use crate::world::machine::Owner;
use crate::world::{ASIDE, Container, ContainerId, End, Exit, Health, ImageId, State};

/// Before a container that ended is started again the first time; doubled each time, as the real engine does it.
const BACK_OFF: Duration = Duration::from_millis(100);
/// A temporary server's place is empty for so long before the lasting one is there.
const AWAY_MS: u64 = 1_000;

/// All that the engine holds. Times do not survive the program: in the next one what ran is ready, and what was to end begins
/// anew.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    next: u64,
    /// What the clock of the program that wrote this had come to.
    #[serde(default)]
    clock_ms: u64,
    #[serde(skip)]
    epoch: Option<Epoch>,
    /// Name → the project it is labelled with.
    pub(super) networks: BTreeMap<String, String>,
    pub(super) volumes: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) contents: BTreeMap<String, Content>,
    /// Reference → identifier.
    pub(super) images: BTreeMap<String, String>,
    pub(super) containers: BTreeMap<String, Held>,
}

/// One container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Held {
    pub(super) project: String,
    pub(super) name: String,
    pub(super) service: String,
    number: u32,
    config_hash: String,
    fields: BTreeMap<String, String>,
    pub(super) image: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) ports: Vec<u16>,
    pub(super) networks: Vec<String>,
    pub(super) volumes: Vec<String>,
    restart: Policy,
    pub(super) running: bool,
    exit: Option<i64>,
    deaths: u32,
    /// It ended, and the engine will start it again.
    restarting: bool,
    #[serde(skip)]
    started: Option<Instant>,
    /// When the engine starts it again.
    #[serde(skip)]
    resumes: Option<Instant>,
    #[serde(default)]
    pub(super) facts: Facts,
}

/// What only the commands that look at and handle containers ask about.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Facts {
    pub(super) reference: String,
    pub(super) argv: Vec<String>,
    pub(super) one_off: bool,
    pub(super) terms: Connection,
    pub(super) paused: bool,
    /// Container port, published port, address.
    pub(super) bindings: Vec<(u16, u16, String)>,
    pub(super) created_ms: u64,
    pub(super) started_ms: Option<u64>,
    pub(super) finished_ms: Option<u64>,
    /// Rights and limits in the engine's words.
    pub(super) host: Value,
    /// Of folders of the host.
    pub(super) mounts: Value,
    /// User and health test.
    pub(super) config: Value,
    pub(super) given: Given,
    /// How often it has ended.
    ends: u64,
    #[serde(skip)]
    pub(super) epoch: Option<Epoch>,
}

/// How a one-off container is connected to.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Connection {
    pub(super) terminal: bool,
    pub(super) remove: bool,
}

/// Where the program's clock stands on the engine's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Epoch {
    at: Instant,
    ms: u64,
}

impl Epoch {
    pub(super) fn ms(self, at: Instant) -> u64 {
        self.ms + u64::try_from(at.saturating_duration_since(self.at).as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whom the engine starts again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Policy {
    Never,
    Always,
    OnFailure,
}

impl Memory {
    /// After loading: a life that was to end begins anew.
    pub(super) fn revive(&mut self) {
        let epoch = self.epoch();
        for held in self.containers.values_mut() {
            held.facts.epoch = Some(epoch);
            held.started =
                Some(Instant::now()).filter(|_| held.running && held.labels.contains_key("sim.exit"));
            held.resumes = Some(Instant::now() + BACK_OFF).filter(|_| held.restarting);
        }
    }

    /// The engine's clock goes on from one program to the next.
    fn epoch(&mut self) -> Epoch {
        let ms = self.clock_ms;
        *self.epoch.get_or_insert_with(|| Epoch { at: Instant::now(), ms })
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.epoch.map_or(self.clock_ms, |epoch| epoch.ms(Instant::now()))
    }

    /// Before it is written to its file.
    pub(super) fn keep_time(&mut self) {
        let epoch = self.epoch();
        self.clock_ms = epoch.ms(Instant::now());
        self.epoch = Some(Epoch { at: Instant::now(), ms: self.clock_ms });
        for held in self.containers.values_mut() {
            held.facts.epoch = self.epoch;
        }
    }

    pub(super) fn add(
        &mut self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> ContainerId {
        self.next += 1;
        let id = format!("{:012}", self.next);
        let epoch = self.epoch();
        let mut held = Held::new(definition, service, order);
        if let Cow::Owned(beside) = render::beside(service, &|name| self.first(definition, name)) {
            held.config_hash = render::config_hash(&beside);
        }
        held.facts.epoch = Some(epoch);
        held.facts.created_ms = epoch.ms(Instant::now());
        held.facts.reference.clone_from(&service.image);
        self.containers.insert(id.clone(), held);
        ContainerId(id)
    }

    /// Lets every container come as far as the clock has. The ends, in order, each with its project.
    pub(super) fn settle(&mut self) -> Vec<(String, ContainerId)> {
        let mut ends = Vec::new();
        for (id, held) in &mut self.containers {
            while let Some(at) = held.next_change().filter(|at| *at <= Instant::now()) {
                if held.running {
                    held.end(at);
                    ends.push((at, held.project.clone(), ContainerId(id.clone())));
                } else {
                    held.begin(at);
                }
            }
        }
        ends.sort();
        ends.into_iter().map(|(_, project, id)| (project, id)).collect()
    }

    /// The engine goes away and takes along what runs; what has a restart policy comes back with it.
    pub(super) fn crash(&mut self, back: Instant) {
        for held in self.containers.values_mut().filter(|held| held.running) {
            held.die(137, back);
        }
    }

    /// A stopped container of someone else.
    pub(super) fn occupy(&mut self, name: &str) {
        self.next += 1;
        let held = Held {
            project: "someone-else".to_owned(),
            name: name.to_owned(),
            service: "theirs".to_owned(),
            number: 1,
            config_hash: String::new(),
            fields: BTreeMap::new(),
            image: String::new(),
            labels: BTreeMap::new(),
            ports: Vec::new(),
            networks: Vec::new(),
            volumes: Vec::new(),
            restart: Policy::Never,
            running: false,
            exit: Some(0),
            deaths: 0,
            restarting: false,
            started: None,
            resumes: None,
            facts: Facts::default(),
        };
        self.containers.insert(format!("{:012}", self.next), held);
    }

    pub(super) fn next_change(&self) -> Option<Instant> {
        self.containers.values().filter_map(Held::next_change).min()
    }

    /// The running container of any project that publishes a port.
    pub(super) fn publisher(&self, port: u16) -> Option<&Held> {
        self.containers.values().find(|held| held.running && held.ports.contains(&port))
    }
}

impl Facts {
    fn of(definition: &Definition, service: &Service) -> Self {
        let bindings = service.ports.iter().filter_map(|port| {
            Some((port.target, port.published?, port.host_ip.clone().unwrap_or_default()))
        });
        Self {
            argv: service.command.clone().unwrap_or_default(),
            bindings: bindings.collect(),
            host: host(service),
            mounts: mounts(service),
            config: json!({
                "User": service.user.as_deref().unwrap_or(USER),
                "Healthcheck": service.healthcheck.as_ref().map(|check| match &check.test {
                    HealthTest::Disabled => json!({"Test": ["NONE"]}),
                    _ => json!({"Test": ["CMD", "true"]}),
                }),
            }),
            given: Given::of(definition, service),
            ..Self::default()
        }
    }
}

/// What a container was given, as the real engine tells it.
fn host(service: &Service) -> Value {
    let mut ports: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for port in &service.ports {
        let binding =
            json!({"HostIp": port.host_ip, "HostPort": port.published.map(|number| number.to_string())});
        ports.entry(format!("{}/{}", port.target, port.protocol.as_str())).or_default().push(binding);
    }
    let limits = service.limits();
    let namespace = |own: &Option<Namespace>| own.as_ref().map(ToString::to_string).unwrap_or_default();
    let logging = service.logging.clone().unwrap_or_default();
    let restart = match service.restart_policy() {
        Restart::No => "no",
        Restart::Always => "always",
        Restart::UnlessStopped => "unless-stopped",
        Restart::OnFailure { .. } => "on-failure",
    };
    json!({
        "Privileged": service.privileged,
        "CapAdd": service.cap_add,
        "CapDrop": service.cap_drop,
        "SecurityOpt": service.security_opt,
        "ReadonlyRootfs": service.read_only,
        "NetworkMode": namespace(&service.network_mode),
        "PidMode": namespace(&service.pid),
        "IpcMode": namespace(&service.ipc),
        "Memory": limits.memory.unwrap_or_default(),
        "NanoCpus": limits.nano_cpus.unwrap_or_default(),
        "PidsLimit": limits.pids.unwrap_or_default(),
        "PortBindings": ports,
        "RestartPolicy": {"Name": restart},
        "LogConfig": {"Type": logging.driver.as_deref().unwrap_or("json-file"), "Config": logging.options},
    })
}

fn mounts(service: &Service) -> Value {
    let binds = service.mounts.iter().filter_map(|mount| match &mount.source {
        MountSource::Bind(path) => {
            Some(json!({"Type": "bind", "Source": path, "Destination": mount.target, "RW": !mount.read_only}))
        }
        _ => None,
    });
    binds.collect()
}

impl Memory {
    /// The newest first container of a service, as Docker's side looks for it.
    fn first(&self, definition: &Definition, service: &ServiceName) -> Option<String> {
        let own = |held: &Held| {
            held.project == definition.project && held.service == service.as_str() && held.number == 1
        };
        let found = self.containers.iter().filter(|(_, held)| own(held) && !held.facts.one_off);
        found.map(|(id, _)| id.clone()).next_back()
    }
}

impl Held {
    fn new(definition: &Definition, service: &Service, order: &CreateOrder<'_>) -> Self {
        let networks = service.networks.keys().filter_map(|key| definition.networks.get(key));
        let volumes = service.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(key) => definition.volumes.get(key),
            _ => None,
        });
        Self {
            project: definition.project.clone(),
            name: order.name.clone(),
            service: service.name.to_string(),
            number: order.number,
            config_hash: order.plan.config_hash.clone(),
            fields: digests(service),
            image: order.image.0.clone(),
            labels: service.labels.clone(),
            ports: service.ports.iter().filter_map(|port| port.published).collect(),
            networks: networks.map(|network| network.name.clone()).collect(),
            volumes: volumes.map(|volume| volume.name.clone()).collect(),
            restart: match service.restart_policy() {
                Restart::No => Policy::Never,
                Restart::Always | Restart::UnlessStopped => Policy::Always,
                Restart::OnFailure { .. } => Policy::OnFailure,
            },
            running: false,
            exit: None,
            deaths: 0,
            restarting: false,
            started: None,
            resumes: None,
            facts: Facts::of(definition, service),
        }
    }

    pub(super) fn owner(&self) -> Owner {
        Owner {
            container: self.name.clone(),
            project: Some(self.project.clone()),
            service: Some(self.service.clone()),
        }
    }

    pub(super) fn number(&self, key: &str) -> Option<u64> {
        self.labels.get(key)?.parse().ok()
    }

    pub(super) fn begin(&mut self, at: Instant) {
        self.facts.paused = false;
        self.facts.started_ms = self.facts.epoch.map(|epoch| epoch.ms(at));
        self.running = true;
        self.exit = None;
        self.started = Some(at);
        self.restarting = false;
        self.resumes = None;
    }

    fn end(&mut self, at: Instant) {
        let code = self.number("sim.exit").and_then(|code| i64::try_from(code).ok()).unwrap_or_default();
        self.die(code, at);
    }

    /// Ends not by someone's wish: the engine starts it again where its policy says so.
    fn die(&mut self, code: i64, at: Instant) {
        self.finish(code, at);
        let again = match self.restart {
            Policy::Never => false,
            Policy::Always => true,
            Policy::OnFailure => code != 0,
        };
        if again {
            self.restarting = true;
            self.resumes = Some(at + BACK_OFF * 2_u32.pow(self.deaths.min(9)));
            self.deaths += 1;
        }
    }

    /// Ended by someone's wish: it stays so.
    pub(super) fn stop(&mut self) {
        self.restarting = false;
        self.resumes = None;
        if self.running {
            self.finish(143, Instant::now());
        }
    }

    pub(super) fn finish(&mut self, code: i64, at: Instant) {
        self.running = false;
        self.facts.paused = false;
        self.facts.ends += 1;
        self.exit = Some(code);
        self.facts.finished_ms = self.facts.epoch.map(|epoch| epoch.ms(at));
    }

    pub(super) fn exit(&self) -> Option<Exit> {
        let killed = |code| code == 137 && self.labels.contains_key("sim.oom");
        self.exit.map(|code| Exit { code, out_of_memory: killed(code) })
    }

    pub(super) fn last_end(&self) -> Option<End> {
        self.exit().map(|exit| End { exit, mark: self.facts.ends.to_string() })
    }

    /// When it ends or is started again by itself.
    fn next_change(&self) -> Option<Instant> {
        if !self.running {
            return self.resumes;
        }
        if self.facts.paused {
            return None;
        }
        self.labels.get("sim.exit")?;
        Some(self.started? + Duration::from_millis(self.number("sim.exit_ms").unwrap_or_default()))
    }

    /// Whether its test succeeds now: of a temporary server too.
    pub(super) fn answers(&self) -> bool {
        let Some(ran) = self.ran_ms() else { return self.running };
        let ready = self.number("sim.ready_ms").unwrap_or_default();
        let temporary = self.number("sim.flap_ms").is_some_and(|flap| (ready..ready + flap).contains(&ran));
        temporary || self.listens()
    }

    /// Whether its ports accept connections: a temporary server opens none.
    pub(super) fn listens(&self) -> bool {
        let Some(ran) = self.ran_ms() else { return self.running };
        let ready = self.number("sim.ready_ms").unwrap_or_default();
        ran >= self.number("sim.flap_ms").map_or(ready, |flap| ready + flap + AWAY_MS)
    }

    /// How long it has run; `None` when it does not, or has since an earlier program.
    fn ran_ms(&self) -> Option<u64> {
        let started = self.started.filter(|_| self.running)?;
        Some(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn observed(&self, id: &str) -> Container {
        let state = match (self.running, self.exit()) {
            (true, _) if self.facts.paused => State::Paused,
            (true, _) => State::Running { health: self.answers().then_some(Health::Healthy) },
            (false, _) if self.restarting => State::Restarting,
            (false, Some(exit)) => State::Exited(exit),
            (false, None) => State::Created,
        };
        Container {
            id: ContainerId(id.to_owned()),
            name: self.name.clone(),
            service: ServiceName::new(self.service.as_str()),
            number: self.number,
            config_hash: self.config_hash.clone(),
            fields: self.fields.clone(),
            image: ImageId(self.image.clone()),
            state,
            aside: self.name.ends_with(ASIDE),
        }
    }
}
