//! The double, looked at and handled while it runs. More labels tell what a service does: `sim.cpu_percent`, `sim.memory` and
//! `sim.memory_limit` (bytes), `sim.log_ms` (between two of its lines; they come as it runs). A removed container is forgotten with
//! all that happened to it.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{self, BoxStream, LocalBoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, DuplexStream};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep};

use super::memory::{Connection, Held};
use super::shell::{self, Setting};
use super::{CALL, CREATE, EXEC, Simulated, archive};
use crate::definition::model::{Definition, Protocol, Service};
use crate::runtime::operate::{
    Attached, CommandOrder, Kind, Line, Operate, Piece, ProcessId, Terms, Until, Window,
};
use crate::runtime::{CreateOrder, RuntimeError};
use crate::world::live::{Binding, CpuLimit, Happening, ImageFacts, Listed, Processes, Usage};
use crate::world::time::Timestamp;
use crate::world::{ContainerId, ImageId};

/// 2026-01-01T00:00:00Z, when every simulated engine is set up.
const SET_UP: Timestamp = Timestamp(1_767_225_600_000_000_000);
/// Whom every image of the double runs as.
pub(super) const USER: &str = "app";
const CORES: u32 = 2;
const MACHINE_MEMORY: u64 = 4 * 1024 * 1024 * 1024;

/// The engine's clock as a time of day.
pub(super) fn at(ms: u64) -> Timestamp {
    SET_UP.after(Duration::from_millis(ms))
}

fn not_running(id: &ContainerId) -> RuntimeError {
    RuntimeError::Conflict(format!("container {} is not running", id.0))
}

impl Simulated {
    fn running<T>(&self, id: &ContainerId, look: impl FnOnce(&mut Held) -> T) -> Result<T, RuntimeError> {
        self.held(id, |held| held.running.then(|| look(held)))?.ok_or_else(|| not_running(id))
    }

    /// Waits until a look at a container tells something.
    pub(super) async fn until<T>(
        &self,
        id: &ContainerId,
        look: impl Fn(&mut Held) -> Option<T>,
    ) -> Result<T, RuntimeError> {
        loop {
            self.settle();
            if let Some(found) = self.held(id, &look)? {
                return Ok(found);
            }
            sleep(CALL).await;
        }
    }

    /// The process of a one-off container that copies its input ends with that.
    async fn copy(&self, id: Option<&ContainerId>, reader: &mut DuplexStream) -> Option<Bytes> {
        let mut buffer = vec![0; 4_096];
        let read = reader.read(&mut buffer).await.unwrap_or_default();
        if read > 0 {
            buffer.truncate(read);
            return Some(Bytes::from(buffer));
        }
        if let Some(id) = id {
            // One that was removed meanwhile has ended as well.
            let _ = self.held(id, |held| held.finish(0, Instant::now()));
        }
        None
    }

    fn copier(&self, id: Option<ContainerId>) -> Attached<'_> {
        let (near, far) = tokio::io::duplex(4_096);
        let output = stream::unfold((far, id), async |(mut far, id)| {
            let bytes = self.copy(id.as_ref(), &mut far).await?;
            Some((Ok(Piece { error: false, bytes }), (far, id)))
        });
        Attached { output: output.boxed_local(), input: Box::pin(near) }
    }
}

fn listed(id: &str, held: &Held) -> Listed {
    let seen = held.observed(id);
    let bindings = held.facts.bindings.iter().map(|(container, published, ip)| Binding {
        container_port: *container,
        protocol: Protocol::Tcp,
        host_port: Some(*published).filter(|_| held.running),
        host_ip: Some(if ip.is_empty() { "0.0.0.0".to_owned() } else { ip.clone() }).filter(|_| held.running),
    });
    Listed {
        id: seen.id,
        name: seen.name,
        service: seen.service,
        number: seen.number,
        one_off: held.facts.one_off,
        image: held.facts.reference.clone(),
        image_id: seen.image,
        command: held.facts.argv.join(" "),
        created: at(held.facts.created_ms),
        state: seen.state,
        ports: bindings.collect(),
    }
}

impl Operate for Simulated {
    fn now(&self) -> Timestamp {
        at(self.state.borrow().now_ms())
    }

    async fn list(&self, project: &str) -> Result<Vec<Listed>, RuntimeError> {
        self.takes(CALL).await?;
        let memory = self.state.borrow();
        let ours = memory.containers.iter().filter(|(_, held)| held.project == project);
        let mut all: Vec<Listed> = ours.map(|(id, held)| listed(id, held)).collect();
        all.sort_by(|a, b| {
            (&a.service, a.one_off, a.number, &a.name).cmp(&(&b.service, b.one_off, b.number, &b.name))
        });
        Ok(all)
    }

    async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        let name = signal.strip_prefix("SIG").unwrap_or(signal);
        let code = match name {
            "KILL" | "9" => Some(137),
            "TERM" | "15" => Some(143),
            "INT" | "2" => Some(130),
            "HUP" | "1" | "USR1" | "10" => None,
            _ => return Err(RuntimeError::Other(format!("invalid signal: {signal}"))),
        };
        self.running(id, |held| code.map(|code| held.finish(code, Instant::now()))).map(|_| ())
    }

    async fn pause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.running(id, |held| held.facts.paused = true)
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.running(id, |held| held.facts.paused = false)
    }

    async fn limit_cpu(&self, id: &ContainerId, limit: CpuLimit) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.held(id, |held| {
            let words =
                [("NanoCpus", limit.nano_cpus), ("CpuQuota", limit.quota_us), ("CpuPeriod", limit.period_us)];
            for (word, value) in words {
                held.facts.host[word] = json!(value);
            }
        })
    }

    async fn discard(&self, id: &ContainerId, _: bool) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        self.change(|memory| memory.containers.remove(&id.0));
        Ok(())
    }

    async fn create_one_off(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
        terms: Terms,
    ) -> Result<ContainerId, RuntimeError> {
        self.takes(CREATE).await?;
        let mut service = service.clone();
        let setting = Setting {
            environment: service
                .environment
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            user: service.user.as_deref(),
            working_dir: service.working_dir.as_deref(),
            terminal: terms.terminal,
        };
        let argv = service.entrypoint.iter().chain(&service.command).flatten().cloned().collect::<Vec<_>>();
        service.labels.retain(|key, _| !key.starts_with("sim."));
        if let shell::Result::Done { output, code, .. } = shell::run(&argv, &setting) {
            for (key, value) in
                [("sim.exit", code.to_string()), ("sim.exit_ms", "50".to_owned()), ("sim.log", output)]
            {
                service.labels.insert(key.to_owned(), value);
            }
        }
        self.change(|memory| {
            if memory.containers.values().any(|held| held.name == order.name) {
                return Err(RuntimeError::Conflict(format!("the container name {} is in use", order.name)));
            }
            let id = memory.add(definition, &service, order);
            if let Some(held) = memory.containers.get_mut(&id.0) {
                held.facts.one_off = true;
                held.facts.argv = argv;
                held.facts.terms = Connection { terminal: terms.terminal, remove: terms.remove };
            }
            Ok(id)
        })
    }

    async fn attach(&self, id: &ContainerId, _: Terms) -> Result<Attached<'_>, RuntimeError> {
        self.takes(CALL).await?;
        let (copies, output) = self.held(id, |held| {
            (!held.labels.contains_key("sim.exit"), held.labels.get("sim.log").cloned().unwrap_or_default())
        })?;
        if copies {
            return Ok(self.copier(Some(id.clone())));
        }
        let id = id.clone();
        let output = stream::once(async move {
            self.until(&id, |held| (held.running || held.exit().is_some()).then_some(())).await?;
            Ok(Piece { error: false, bytes: Bytes::from(output) })
        });
        Ok(Attached { output: output.boxed_local(), input: Box::pin(tokio::io::sink()) })
    }

    async fn open(
        &self,
        id: &ContainerId,
        order: &CommandOrder,
    ) -> Result<(ProcessId, Option<Attached<'_>>), RuntimeError> {
        self.takes(EXEC).await?;
        let labels = self.running(id, |held| held.labels.clone())?;
        if let Some(told) = shell::told(&labels, &order.exec.argv) {
            let piece = Piece { error: told.code != 0, bytes: Bytes::from(told.output) };
            let output = stream::iter([Ok(piece)]).boxed_local();
            let attached = Attached { output, input: Box::pin(tokio::io::sink()) };
            return Ok((
                ProcessId::Command(told.code.to_string()),
                Some(attached).filter(|_| !order.detached),
            ));
        }
        let setting = Setting {
            environment: order
                .exec
                .environment
                .iter()
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
            user: order.exec.user.as_deref(),
            working_dir: order.exec.working_dir.as_deref(),
            terminal: order.terms.terminal,
        };
        // A process of the double is called by the code that it ends with.
        let (code, attached) = match shell::run(&order.exec.argv, &setting) {
            shell::Result::Copies => (0, self.copier(None)),
            shell::Result::Done { output, error, code } => {
                let piece = Piece { error, bytes: Bytes::from(output) };
                let output = stream::iter([Ok(piece)]).boxed_local();
                (code, Attached { output, input: Box::pin(tokio::io::sink()) })
            }
        };
        Ok((ProcessId::Command(code.to_string()), Some(attached).filter(|_| !order.detached)))
    }

    async fn resize(&self, _: &ProcessId, _: u16, _: u16) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        Ok(())
    }

    async fn code(&self, process: &str) -> Result<Option<i64>, RuntimeError> {
        self.takes(CALL).await?;
        Ok(process.parse().ok())
    }

    async fn end(
        &self,
        id: &ContainerId,
        until: Until,
    ) -> Result<LocalBoxFuture<'_, Result<i64, RuntimeError>>, RuntimeError> {
        self.takes(CALL).await?;
        let before = self.held(id, |held| held.facts.finished_ms)?;
        let id = id.clone();
        let end = async move {
            let code = self
                .until(&id, |held| {
                    let waits =
                        if until == Until::Ended { held.running } else { held.facts.finished_ms == before };
                    if waits { None } else { Some(held.exit().map_or(0, |exit| exit.code)) }
                })
                .await?;
            self.change(|memory| {
                memory.containers.retain(|other, held| *other != id.0 || !held.facts.terms.remove);
            });
            Ok(code)
        };
        Ok(end.boxed_local())
    }

    async fn usage(&self, id: &ContainerId) -> Result<Option<Usage>, RuntimeError> {
        self.takes(CALL).await?;
        let now_ns = self.state.borrow().now_ms() * 1_000_000;
        self.held(id, |held| {
            held.running.then(|| Usage {
                cpu_ns: now_ns / 100 * held.number("sim.cpu_percent").unwrap_or_default(),
                machine_ns: now_ns * u64::from(CORES),
                cores: CORES,
                memory: held.number("sim.memory").unwrap_or(16 * 1024 * 1024),
                memory_limit: held.number("sim.memory_limit").unwrap_or(MACHINE_MEMORY),
                received: 1_024,
                sent: 2_048,
                read: 0,
                written: 4_096,
                processes: 1,
            })
        })
    }

    async fn processes(&self, id: &ContainerId) -> Result<Processes, RuntimeError> {
        self.takes(CALL).await?;
        self.running(id, |held| Processes {
            titles: ["UID", "PID", "CMD"].map(str::to_owned).to_vec(),
            rows: vec![vec!["root".to_owned(), "1".to_owned(), held.facts.argv.join(" ")]],
        })
    }

    async fn document(&self, kind: Kind, name: &str) -> Result<Value, RuntimeError> {
        self.takes(CALL).await?;
        let memory = self.state.borrow();
        let document = match kind {
            Kind::Container => memory.containers.get(name).map(|held| {
                json!({
                    "HostConfig": held.facts.host,
                    "Mounts": held.facts.mounts,
                    "Id": name,
                    "Name": format!("/{}", held.name),
                    "State": {"Running": held.running, "Paused": held.facts.paused, "ExitCode": held.exit().map(|e| e.code), "StartedAt": held.facts.started_ms.map(|ms| at(ms).to_string())},
                    "Config": {"Image": held.facts.reference, "Cmd": held.facts.argv, "Tty": held.facts.terms.terminal, "Labels": held.labels, "User": held.facts.config["User"], "Healthcheck": held.facts.config["Healthcheck"]},
                })
            }),
            Kind::Image => {
                memory.images.get(name).map(|id| json!({"Id": id, "Config": {"User": USER}}))
            }
            Kind::Network => {
                memory.networks.get(name).map(|owner| json!({"Name": name, "Driver": "bridge", "Labels": {"project": owner}}))
            }
            Kind::Volume => {
                memory.volumes.get(name).map(|owner| json!({"Name": name, "Driver": "local", "Labels": memory.volume_labels(name, owner)}))
            }
        };
        document.ok_or_else(|| RuntimeError::NotFound(format!("no such thing: {name}")))
    }

    async fn image_facts(&self, reference: &str) -> Result<Option<ImageFacts>, RuntimeError> {
        self.takes(CALL).await?;
        Ok(self.state.borrow().images.get(reference).map(|id| ImageFacts {
            id: ImageId(id.clone()),
            size: 10_000_000,
            created: SET_UP.to_string(),
            architecture: "none".to_owned(),
            source: None,
        }))
    }

    fn happenings(
        &self,
        project: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> LocalBoxStream<'_, Result<Happening, RuntimeError>> {
        self.watch(project.to_owned(), since.unwrap_or_else(|| self.now()), until)
    }

    async fn lines(
        &self,
        id: &ContainerId,
        window: &Window,
    ) -> Result<LocalBoxStream<'_, Result<Line, RuntimeError>>, RuntimeError> {
        self.takes(CALL).await?;
        self.printed(id, window)
    }

    async fn files(&self, reference: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        self.takes(CREATE).await?;
        if !self.state.borrow().images.contains_key(reference) {
            return Err(RuntimeError::NotFound(format!("no such image: {reference}")));
        }
        let tar = archive::files(reference)?;
        for piece in tar.chunks(700) {
            if into.send(Bytes::copy_from_slice(piece)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn volume_out(&self, name: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        self.takes(CREATE).await?;
        let tar = self.state.borrow().pack_volume(name)?;
        for piece in tar.chunks(700) {
            if into.send(Bytes::copy_from_slice(piece)).await.is_err() {
                break;
            }
        }
        Ok(())
    }

    async fn volume_in(
        &self,
        name: &str,
        mut tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), RuntimeError> {
        self.takes(CREATE).await?;
        let mut whole = Vec::new();
        while let Some(piece) = tar.next().await {
            whole.extend_from_slice(&piece.map_err(|e| RuntimeError::Other(e.to_string()))?);
        }
        if self.is_full() {
            return Err(RuntimeError::NoSpace);
        }
        self.change(|memory| memory.unpack_volume(name, &whole))
    }

    async fn volume_users(&self, name: &str) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        self.takes(CALL).await?;
        let memory = self.state.borrow();
        let users =
            memory.containers.iter().filter(|(_, held)| held.volumes.iter().any(|volume| volume == name));
        Ok(users.map(|(id, _)| ContainerId(id.clone())).collect())
    }

    async fn let_volume_go(&self, _: &str) -> Result<(), RuntimeError> {
        self.takes(CALL).await
    }

    fn save(&self, references: &[String]) -> LocalBoxStream<'_, Result<Bytes, RuntimeError>> {
        let tar = archive::pack(references, &self.state.borrow().images);
        // In pieces that end anywhere, as those of the real one do.
        let pieces: Vec<_> = tar.map_or_else(
            |e| vec![Err(e)],
            |tar| tar.chunks(700).map(|c| Ok(Bytes::copy_from_slice(c))).collect(),
        );
        stream::iter(pieces).boxed_local()
    }

    async fn load(&self, mut tar: BoxStream<'static, io::Result<Bytes>>) -> Result<(), RuntimeError> {
        self.takes(CALL).await?;
        let mut whole = Vec::new();
        while let Some(piece) = tar.next().await {
            whole.extend_from_slice(&piece.map_err(|e| RuntimeError::Other(e.to_string()))?);
        }
        let images = archive::unpack(&whole).map_err(|e| RuntimeError::Other(e.to_string()))?;
        self.change(|memory| memory.images.extend(images));
        Ok(())
    }
}
