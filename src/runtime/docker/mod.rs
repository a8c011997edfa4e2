//! Docker Engine through its HTTP API. This folder is the only place that names bollard.

mod api;
mod build;
mod create;
mod error;
mod frames;
mod listeners;
mod make;
mod networks;
mod observe;
mod operate;
mod out_of_memory;
mod pending;
mod placement;
mod raw;
mod reach;
mod survey;
pub mod swarm;
mod things;
mod transport;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use bollard::Docker as Client;
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, StartExecResults};
use bollard::query_parameters as query;
use futures_util::stream::LocalBoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use tokio::io::AsyncReadExt as _;

use pending::Pending;

use super::{
    BuildOrder, CreateOrder, ExecOrder, ExecOutcome, ImportOrder, LogLine, LogOptions, Runtime, RuntimeError,
};
use crate::definition::model::{Definition, Network, Service, Volume};
use crate::world::{ContainerId, End, EngineInfo, ImageId, World};

/// Label of everything that belongs to a project.
const PROJECT: &str = "com.docker.compose.project";
/// For one answer of the engine; streams live longer.
const PATIENCE: Duration = Duration::from_mins(2);
/// What is kept of a command's output.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// A connection to one engine.
#[derive(Debug, Clone)]
pub struct Docker {
    client: Client,
    http: reqwest::Client,
    host: String,
    patience: Duration,
    /// Made when it is first needed: most commands do without.
    raw: OnceLock<raw::Raw>,
    pending: Pending,
    /// Of [`out_of_memory::kernel_kills`], when the engine is this machine's.
    kills_before: Option<u64>,
}

impl Docker {
    /// Connects to `host` (`unix:///…`, `tcp://…`, as `DOCKER_HOST` has it), or to the local socket.
    pub async fn connect(host: Option<&str>) -> Result<Self, RuntimeError> {
        Self::connect_within(host, PATIENCE).await
    }

    /// As [`Self::connect`], giving up on an answer that takes longer than `patience`.
    pub async fn connect_within(host: Option<&str>, patience: Duration) -> Result<Self, RuntimeError> {
        let name = host.unwrap_or("unix:///var/run/docker.sock").to_owned();
        let sort = |e: bollard::errors::Error| error::sort(&name, &e);
        let client = match name.strip_prefix("unix://") {
            Some(path) => transport::unix(Path::new(path), patience),
            None => Client::connect_with_host(&name),
        };
        let client = client.map_err(sort)?.with_timeout(patience);
        // Without this, requests carry no version and a newer engine answers in its own newest.
        let agreed = tokio::time::timeout(patience, client.negotiate_version()).await;
        let client = agreed.map_err(|_| RuntimeError::TimedOut(patience))?.map_err(|e| match e {
            bollard::errors::Error::RequestTimeoutError => RuntimeError::TimedOut(patience),
            other => sort(other),
        })?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(|e| RuntimeError::Other(e.to_string()))?;
        let mut docker = Self {
            client,
            http,
            host: name,
            patience,
            raw: OnceLock::new(),
            pending: Pending::default(),
            kills_before: None,
        };
        docker.kills_before = docker.is_local().then(out_of_memory::kernel_kills).flatten();
        Ok(docker)
    }

    fn sort(&self, error: &bollard::errors::Error) -> RuntimeError {
        match error {
            bollard::errors::Error::RequestTimeoutError => RuntimeError::TimedOut(self.patience),
            // An engine that shuts down answers on the connections it has, with whatever is no longer there.
            bollard::errors::Error::DockerResponseServerError { status_code: 500.., message }
                if !transport::is_taking_connections(&self.host) =>
            {
                let cause = format!("it is shutting down: {}", message.trim());
                RuntimeError::Unreachable { host: self.host.clone(), cause }
            }
            other => error::sort(&self.host, other),
        }
    }

    /// An answer that comes as a whole: the client's own limit ends with the head of it, and its body may never come.
    async fn whole<T>(
        &self,
        call: impl Future<Output = Result<T, bollard::errors::Error>>,
    ) -> Result<T, RuntimeError> {
        match tokio::time::timeout(self.patience, call).await {
            Ok(answer) => answer.map_err(|e| self.sort(&e)),
            Err(_) => Err(RuntimeError::TimedOut(self.patience)),
        }
    }

    /// How long a container gets to end: its own grace where none is given.
    async fn grace(&self, id: &ContainerId, grace: Option<Duration>) -> Duration {
        if let Some(grace) = grace {
            return grace;
        }
        let options: Option<query::InspectContainerOptions> = None;
        let seen = self.whole(self.client.inspect_container(&id.0, options)).await.ok();
        let own = seen.and_then(|seen| seen.config?.stop_timeout).and_then(|s| u64::try_from(s).ok());
        Duration::from_secs(own.unwrap_or(10))
    }

    async fn exec_unbounded(&self, id: &ContainerId, order: &ExecOrder) -> Result<ExecOutcome, RuntimeError> {
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(order.argv.clone()),
            user: order.user.clone(),
            privileged: order.privileged.then_some(true),
            working_dir: order.working_dir.clone(),
            env: (!order.environment.is_empty())
                .then(|| order.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()),
            ..CreateExecOptions::default()
        };
        let exec = self.whole(self.client.create_exec(&id.0, options)).await?;
        let mut output = Vec::new();
        let started = self.client.start_exec(&exec.id, None).await.map_err(|e| self.sort(&e))?;
        if let StartExecResults::Attached { output: mut stream, .. } = started {
            while let Some(piece) = stream.try_next().await.map_err(|e| self.sort(&e))? {
                let piece = piece.into_bytes();
                let room = OUTPUT_LIMIT.saturating_sub(output.len());
                output.extend_from_slice(&piece[..piece.len().min(room)]);
            }
        }
        let ended = self.whole(self.client.inspect_exec(&exec.id)).await?;
        Ok(ExecOutcome {
            code: ended.exit_code.unwrap_or(-1),
            output: String::from_utf8_lossy(&output).trim_end().to_owned(),
        })
    }
}

fn project_filter(project: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{PROJECT}={project}")])])
}

impl Runtime for Docker {
    async fn engine(&self) -> Result<EngineInfo, RuntimeError> {
        let version = self.whole(self.client.version()).await?;
        Ok(EngineInfo {
            version: version.version.unwrap_or_default(),
            api_version: version.api_version.unwrap_or_default(),
            architecture: version.arch.unwrap_or_default(),
            operating_system: version.os.unwrap_or_default(),
        })
    }

    async fn observe(&self, definition: &Definition) -> Result<World, RuntimeError> {
        self.whole(Box::pin(observe::world(&self.client, definition))).await
    }

    async fn create_network(&self, project: &str, key: &str, network: &Network) -> Result<(), RuntimeError> {
        self.make_network(project, key, network).await
    }

    async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        self.drop_networks(name).await
    }

    async fn create_volume(&self, project: &str, key: &str, volume: &Volume) -> Result<(), RuntimeError> {
        let (docker, request) = (self.clone(), things::volume(project, key, volume));
        let order = async move { docker.whole(docker.client.create_volume(request)).await.map(|_| ()) };
        self.pending.through(order).await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        self.drop_volume(name).await
    }

    async fn create(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<ContainerId, RuntimeError> {
        let made = self.made(definition, service, order).await?;
        self.create_from(&order.name, made).await
    }

    async fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let options: Option<query::StartContainerOptions> = None;
        let start = async || self.whole(self.client.start_container(&id.0, options.clone())).await;
        match self.joining(start).await {
            Err(RuntimeError::Conflict(words) | RuntimeError::Other(words)) if words.contains("unpause") => {
                self.whole(self.client.unpause_container(&id.0)).await
            }
            other => other,
        }
    }

    async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), RuntimeError> {
        let options = grace.map(|grace| {
            query::StopContainerOptionsBuilder::new()
                .t(i32::try_from(grace.as_secs()).unwrap_or(i32::MAX))
                .build()
        });
        // The answer comes when the container has ended, which may take as long as it may.
        let patience = self.patience + self.grace(id, grace).await;
        let client = self.client.clone().with_timeout(patience);
        gone(client.stop_container(&id.0, options).await.map_err(|e| self.sort(&e)))
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), RuntimeError> {
        let options = query::RenameContainerOptionsBuilder::new().name(name).build();
        match self.whole(self.client.rename_container(&id.0, options)).await {
            Err(RuntimeError::Other(words)) if words.contains("same name as its current name") => Ok(()),
            other => other,
        }
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        let options = query::RemoveContainerOptionsBuilder::new().v(true).force(true).build();
        match self.whole(self.client.remove_container(&id.0, Some(options))).await {
            Err(RuntimeError::Conflict(words)) if words.contains("already in progress") => Ok(()),
            other => gone(other),
        }
    }

    async fn ended(&self, id: &ContainerId) -> Result<Option<End>, RuntimeError> {
        let options: Option<query::InspectContainerOptions> = None;
        let seen = self.whole(self.client.inspect_container(&id.0, options)).await?;
        let mut end = seen.state.as_ref().and_then(observe::end);
        if let Some(end) = end.as_mut().filter(|end| !end.exit.out_of_memory) {
            end.exit.out_of_memory = self.ran_out_of_memory(&seen).await;
        }
        Ok(end)
    }

    async fn running(&self, project: &str) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        let filters = json!({ "label": [format!("{PROJECT}={project}")], "status": ["running"] }).to_string();
        let ids = async { self.raw()?.container_ids(&[("filters", &filters)]).await };
        tokio::time::timeout(self.patience, ids).await.unwrap_or(Err(RuntimeError::TimedOut(self.patience)))
    }

    async fn exec(
        &self,
        id: &ContainerId,
        order: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError> {
        tokio::time::timeout(limit, self.exec_unbounded(id, order))
            .await
            .unwrap_or(Err(RuntimeError::TimedOut(limit)))
    }

    async fn http_status(&self, url: &str, limit: Duration) -> Result<u16, RuntimeError> {
        let answer = self.http.get(url).timeout(limit).send().await;
        answer.map(|a| a.status().as_u16()).map_err(|e| {
            let mut cause: &dyn std::error::Error = &e;
            while let Some(next) = cause.source() {
                cause = next;
            }
            RuntimeError::Other(cause.to_string())
        })
    }

    async fn accepts(&self, host: &str, port: u16, limit: Duration) -> bool {
        tokio::time::timeout(limit, reach::accepts(self, host, port)).await.unwrap_or(false)
    }

    fn is_bound(&self, host: &str, port: u16) -> bool {
        // Other refusals, an address that is not this machine's say, are the engine's to tell.
        let bound = std::net::TcpListener::bind((host, port));
        bound.is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse)
    }

    async fn publisher(&self, port: u16) -> Result<Option<String>, RuntimeError> {
        let filters = HashMap::from([("publish".to_owned(), vec![port.to_string()])]);
        let options = query::ListContainersOptionsBuilder::new().filters(&filters).build();
        let found = self.whole(self.client.list_containers(Some(options))).await?;
        let name = found.into_iter().next().and_then(|c| c.names?.into_iter().next());
        Ok(name.map(|name| name.trim_start_matches('/').to_owned()))
    }

    fn exits(&self, project: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>> {
        let mut filters = project_filter(project);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        filters.insert("event".to_owned(), vec!["die".to_owned()]);
        let options = query::EventsOptionsBuilder::new().filters(&filters).build();
        self.client
            .events(Some(options))
            .filter_map(async |message| match message {
                Ok(message) => message.actor.and_then(|actor| actor.id).map(|id| Ok(ContainerId(id))),
                Err(e) => Some(Err(self.sort(&e))),
            })
            .boxed_local()
    }

    fn logs(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> LocalBoxStream<'_, Result<LogLine, RuntimeError>> {
        let tail = options.tail.map_or_else(|| "all".to_owned(), |n| n.to_string());
        let query = query::LogsOptionsBuilder::new()
            .stdout(true)
            .stderr(true)
            .follow(options.follow)
            .timestamps(options.timestamps)
            .tail(&tail)
            .build();
        self.client
            .logs(&id.0, Some(query))
            .map(|piece| {
                let piece = piece.map_err(|e| self.sort(&e))?;
                let error = matches!(piece, LogOutput::StdErr { .. });
                let text =
                    String::from_utf8_lossy(&piece.into_bytes()).trim_end_matches(['\r', '\n']).to_owned();
                Ok(LogLine { error, text })
            })
            .boxed_local()
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageId>, RuntimeError> {
        match self.whole(self.client.inspect_image(reference)).await {
            Ok(image) => Ok(image.id.map(ImageId)),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn pull(&self, reference: &str, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        let (image, tag) = split_reference(reference);
        let options = query::CreateImageOptionsBuilder::new().from_image(image).tag(tag).build();
        let mut steps = self.client.create_image(Some(options), None, None);
        while let Some(step) = steps.next().await {
            match step {
                Ok(step) => {
                    progress([step.id, step.status].into_iter().flatten().collect::<Vec<_>>().join(" "));
                }
                Err(e) => {
                    let cause = self.sort(&e).to_string();
                    return Err(if error::is_unreachable_registry(&cause) {
                        RuntimeError::NoRegistry { reference: reference.to_owned(), cause }
                    } else {
                        RuntimeError::NotFound(cause)
                    });
                }
            }
        }
        Ok(())
    }

    async fn build(&self, order: BuildOrder, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        let (tag, tags) = (order.tag.clone(), order.settings.tags.clone());
        let (options, context) = build::request(order)?;
        let mut lines = self.client.build_image(options, None, Some(bollard::body_full(context)));
        while let Some(line) = lines.next().await {
            let line = line.map_err(|e| self.sort(&e))?;
            if let Some(message) = line.error_detail.and_then(|d| d.message) {
                return Err(RuntimeError::Other(message));
            }
            for text in line.stream.unwrap_or_default().lines().filter(|l| !l.trim().is_empty()) {
                progress(text.to_owned());
            }
        }
        for further in tags {
            let (repo, name) = split_reference(&further);
            let options = query::TagImageOptionsBuilder::new().repo(repo).tag(name).build();
            self.client.tag_image(&tag, Some(options)).await.map_err(|e| self.sort(&e))?;
        }
        Ok(())
    }

    async fn import(&self, order: ImportOrder) -> Result<(), RuntimeError> {
        let unreadable = |e: std::io::Error| RuntimeError::Other(format!("{}: {e}", order.tar.display()));
        let file = tokio::fs::File::open(&order.tar).await.map_err(unreadable)?;
        let pieces = futures_util::stream::try_unfold(file, async |mut file| {
            let mut piece = vec![0; 256 * 1024];
            let read = file.read(&mut piece).await?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((read > 0).then(|| (bytes::Bytes::from(piece), file)))
        });
        let (repo, tag) = split_reference(&order.tag);
        let options = query::CreateImageOptions {
            from_src: Some("-".to_owned()),
            repo: Some(repo.to_owned()),
            tag: Some(tag.to_owned()),
            changes: order.changes,
            ..query::CreateImageOptions::default()
        };
        let body = bollard::body_try_stream(pieces);
        let mut steps = self.client.create_image(Some(options), Some(body), None);
        while let Some(step) = steps.next().await {
            step.map_err(|e| self.sort(&e))?;
        }
        Ok(())
    }

    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        let options: Option<query::RemoveImageOptions> = None;
        gone(self.whole(self.client.remove_image(reference, options, None)).await.map(|_| ()))
    }
}

/// What was to go and is not there is gone.
fn gone(result: Result<(), RuntimeError>) -> Result<(), RuntimeError> {
    match result {
        Err(e) if e.is_not_found() => Ok(()),
        other => other,
    }
}

/// `name` and `tag` of a reference; the colon of a registry's port is not a tag's.
fn split_reference(reference: &str) -> (&str, &str) {
    match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixListener;

    use super::*;

    /// Says which version it is, and nothing after that.
    async fn stalls(listener: UnixListener) {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.unwrap();
            if request[..read].windows(8).any(|part| part == b"/version") {
                let body = r#"{"Version":"20.10.24","ApiVersion":"1.41"}"#;
                let answer = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.unwrap();
            } else {
                held.push(stream);
            }
        }
    }

    #[tokio::test]
    async fn an_engine_that_stalls_is_not_waited_for_to_tell_what_runs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let engine = tokio::spawn(stalls(UnixListener::bind(&path).unwrap()));
        let patience = Duration::from_secs(1);
        let host = format!("unix://{}", path.display());
        let docker = Docker::connect_within(Some(&host), patience).await.unwrap();
        let asked = tokio::time::timeout(Duration::from_secs(20), docker.running("shop")).await;
        assert_eq!(asked.expect("it is given up"), Err(RuntimeError::TimedOut(patience)));
        engine.abort();
    }

    #[test]
    fn references_split_at_the_tag() {
        assert_eq!(split_reference("postgres:15"), ("postgres", "15"));
        assert_eq!(split_reference("localhost:5000/a/b"), ("localhost:5000/a/b", "latest"));
        assert_eq!(split_reference("localhost:5000/a/b:1"), ("localhost:5000/a/b", "1"));
    }
}
