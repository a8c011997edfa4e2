//! The questions of [`Survey`], and where what is published is reached.

use std::net::{IpAddr, SocketAddr};

use bollard::query_parameters as query;

use super::identity::Identity;
use super::operate::bindings;
use super::service::Held;
use super::spec::SERVICE;
use super::task::{self, Stage};
use super::{PROJECT, Swarm};
use crate::runtime::docker::reach;
use crate::runtime::{RuntimeError, Survey};
use crate::world::machine::{AddressedNetwork, Holder, Machine, Owner};
use crate::world::placement::{Content, Mounted, Placement};
use crate::world::swarm as world;
use crate::world::{ContainerId, ImageId};

impl Survey for Swarm {
    async fn machine(&self) -> Result<Machine, RuntimeError> {
        self.docker.machine().await
    }

    async fn holder(&self, port: u16) -> Result<Option<Holder>, RuntimeError> {
        match self.publishing(port).await?.first() {
            Some(held) => Ok(Some(Holder::Container(owner(held)))),
            None => self.docker.holder(port).await,
        }
    }

    async fn owner(&self, name: &str) -> Result<Option<Owner>, RuntimeError> {
        let options: Option<query::InspectServiceOptions> = None;
        match self.asked(self.docker.client.inspect_service(name, options)).await {
            Ok(found) => Ok(Some(owner(&Held::new(found, &[])))),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn networks(&self) -> Result<Vec<AddressedNetwork>, RuntimeError> {
        self.docker.networks().await
    }

    async fn image_platform(&self, reference: &str) -> Result<Option<String>, RuntimeError> {
        self.docker.image_platform(reference).await
    }

    async fn last_test(&self, id: &ContainerId) -> Result<Option<String>, RuntimeError> {
        match self.container(id).await {
            Ok(container) => self.docker.last_test(&container).await,
            // It tells only why something failed, and does without what another node knows.
            Err(_) => Ok(None),
        }
    }

    async fn placement(&self, id: &ContainerId) -> Result<Placement, RuntimeError> {
        if Identity::is_container(id) {
            return self.docker.placement(id).await;
        }
        let held = self.held(id).await?;
        let all = self.asked(self.docker.client.list_networks(None::<query::ListNetworksOptions>)).await?;
        let task = held.spec.task_template.clone().unwrap_or_default();
        let container = task.container_spec.unwrap_or_default();
        let limits = task.resources.and_then(|resources| resources.limits).unwrap_or_default();
        let limit = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0);
        // Swarm keeps identifiers where it was given names.
        let named = |target: String| {
            let known = all.iter().find(|network| network.id.as_ref() == Some(&target));
            known.and_then(|network| network.name.clone()).unwrap_or(target)
        };
        let ports = bindings(&held).into_iter().filter(|binding| held.is_up() && binding.host_port.is_some());
        Ok(Placement {
            networks: task
                .networks
                .unwrap_or_default()
                .into_iter()
                .filter_map(|n| n.target)
                .map(named)
                .collect(),
            mounts: container.mounts.unwrap_or_default().into_iter().filter_map(mounted).collect(),
            memory: limit(limits.memory_bytes),
            nano_cpus: limit(limits.nano_cpus),
            pids: limit(limits.pids),
            ports: ports.collect(),
        })
    }

    async fn address(&self, id: &ContainerId) -> Result<Option<IpAddr>, RuntimeError> {
        let containers = if Identity::is_container(id) {
            vec![id.clone()]
        } else {
            self.containers_here(&self.held(id).await?)
        };
        match containers.first() {
            Some(container) => self.on_bridge(container).await,
            None => Ok(None),
        }
    }

    async fn offered(&self, reference: &str) -> Result<(), RuntimeError> {
        self.docker.offered(reference).await
    }

    async fn carried_by_hand(&self, reference: &str) -> Result<Option<ImageId>, RuntimeError> {
        match self.asked(self.docker.client.inspect_image(reference)).await {
            Ok(image) => {
                let id = image.id.clone().map(ImageId);
                let is_offered = self.registry_digest(image).await?.is_some();
                Ok(id.filter(|_| !is_offered))
            }
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn swarm(&self) -> Result<Option<world::Swarm>, RuntimeError> {
        Self::swarm(self).await.map(Some)
    }
}

fn owner(held: &Held) -> Owner {
    Owner {
        container: held.name().to_owned(),
        project: held.label(PROJECT).map(str::to_owned),
        service: held.label(SERVICE).map(str::to_owned),
    }
}

fn mounted(mount: bollard::models::Mount) -> Option<Mounted> {
    use bollard::models::MountType;
    let content = match (mount.typ, mount.source) {
        (Some(MountType::BIND), Some(source)) => Content::Bind(source.into()),
        (Some(MountType::VOLUME), Some(name)) => Content::Volume(name),
        _ => Content::Other,
    };
    Some(Mounted { content, target: mount.target?, read_only: mount.read_only == Some(true) })
}

/// Whether an address means the machine that is asked.
fn is_here(host: &str) -> bool {
    matches!(host, "127.0.0.1" | "localhost" | "::1" | "0.0.0.0")
}

impl Swarm {
    /// Where a port of this machine is reached: here, or on a node that has a container which publishes it there alone.
    async fn reached(&self, host: &str, port: u16) -> String {
        if !is_here(host) {
            return host.to_owned();
        }
        let elsewhere = async {
            let swarm = Self::swarm(self).await.ok().filter(|swarm| swarm.nodes.len() > 1)?;
            let all = self.publishing(port).await.ok()?;
            let tasks = all.iter().flat_map(|held| &held.tasks);
            let up = tasks.filter(|task| matches!(task::stage(task), Stage::Running | Stage::Starting));
            let nodes: Vec<&str> = up.filter_map(|task| task.node_id.as_deref()).collect();
            if nodes.contains(&self.own.as_str()) {
                return None;
            }
            let node = swarm.nodes.into_iter().find(|node| nodes.contains(&node.id.as_str()))?;
            Some(node.address)
        };
        elsewhere.await.unwrap_or_else(|| host.to_owned())
    }

    /// The same for an address with a path.
    pub(super) async fn reached_url(&self, url: &str) -> String {
        let Ok(mut parsed) = reqwest::Url::parse(url) else { return url.to_owned() };
        if let (Some(host), Some(port)) = (parsed.host_str().map(str::to_owned), parsed.port()) {
            let reached = self.reached(&host, port).await;
            // What it was before is an address too.
            let _ = parsed.set_host(Some(&reached));
        }
        parsed.to_string()
    }

    /// As on one engine: who accepts first is a proxy, so the container's own address has the last word where it is near.
    pub(super) async fn accepts_unbounded(&self, host: &str, port: u16) -> bool {
        let reached = self.reached(host, port).await;
        if !reach::stays_open(&reached, port).await {
            return false;
        }
        match self.behind(port).await {
            Some(address) if self.docker.is_local() => !reach::refuses(address).await,
            _ => true,
        }
    }

    /// The address by which this machine reaches a container of its own: on the bridge that every node has for that.
    async fn on_bridge(&self, container: &ContainerId) -> Result<Option<IpAddr>, RuntimeError> {
        let options: Option<query::InspectNetworkOptions> = None;
        let bridge = self.asked(self.docker.client.inspect_network("docker_gwbridge", options)).await?;
        let endpoint = bridge.containers.unwrap_or_default().remove(&container.0);
        let address = endpoint.and_then(|endpoint| endpoint.ipv4_address).unwrap_or_default();
        Ok(address.split('/').next().and_then(|text| text.parse().ok()))
    }

    /// Where the container answers that publishes a port, without a proxy in between.
    async fn behind(&self, port: u16) -> Option<SocketAddr> {
        let all = self.publishing(port).await.ok()?;
        let held = all.iter().find(|held| held.is_up())?;
        let inside =
            bindings(held).into_iter().find(|binding| binding.host_port == Some(port))?.container_port;
        let container = self.containers_here(held).into_iter().next()?;
        let address = self.on_bridge(&container).await.ok()??;
        Some(SocketAddr::new(address, inside))
    }
}
