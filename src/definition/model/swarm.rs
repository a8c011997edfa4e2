//! `x-pdex.swarm` of a service: how it is spread over the nodes of a swarm.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Definition, MountSource, Port, PortMode, Service, Volume};

/// What Swarm knows and one engine does not. What is silent is left to [`Spread`]'s reader: the translation says what follows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread {
    /// How many containers over all nodes; [`Service::replicas`] when silent.
    pub replicas: Option<u32>,
    /// Conditions that a node has to meet, as Swarm writes them: `node.labels.disk == ssd`.
    pub constraints: Vec<String>,
    /// Node labels over whose values the containers are spread evenly: `node.labels.zone`.
    pub over: Vec<String>,
    pub most_per_node: Option<u32>,
    /// How every port of the service is published, whatever the port itself says.
    pub publish: Option<PortMode>,
    pub endpoint: Option<Endpoint>,
    pub update: Rollout,
    pub rollback: Rollout,
    /// Attributes of the service that Swarm cannot honour and that may be left out there.
    pub without: BTreeSet<String>,
}

/// What a service's name means to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// One address that the kernel (IPVS) spreads over the containers.
    Virtual,
    /// The addresses of the containers.
    RoundRobin,
}

/// How containers are replaced by newer or older ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rollout {
    /// At once; 0 means all.
    pub parallelism: Option<u32>,
    /// Between two groups.
    pub delay: Option<Duration>,
    /// For so long after it was ready a container that ends counts as a failure of the update.
    pub monitor: Option<Duration>,
    pub order: Option<Order>,
    pub on_failure: Option<OnFailure>,
}

/// Which comes first when a container takes another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    StartFirst,
    StopFirst,
}

/// What becomes of a rollout whose containers fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    Rollback,
    Pause,
    Continue,
}

impl Service {
    /// How many containers it has over all nodes.
    pub fn spread_replicas(&self) -> u32 {
        self.pdex.swarm.replicas.unwrap_or_else(|| self.replicas())
    }

    /// How a port is published on the nodes: by every node, which passes it on, or by those that have a container.
    pub fn port_mode(&self, port: &Port) -> PortMode {
        self.pdex.swarm.publish.unwrap_or(port.mode)
    }

    /// Folders and files of a machine that it is given.
    pub fn binds(&self) -> impl Iterator<Item = &std::path::Path> {
        self.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Bind(path) => Some(path.as_path()),
            _ => None,
        })
    }
}

impl Volume {
    /// Whether its data is on the one machine that made it, rather than somewhere on a network.
    pub fn is_of_one_machine(&self) -> bool {
        let elsewhere = ["nfs", "nfs4", "cifs"];
        let kind = self.driver_opts.get("type").map_or("", String::as_str);
        self.driver.as_deref().is_none_or(|driver| driver == "local") && !elsewhere.contains(&kind)
    }
}

impl Definition {
    /// The volumes of a service whose data stays where it was written.
    pub fn state_of<'a>(&'a self, service: &'a Service) -> impl Iterator<Item = &'a Volume> {
        let volumes = service.mounts.iter().filter_map(|mount| match &mount.source {
            MountSource::Volume(key) => self.volumes.get(key),
            _ => None,
        });
        volumes.filter(|volume| volume.is_of_one_machine())
    }

    /// The definition for an engine that counts containers itself: each service is one thing there, however many containers it
    /// stands for. Doing it twice changes nothing.
    #[must_use]
    pub fn gathered(mut self) -> Self {
        for service in self.services.values_mut() {
            match service.pdex.swarm.replicas {
                Some(0) => service.scale = Some(0),
                _ if service.replicas() > 1 => {
                    service.pdex.swarm.replicas.get_or_insert(service.replicas());
                    service.scale = Some(1);
                }
                _ => {}
            }
            // Commands inside need the container on this machine.
            let without = &service.pdex.swarm.without;
            if without.contains("post_start") {
                service.post_start.clear();
            }
            if without.contains("pre_stop") {
                service.pre_stop.clear();
            }
        }
        self
    }
}
