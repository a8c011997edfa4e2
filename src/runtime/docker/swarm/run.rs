//! The engine's half of the seam on Swarm.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use bollard::models::{ImageInspect, SystemInfo};
use bollard::query_parameters as query;
use futures_util::stream::{LocalBoxStream, unfold};
use futures_util::{FutureExt as _, StreamExt as _};

use super::identity::Identity;
use super::spec::{SERVICE, Translating};
use super::task::{self, Stage};
use super::{AGAIN, PROJECT, Swarm};
use crate::definition::model::{Definition, Network, Service, Volume};
use crate::runtime::docker::api::Api;
use crate::runtime::docker::observe;
use crate::runtime::survey::Survey as _;
use crate::runtime::{
    BuildOrder, CreateOrder, ExecOrder, ExecOutcome, ImportOrder, LogLine, LogOptions, Runtime, RuntimeError,
};
use crate::world::{ASIDE, ContainerId, End, EngineInfo, ImageId, World};

/// Between two looks at what has ended: Swarm tells nobody.
const ROUND: Duration = Duration::from_millis(250);
/// Volumes and networks are there a little longer than what they were for.
const DETACHING: Duration = Duration::from_secs(5);

impl Swarm {
    /// What every node finds an image by: the registry's digest where it came from one, else its own identifier, under which
    /// nodes have it that were given it by hand (`true`).
    async fn image_for_nodes(&self, image: &ImageId) -> Result<(String, bool), RuntimeError> {
        let found = self.asked(self.docker.client.inspect_image(&image.0)).await?;
        let digest = self.registry_digest(found).await?;
        Ok(digest.map_or_else(|| (image.0.clone(), true), |digest| (digest, false)))
    }

    /// By what other nodes get an image from a registry; nothing where they cannot.
    pub(super) async fn registry_digest(&self, image: ImageInspect) -> Result<Option<String>, RuntimeError> {
        let Some(digest) = image.repo_digests.and_then(|digests| digests.into_iter().next()) else {
            return Ok(None);
        };
        if digests_everything(&self.asked(self.docker.client.info()).await?) {
            // It came from a registry if one has it.
            return Ok(self.docker.offered(&digest).await.is_ok().then_some(digest));
        }
        Ok(Some(digest))
    }

    /// The container of a slot, on this machine.
    pub(super) async fn container(&self, id: &ContainerId) -> Result<ContainerId, RuntimeError> {
        if Identity::is_container(id) {
            return Ok(id.clone());
        }
        let held = self.held(id).await?;
        let newest = held.newest(Identity::of(id).slot);
        let running = newest.filter(|task| matches!(task::stage(task), Stage::Running | Stage::Starting));
        let Some(task) = running else {
            let obstacle = held.obstacle().map(|words| format!(": {words}")).unwrap_or_default();
            return Err(RuntimeError::Conflict(format!("{} is not running{obstacle}", held.name())));
        };
        if task.node_id.as_deref() != Some(&self.own) {
            let node = task.node_id.clone().unwrap_or_default();
            let swarm = self.swarm().await?;
            let name =
                swarm.nodes.into_iter().find(|known| known.id == node).map_or(node, |known| known.hostname);
            return Err(RuntimeError::Other(format!(
                "{} runs on node {name}; only the engine there looks inside: `docker ps` and `docker exec` on it",
                held.name()
            )));
        }
        let container = task::container(task).unwrap_or_default().to_owned();
        Ok(ContainerId(container))
    }
}

impl Runtime for Swarm {
    async fn engine(&self) -> Result<EngineInfo, RuntimeError> {
        self.docker.engine().await
    }

    async fn observe(&self, definition: &Definition) -> Result<World, RuntimeError> {
        let local = HashMap::from([("scope".to_owned(), vec!["local".to_owned()])]);
        let local = query::ListNetworksOptionsBuilder::new().filters(&local).build();
        let (mut world, held, placed, local) = futures_util::try_join!(
            self.asked(Box::pin(observe::world(&self.docker.client, definition))),
            self.all_held(&definition.project),
            self.placed_volumes(),
            self.asked(self.docker.client.list_networks(Some(local))),
        )?;
        // What this engine has for itself is none that services can be on.
        for network in local.into_iter().filter_map(|network| network.name) {
            world.networks.remove(&network);
        }
        world.containers = held.iter().filter_map(super::service::Held::container).collect();
        let named = definition.volumes.values().map(|volume| &volume.name);
        world.volumes.extend(named.filter(|name| placed.contains(*name)).cloned());
        Ok(world)
    }

    async fn create_network(&self, project: &str, key: &str, network: &Network) -> Result<(), RuntimeError> {
        let options: Option<query::InspectNetworkOptions> = None;
        let found = self.asked(self.docker.client.inspect_network(&network.name, options)).await;
        if found.is_ok_and(|found| found.scope.as_deref() == Some("local")) {
            return Err(RuntimeError::Conflict(format!(
                "network {} is there already and is of this engine alone: `pdex down` without --engine swarm removes it",
                network.name
            )));
        }
        let driver = network.driver.clone().filter(|driver| driver != "bridge");
        let spread = Network {
            driver: Some(driver.unwrap_or_else(|| "overlay".to_owned())),
            // For one-off containers, which stand beside the services.
            attachable: true,
            ..network.clone()
        };
        self.docker.create_network(project, key, &spread).await
    }

    async fn remove_network(&self, name: &str) -> Result<(), RuntimeError> {
        let options: Option<query::InspectNetworkOptions> = None;
        let found = self.asked(self.docker.client.inspect_network(name, options.clone())).await.ok();
        let project = found.and_then(|network| network.labels?.remove(PROJECT));
        self.docker.remove_network(name).await?;
        if let Some(project) = project {
            // Also what a run left that was cut off before it had made the service.
            let _ = self.forget_unused(&project).await;
        }
        // The swarm has none any more, and a node still shows its own for a while: whoever looked now would count on it.
        let end = tokio::time::Instant::now() + DETACHING;
        while self.asked(self.docker.client.inspect_network(name, options.clone())).await.is_ok()
            && tokio::time::Instant::now() < end
        {
            tokio::time::sleep(AGAIN).await;
        }
        Ok(())
    }

    async fn create_volume(&self, project: &str, key: &str, volume: &Volume) -> Result<(), RuntimeError> {
        // Where its data is to be, the service says that has it first.
        self.docker.create_volume(project, key, volume).await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), RuntimeError> {
        let services = self.docker.client.list_services(None::<query::ListServicesOptions>);
        for service in self.asked(services).await? {
            let spec = service.spec.unwrap_or_default();
            let mounts = spec.task_template.and_then(|task| task.container_spec?.mounts).unwrap_or_default();
            if mounts.iter().any(|mount| mount.source.as_deref() == Some(name)) {
                let user = spec.name.unwrap_or_default();
                return Err(RuntimeError::Conflict(format!("volume {name} is in use by service {user}")));
            }
        }
        self.displace_volume(name).await?;
        let end = tokio::time::Instant::now() + DETACHING;
        loop {
            match self.docker.remove_volume(name).await {
                Err(RuntimeError::Conflict(_)) if tokio::time::Instant::now() < end => {
                    tokio::time::sleep(AGAIN).await;
                }
                other => return other,
            }
        }
    }

    async fn create(
        &self,
        definition: &Definition,
        service: &Service,
        order: &CreateOrder<'_>,
    ) -> Result<ContainerId, RuntimeError> {
        let (image, by_hand) = self.image_for_nodes(order.image).await?;
        let swarm = self.placed(definition, service).await?;
        let lacking = swarm.without_image(order.image, &swarm.constraints(definition, service));
        if by_hand && !lacking.is_empty() {
            return Err(RuntimeError::Other(format!(
                "no registry has its image, and these nodes were not given it: {}; `pdex --engine swarm images distribute HOST…` does",
                lacking.join(", ")
            )));
        }
        let given = self.give(definition, service).await?;
        let api = Api::of(self.docker.client.client_version());
        let translating =
            Translating { definition, service, order, swarm: &swarm, api, image: &image, given: &given };
        let mut spec = translating.spec();
        if let Some(name) = order.name.strip_suffix(ASIDE) {
            spec.name = Some(name.to_owned());
            let held = self.all_held(&definition.project).await?;
            let old = held.iter().find(|held| held.label(SERVICE) == Some(service.name.as_str()));
            let old = old.ok_or_else(|| RuntimeError::NotFound(format!("no such service: {name}")))?;
            if old.name() != name {
                return Err(RuntimeError::Other(format!(
                    "Swarm renames no service: `pdex down {}` takes {} away first",
                    service.name,
                    old.name()
                )));
            }
            if old.is_job() != order.plan.job {
                return Err(RuntimeError::Other(format!(
                    "Swarm makes no one-shot of a service, nor the other way round: `pdex down {}` takes the earlier one away",
                    service.name
                )));
            }
            self.staged.borrow_mut().insert(old.identity(), spec);
            return Ok(old.identity());
        }
        let made = self.asked(self.docker.client.create_service(spec, None)).await?;
        Ok(Identity::name(&made.id.unwrap_or_default(), 1))
    }

    async fn start(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.start(id).await;
        }
        // The first stands for all.
        if Identity::of(id).slot > 1 { Ok(()) } else { self.launch(id).await }
    }

    async fn stop(&self, id: &ContainerId, grace: Option<Duration>) -> Result<(), RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.stop(id, grace).await;
        }
        if Identity::of(id).slot > 1 {
            return Ok(());
        }
        match self.halt(id, grace).await {
            Err(e) if e.is_not_found() => Ok(()),
            other => other,
        }
    }

    async fn rename(&self, id: &ContainerId, name: &str) -> Result<(), RuntimeError> {
        let held = self.held(id).await?;
        if held.name() == name {
            return Ok(());
        }
        Err(RuntimeError::Conflict(format!("{} keeps its name: Swarm renames no service", held.name())))
    }

    async fn take_over(&self, id: &ContainerId, _old: &ContainerId, _name: &str) -> Result<(), RuntimeError> {
        self.replace(id).await
    }

    async fn remove(&self, id: &ContainerId) -> Result<(), RuntimeError> {
        if Identity::is_container(id) { self.docker.remove(id).await } else { self.scrap(id).await }
    }

    async fn ended(&self, id: &ContainerId) -> Result<Option<End>, RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.ended(id).await;
        }
        Ok(self.held(id).await?.end())
    }

    async fn running(&self, project: &str) -> Result<BTreeSet<ContainerId>, RuntimeError> {
        let held = self.all_held(project).await?;
        Ok(held.iter().filter(|held| held.is_up()).map(super::service::Held::identity).collect())
    }

    async fn exec(
        &self,
        id: &ContainerId,
        order: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError> {
        let exec = async { self.docker.exec(&self.container(id).await?, order, limit).await };
        tokio::time::timeout(limit, exec).await.unwrap_or(Err(RuntimeError::TimedOut(limit)))
    }

    async fn health_test(
        &self,
        id: &ContainerId,
        order: &ExecOrder,
        limit: Duration,
    ) -> Result<ExecOutcome, RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.exec(id, order, limit).await;
        }
        let held = self.held(id).await?;
        let (running, wanted) = (held.running(), held.wanted());
        if running >= wanted && wanted > 0 {
            return Ok(ExecOutcome { code: 0, output: String::new() });
        }
        let obstacle = held.obstacle().map(|words| format!(": {words}")).unwrap_or_default();
        Ok(ExecOutcome { code: 1, output: format!("{running} of {wanted} containers are healthy{obstacle}") })
    }

    async fn http_status(&self, url: &str, limit: Duration) -> Result<u16, RuntimeError> {
        let url = self.reached_url(url).await;
        self.docker.http_status(&url, limit).await
    }

    async fn accepts(&self, host: &str, port: u16, limit: Duration) -> bool {
        tokio::time::timeout(limit, self.accepts_unbounded(host, port)).await.unwrap_or(false)
    }

    fn is_bound(&self, host: &str, port: u16) -> bool {
        self.docker.is_bound(host, port)
    }

    async fn publisher(&self, port: u16) -> Result<Option<String>, RuntimeError> {
        let publishes = self.publishing(port).await?;
        if let Some(held) = publishes.iter().find(|held| held.is_up()) {
            return Ok(Some(held.name().to_owned()));
        }
        if publishes.is_empty() { self.docker.publisher(port).await } else { Ok(None) }
    }

    fn exits(&self, project: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>> {
        let project = project.to_owned();
        let known: Option<BTreeSet<String>> = None;
        let rounds = unfold((project, known), async |(project, known)| {
            if known.is_some() {
                tokio::time::sleep(ROUND).await;
            }
            let held = match self.all_held(&project).await {
                Ok(held) => held,
                Err(e) => return Some((vec![Err(e)], (project, known))),
            };
            let ends = held.iter().filter_map(|held| Some((held.identity(), held.end()?.mark)));
            let ends: Vec<(ContainerId, String)> = ends.collect();
            let marks = ends.iter().map(|(_, mark)| mark.clone()).collect();
            let new = ends
                .into_iter()
                .filter(|(_, mark)| known.as_ref().is_some_and(|known| !known.contains(mark)));
            Some((new.map(|(id, _)| Ok(id)).collect(), (project, Some(marks))))
        });
        let mut over = false;
        rounds
            .flat_map(futures_util::stream::iter)
            // An error is the last that is told.
            .take_while(move |told| std::future::ready(!std::mem::replace(&mut over, told.is_err())))
            .boxed_local()
    }

    fn logs(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> LocalBoxStream<'_, Result<LogLine, RuntimeError>> {
        let (id, options) = (id.clone(), options.clone());
        async move {
            self.printed(&id, &options)
                .await
                .unwrap_or_else(|e| futures_util::stream::iter([Err(e)]).boxed_local())
        }
        .flatten_stream()
        .boxed_local()
    }

    async fn image(&self, reference: &str) -> Result<Option<ImageId>, RuntimeError> {
        self.docker.image(reference).await
    }

    async fn pull(&self, reference: &str, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.docker.pull(reference, progress).await
    }

    async fn build(&self, order: BuildOrder, progress: &mut dyn FnMut(String)) -> Result<(), RuntimeError> {
        self.docker.build(order, progress).await
    }

    async fn import(&self, order: ImportOrder) -> Result<(), RuntimeError> {
        self.docker.import(order).await
    }

    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        self.docker.remove_image(reference).await
    }
}

/// Whether an engine's images are containerd's, where each has a digest, one that was built there as well.
fn digests_everything(info: &SystemInfo) -> bool {
    let mut status = info.driver_status.iter().flatten().flatten();
    status.any(|word| word.starts_with("io.containerd.snapshotter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containerds_images_all_have_digests() {
        let info = |status: &[[&str; 2]]| SystemInfo {
            driver_status: Some(status.iter().map(|pair| pair.map(str::to_owned).to_vec()).collect()),
            ..SystemInfo::default()
        };
        assert!(digests_everything(&info(&[["driver-type", "io.containerd.snapshotter.v1"]])));
        assert!(!digests_everything(&info(&[["Backing Filesystem", "extfs"], ["Supports d_type", "true"]])));
        assert!(!digests_everything(&SystemInfo::default()));
    }
}
