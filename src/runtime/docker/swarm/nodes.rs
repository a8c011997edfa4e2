//! The nodes of the swarm, and where the data of volumes is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use bollard::models::{
    EndpointPortConfigProtocolEnum, EndpointPortConfigPublishModeEnum, Node as Given,
    NodeSpecAvailabilityEnum, NodeSpecRoleEnum, NodeState, Service as Document,
};
use bollard::query_parameters as query;

use super::spec::SERVICE;
use super::{AGAIN, Docker, PROJECT, Swarm};
use crate::definition::model::{Definition, Protocol, Service};
use crate::runtime::RuntimeError;
use crate::world::ImageId;
use crate::world::swarm::{self as world, Node, Published, image_label, volume_label};

/// What the label of a volume says.
const HERE: &str = "here";
/// Where the kernel shows that it can spread connections (IPVS), once something has used it.
const USED: [&str; 2] = ["/proc/net/ip_vs", "/proc/sys/net/ipv4/vs"];

impl Swarm {
    async fn nodes_given(&self) -> Result<Vec<Given>, RuntimeError> {
        self.asked(self.docker.client.list_nodes(None::<query::ListNodesOptions>)).await
    }

    /// What the swarm is made of.
    pub(super) async fn swarm(&self) -> Result<world::Swarm, RuntimeError> {
        let services = self.docker.client.list_services(None::<query::ListServicesOptions>);
        let (nodes, services) = futures_util::try_join!(self.nodes_given(), self.asked(services))?;
        Ok(world::Swarm {
            own: self.own.clone(),
            nodes: nodes.into_iter().map(node).collect(),
            published: services.iter().flat_map(published).collect(),
            spreads: self.docker.is_local().then(spreads),
        })
    }

    /// Remembers where the data of a service's volumes will be, of those that are nowhere yet: on the node that is asked, unless the
    /// definition says another. What the swarm is then.
    pub(super) async fn placed(
        &self,
        definition: &Definition,
        service: &Service,
    ) -> Result<world::Swarm, RuntimeError> {
        let swarm = self.swarm().await?;
        let unplaced = definition.state_of(service).filter(|volume| swarm.home(&volume.name).is_none());
        let unplaced: Vec<&str> = unplaced.map(|volume| volume.name.as_str()).collect();
        if unplaced.is_empty() {
            return Ok(swarm);
        }
        let wanted = &service.pdex.swarm.constraints;
        let mut fitting = swarm.fitting(wanted);
        let first = fitting.next();
        let own = first.into_iter().chain(fitting).find(|node| node.id == self.own);
        let Some(home) = own.or(first) else {
            return Err(RuntimeError::Other("no node of the swarm meets its conditions".to_owned()));
        };
        self.label(&home.id, |labels| {
            labels.extend(unplaced.iter().map(|name| (volume_label(name), HERE.to_owned())));
        })
        .await?;
        self.swarm().await
    }

    /// Forgets where it is. Refuses where that is another node, whose volumes only its own engine removes.
    pub(super) async fn displace_volume(&self, name: &str) -> Result<(), RuntimeError> {
        let nodes = self.nodes_given().await?.into_iter().filter(|node| has(node, name));
        for node in nodes {
            if node.id.as_deref() != Some(&self.own) {
                let host = node.description.and_then(|description| description.hostname).unwrap_or_default();
                return Err(RuntimeError::Other(format!(
                    "its data is on node {host}, and only the engine there removes it: `docker volume rm {name}` there, then \
                     `docker node update --label-rm {} {host}`",
                    volume_label(name)
                )));
            }
            self.label(&self.own, |labels| {
                labels.remove(&volume_label(name));
            })
            .await?;
        }
        Ok(())
    }

    /// Refuses a volume whose data is on another node: here it would be empty.
    pub(super) async fn is_here(&self, name: &str) -> Result<(), RuntimeError> {
        let nodes = self.nodes_given().await?;
        let elsewhere = |node: &&Given| has(node, name) && node.id.as_deref() != Some(&self.own);
        let Some(node) = nodes.iter().find(elsewhere) else { return Ok(()) };
        let host = node.description.as_ref().and_then(|description| description.hostname.as_deref());
        Err(RuntimeError::Other(format!(
            "the data of volume {name} is on node {}, and only the engine there copies it",
            host.unwrap_or_default()
        )))
    }

    /// The volumes whose place is known.
    pub(super) async fn placed_volumes(&self) -> Result<BTreeSet<String>, RuntimeError> {
        let begin = volume_label("");
        let nodes = self.nodes_given().await?.into_iter().map(node);
        let labels = nodes.flat_map(|node| node.labels.into_keys());
        Ok(labels.filter_map(|label| label.strip_prefix(&begin).map(str::to_owned)).collect())
    }

    /// The node that an engine is, which has to be one of this swarm.
    pub async fn node_of(&self, engine: &Docker) -> Result<String, RuntimeError> {
        let info = engine.whole(engine.client.info()).await?.swarm.unwrap_or_default();
        let own = info.node_id.unwrap_or_default();
        let known = self.nodes_given().await?.into_iter().any(|node| node.id.as_deref() == Some(&own));
        if known {
            Ok(own)
        } else {
            Err(RuntimeError::Other(format!("{} is no node of this swarm", engine.host)))
        }
    }

    /// Remembers that a node has images, and no longer those that it had under the same references.
    pub async fn note_images(
        &self,
        node: &str,
        images: &BTreeMap<String, ImageId>,
    ) -> Result<(), RuntimeError> {
        let begin = image_label(&ImageId(String::new()));
        self.label(node, |labels| {
            // Of an image with several references one is remembered, which is enough to know its successor by.
            labels.retain(|label, reference| !label.starts_with(&begin) || !images.contains_key(reference));
            for (reference, id) in images {
                labels.insert(image_label(id), reference.clone());
            }
        })
        .await
    }

    /// Changes the labels of a node. Swarm changes a node's document by itself, and then refuses a change of an earlier one.
    async fn label(
        &self,
        id: &str,
        change: impl Fn(&mut std::collections::HashMap<String, String>),
    ) -> Result<(), RuntimeError> {
        loop {
            let node = self.asked(self.docker.client.inspect_node(id)).await?;
            let version = node.version.and_then(|version| version.index).unwrap_or_default();
            let mut spec = node.spec.unwrap_or_default();
            change(spec.labels.get_or_insert_default());
            let options = query::UpdateNodeOptionsBuilder::new();
            let options = options.version(i64::try_from(version).unwrap_or(i64::MAX)).build();
            match self.asked(self.docker.client.update_node(id, spec, options)).await {
                Err(RuntimeError::Other(words)) if words.contains("out of sequence") => {
                    tokio::time::sleep(AGAIN).await;
                }
                other => return other,
            }
        }
    }
}

fn has(node: &Given, volume: &str) -> bool {
    let labels = node.spec.as_ref().and_then(|spec| spec.labels.as_ref());
    labels.is_some_and(|labels| labels.contains_key(&volume_label(volume)))
}

fn node(node: Given) -> Node {
    let spec = node.spec.unwrap_or_default();
    let (description, status) = (node.description.unwrap_or_default(), node.status.unwrap_or_default());
    let platform = description.platform.unwrap_or_default();
    let labels: BTreeMap<String, String> = spec.labels.unwrap_or_default().into_iter().collect();
    Node {
        id: node.id.unwrap_or_default(),
        hostname: description.hostname.unwrap_or_default(),
        address: status.addr.unwrap_or_default(),
        manager: spec.role == Some(NodeSpecRoleEnum::MANAGER),
        takes_work: status.state == Some(NodeState::READY)
            && spec.availability == Some(NodeSpecAvailabilityEnum::ACTIVE),
        labels,
        system: platform.os.unwrap_or_default(),
        architecture: platform.architecture.unwrap_or_default(),
    }
}

fn published(service: &Document) -> Vec<Published> {
    let Some(spec) = &service.spec else { return Vec::new() };
    let ports = spec.endpoint_spec.as_ref().and_then(|endpoint| endpoint.ports.as_ref());
    let label = |key: &str| spec.labels.as_ref().and_then(|labels| labels.get(key)).cloned();
    let placement = spec.task_template.as_ref().and_then(|task| task.placement.as_ref());
    let constraints = placement.and_then(|placement| placement.constraints.clone()).unwrap_or_default();
    let one = |port: &bollard::models::EndpointPortConfig| {
        Some(Published {
            port: u16::try_from(port.published_port?).ok().filter(|port| *port > 0)?,
            protocol: match port.protocol {
                Some(EndpointPortConfigProtocolEnum::UDP) => Protocol::Udp,
                Some(EndpointPortConfigProtocolEnum::SCTP) => Protocol::Sctp,
                _ => Protocol::Tcp,
            },
            service: spec.name.clone().unwrap_or_default(),
            project: label(PROJECT),
            defined: label(SERVICE),
            host: port.publish_mode == Some(EndpointPortConfigPublishModeEnum::HOST),
            constraints: constraints.clone(),
        })
    };
    ports.into_iter().flatten().filter_map(one).collect()
}

/// Whether this machine's kernel has IPVS, in it or as a module that Docker loads when it needs it.
fn spreads() -> bool {
    if USED.iter().any(|path| Path::new(path).exists()) {
        return true;
    }
    let Ok(release) = std::fs::read_to_string("/proc/sys/kernel/osrelease") else { return false };
    let modules = Path::new("/lib/modules").join(release.trim());
    let folder = modules.join("kernel/net/netfilter/ipvs");
    let loadable = folder.read_dir().is_ok_and(|mut entries| {
        entries.any(|entry| {
            entry.is_ok_and(|entry| entry.file_name().as_encoded_bytes().starts_with(b"ip_vs.ko"))
        })
    });
    loadable
        || std::fs::read_to_string(modules.join("modules.builtin"))
            .is_ok_and(|builtin| builtin.contains("/ip_vs.ko"))
}
