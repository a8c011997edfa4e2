//! Docker, looked at and handled while it runs.

mod connect;
mod export;
mod facts;
mod stream;
mod volume;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::query_parameters as query;
use bytes::Bytes;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::{BoxStream, LocalBoxStream};
use futures_util::{FutureExt as _, StreamExt as _};
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::{Docker, PROJECT, gone, project_filter, raw};
use crate::definition::model::{Definition, Service};
use crate::runtime::operate::{Attached, CommandOrder, Kind, Line, Operate, ProcessId, Terms, Until, Window};
use crate::runtime::{CreateOrder, RuntimeError};
use crate::world::ContainerId;
use crate::world::live::{CpuLimit, Happening, ImageFacts, Listed, Processes, Usage};
use crate::world::time::Timestamp;

const ONE_OFF: &str = "com.docker.compose.oneoff";

impl Docker {
    pub(super) fn raw(&self) -> Result<&raw::Raw, RuntimeError> {
        if let Some(raw) = self.raw.get() {
            return Ok(raw);
        }
        let raw = raw::Raw::new(&self.host, &self.client.client_version().to_string())?;
        Ok(self.raw.get_or_init(|| raw))
    }
}

impl Docker {
    /// What happens to containers with a label.
    pub(super) fn happenings_of(
        &self,
        label: String,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> LocalBoxStream<'_, Result<Happening, RuntimeError>> {
        let filters = HashMap::from([
            ("label".to_owned(), vec![label]),
            ("type".to_owned(), vec!["container".to_owned()]),
        ]);
        let options = query::EventsOptions {
            since: since.map(Timestamp::as_query),
            until: until.map(Timestamp::as_query),
            filters: Some(filters),
        };
        let events = self.client.events(Some(options));
        events
            .filter_map(async |event| match event {
                Ok(event) => facts::happening(event).map(Ok),
                Err(e) => Some(Err(self.sort(&e))),
            })
            .boxed_local()
    }

    /// The lines of whatever prints at this address of the API.
    pub(super) async fn lines_of(
        &self,
        segments: &[&str],
        terminal: bool,
        window: &Window,
    ) -> Result<LocalBoxStream<'_, Result<Line, RuntimeError>>, RuntimeError> {
        stream::lines_at(self.raw()?, segments, terminal, window).await
    }
}

impl Operate for Docker {
    fn now(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Timestamp::default().after(now)
    }

    async fn list(&self, project: &str) -> Result<Vec<Listed>, RuntimeError> {
        let filters = project_filter(project);
        let options = query::ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.whole(self.client.list_containers(Some(options))).await?;
        let mut listed: Vec<Listed> = found.into_iter().filter_map(facts::listed).collect();
        listed.sort_by(|a, b| {
            (&a.service, a.one_off, a.number, &a.name).cmp(&(&b.service, b.one_off, b.number, &b.name))
        });
        Ok(listed)
    }

    async fn kill(&self, id: &ContainerId, signal: &str) -> Result<(), RuntimeError> {
        let options = query::KillContainerOptionsBuilder::new().signal(signal).build();
        self.whole(self.client.kill_container(&id.0, Some(options))).await
    }

    async fn pause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        match self.whole(self.client.pause_container(&id.0)).await {
            Err(RuntimeError::Conflict(words)) if words.contains("already paused") => Ok(()),
            other => other,
        }
    }

    async fn unpause(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        match self.whole(self.client.unpause_container(&id.0)).await {
            Err(RuntimeError::Other(words) | RuntimeError::Conflict(words))
                if words.contains("is not paused") =>
            {
                Ok(())
            }
            other => other,
        }
    }

    async fn limit_cpu(&self, id: &ContainerId, limit: CpuLimit) -> Result<(), RuntimeError> {
        let body = facts::cpu_order(limit);
        self.raw()?.order(&["containers", &id.0, "update"], &[], &body).await.map(|_| ())
    }

    async fn discard(&self, id: &ContainerId, volumes: bool) -> Result<(), RuntimeError> {
        let options = query::RemoveContainerOptionsBuilder::new().v(volumes).force(true).build();
        match self.whole(self.client.remove_container(&id.0, Some(options))).await {
            Err(RuntimeError::Conflict(words)) if words.contains("already in progress") => Ok(()),
            other => gone(other),
        }
    }

    async fn create_one_off(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
        terms: Terms,
    ) -> Result<ContainerId, RuntimeError> {
        let mut made = self.made(definition, service, order).await?;
        // Who asks for the service by name must not get a container that runs beside it.
        made.without_aliases();
        let body = &mut made.body;
        let slug = order.name.rsplit('-').next().unwrap_or_default().to_owned();
        let labels = body.labels.get_or_insert_default();
        labels.insert(ONE_OFF.to_owned(), "True".to_owned());
        labels.insert("com.docker.compose.slug".to_owned(), slug);
        body.tty = Some(terms.terminal);
        body.open_stdin = Some(terms.input);
        body.stdin_once = Some(terms.input);
        body.attach_stdin = Some(terms.input);
        body.host_config.get_or_insert_default().auto_remove = Some(terms.remove);
        self.create_from(&order.name, made).await
    }

    async fn attach(&self, id: &ContainerId, terms: Terms) -> Result<Attached<'_>, RuntimeError> {
        self.join(id, terms).await
    }

    async fn open(
        &self,
        id: &ContainerId,
        order: &CommandOrder,
    ) -> Result<(ProcessId, Option<Attached<'_>>), RuntimeError> {
        self.command(id, order).await
    }

    async fn resize(&self, process: &ProcessId, rows: u16, columns: u16) -> Result<(), RuntimeError> {
        let (kind, id) = match process {
            ProcessId::Container(id) => ("containers", &id.0),
            ProcessId::Command(id) => ("exec", id),
        };
        let (rows, columns) = (rows.to_string(), columns.to_string());
        self.raw()?.post(&[kind, id, "resize"], &[("h", &rows), ("w", &columns)]).await.map(|_| ())
    }

    async fn code(&self, process: &str) -> Result<Option<i64>, RuntimeError> {
        let seen = self.whole(self.client.inspect_exec(process)).await?;
        Ok(seen.exit_code.filter(|_| seen.running != Some(true)))
    }

    async fn end(
        &self,
        id: &ContainerId,
        until: Until,
    ) -> Result<LocalBoxFuture<'_, Result<i64, RuntimeError>>, RuntimeError> {
        let condition = match until {
            Until::Ended => "not-running",
            Until::NextEnd => "next-exit",
            Until::Gone => "removed",
        };
        let raw = self.raw()?;
        // The engine sends the head of its answer once it is listening.
        let answer = raw.post(&["containers", &id.0, "wait"], &[("condition", condition)]).await?;
        let end = async move {
            let body = answer.bytes().await.map_err(|e| raw.sort(&e))?;
            let end: Value = serde_json::from_slice(&body).unwrap_or_default();
            let cut = || RuntimeError::Other("the engine stopped before the container ended".to_owned());
            end.get("StatusCode").and_then(Value::as_i64).ok_or_else(cut)
        };
        Ok(end.boxed_local())
    }

    async fn usage(&self, id: &ContainerId) -> Result<Option<Usage>, RuntimeError> {
        let query = [("stream", "false"), ("one-shot", "true")];
        let stats = self.raw()?.document(&["containers", &id.0, "stats"], &query).await?;
        Ok(facts::usage(&stats))
    }

    async fn processes(&self, id: &ContainerId) -> Result<Processes, RuntimeError> {
        let options: Option<query::TopOptions> = None;
        let top = self.whole(self.client.top_processes(&id.0, options)).await?;
        Ok(Processes { titles: top.titles.unwrap_or_default(), rows: top.processes.unwrap_or_default() })
    }

    async fn document(&self, kind: Kind, name: &str) -> Result<Value, RuntimeError> {
        let segments: &[&str] = match kind {
            Kind::Container => &["containers", name, "json"],
            Kind::Network => &["networks", name],
            Kind::Volume => &["volumes", name],
            Kind::Image => &["images", name, "json"],
        };
        self.raw()?.document(segments, &[]).await
    }

    async fn image_facts(&self, reference: &str) -> Result<Option<ImageFacts>, RuntimeError> {
        match self.whole(self.client.inspect_image(reference)).await {
            Ok(image) => Ok(Some(facts::image(image))),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn happenings(
        &self,
        project: &str,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> LocalBoxStream<'_, Result<Happening, RuntimeError>> {
        self.happenings_of(format!("{PROJECT}={project}"), since, until)
    }

    async fn lines(
        &self,
        id: &ContainerId,
        window: &Window,
    ) -> Result<LocalBoxStream<'_, Result<Line, RuntimeError>>, RuntimeError> {
        stream::lines(self.raw()?, id, window).await
    }

    async fn files(&self, reference: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        export::files(self.raw()?, reference, &into).await
    }

    async fn volume_out(&self, name: &str, into: Sender<Bytes>) -> Result<(), RuntimeError> {
        self.read_volume(name, into).await
    }

    async fn volume_in(
        &self,
        name: &str,
        tar: BoxStream<'static, io::Result<Bytes>>,
    ) -> Result<(), RuntimeError> {
        self.fill_volume(name, tar).await
    }

    async fn volume_users(&self, name: &str) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        let filters = serde_json::json!({"volume": [name]}).to_string();
        self.raw()?.container_ids(&[("all", "true"), ("filters", &filters)]).await
    }

    async fn let_volume_go(&self, name: &str) -> Result<(), RuntimeError> {
        self.drop_holder(name).await
    }

    fn save(&self, references: &[String]) -> LocalBoxStream<'_, Result<Bytes, RuntimeError>> {
        let names: Vec<&str> = references.iter().map(String::as_str).collect();
        self.client.export_images(&names).map(|piece| piece.map_err(|e| self.sort(&e))).boxed_local()
    }

    async fn load(&self, tar: BoxStream<'static, io::Result<Bytes>>) -> Result<(), RuntimeError> {
        let options = query::ImportImageOptionsBuilder::new().quiet(true).build();
        let mut steps = self.client.import_image_stream(options, tar, None);
        while let Some(step) = steps.next().await {
            let step = step.map_err(|e| self.sort(&e))?;
            if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
                return Err(RuntimeError::Other(message));
            }
        }
        Ok(())
    }
}
