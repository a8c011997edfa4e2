//! A service of the definition as a service of Swarm. Pure: what has to be asked before comes in, the request comes out. What Swarm
//! cannot honour was told before (`checks/preflight/swarm.rs`) and is left out here.

mod container;
mod mounts;
mod policy;
#[cfg(test)]
mod spec_test;

use std::collections::{BTreeMap, HashMap};

use bollard::models::{
    EndpointPortConfig, EndpointPortConfigProtocolEnum, EndpointPortConfigPublishModeEnum, EndpointSpec,
    EndpointSpecModeEnum, NetworkAttachmentConfig, ServiceSpec, ServiceSpecMode, ServiceSpecModeReplicated,
    ServiceSpecModeReplicatedJob, TaskSpec,
};

use super::super::PROJECT;
use super::super::api::Api;
use super::super::create::{FIELDS, map};
use super::files::Given;
use crate::definition::model::{
    Attachment, Definition, Endpoint, Namespace, Port, PortMode, Protocol, Service,
};
use crate::definition::render::digests;
use crate::runtime::CreateOrder;
use crate::world::swarm::Swarm;

/// Label of a Swarm service and of its containers: which start of the service a container belongs to. Empty: it was never started.
pub(super) const RUN: &str = "io.pdex.run";
/// Label of a Swarm service: how many containers it is to have when it is started.
pub(super) const REPLICAS: &str = "io.pdex.replicas";
/// Labels of a Swarm service and its containers. Not Compose's: it would take the containers for its own, and Swarm would make
/// new ones as often as it removed them.
pub(super) const OWN_PROJECT: &str = "io.pdex.project";
pub(super) const OWN_SERVICE: &str = "io.pdex.service";
pub(super) const SERVICE: &str = "com.docker.compose.service";
pub(super) const CONFIG_HASH: &str = "com.docker.compose.config-hash";
pub(super) const IMAGE: &str = "com.docker.compose.image";
/// What `docker stack` finds its things by.
const STACK: &str = "com.docker.stack.namespace";

/// What has to be known to say a service in Swarm's words.
#[derive(Debug)]
pub(super) struct Translating<'a> {
    pub(super) definition: &'a Definition,
    pub(super) service: &'a Service,
    pub(super) order: &'a CreateOrder<'a>,
    pub(super) swarm: &'a Swarm,
    pub(super) api: Api,
    /// What every node finds the image by.
    pub(super) image: &'a str,
    pub(super) given: &'a Given,
}

impl Translating<'_> {
    /// The service, not started: with no containers yet.
    pub(super) fn spec(&self) -> ServiceSpec {
        let task = TaskSpec {
            container_spec: Some(container::spec(self)),
            resources: Some(policy::resources(self.service)),
            restart_policy: Some(policy::restart(self.service, self.order.plan.job)),
            placement: Some(policy::placement(self)),
            networks: Some(networks(self)),
            log_driver: policy::log(self.service),
            ..TaskSpec::default()
        };
        let job = self.order.plan.job;
        ServiceSpec {
            name: Some(self.order.name.clone()),
            labels: Some(self.labels()),
            task_template: Some(task),
            mode: Some(mode(job, 0)),
            // A one-shot is not updated but run again, and Swarm refuses to be told how.
            update_config: (!job).then(|| policy::update(self)),
            rollback_config: (!job).then(|| policy::rollback(self)),
            endpoint_spec: Some(endpoint(self)),
            ..ServiceSpec::default()
        }
    }

    fn labels(&self) -> HashMap<String, String> {
        let Self { definition, service, order, .. } = self;
        let own: BTreeMap<&str, String> = [
            (PROJECT, definition.project.clone()),
            (STACK, definition.project.clone()),
            (OWN_PROJECT, definition.project.clone()),
            (SERVICE, service.name.to_string()),
            (OWN_SERVICE, service.name.to_string()),
            ("com.docker.compose.container-number", order.number.to_string()),
            (CONFIG_HASH, order.plan.config_hash.clone()),
            // Texts under texts, which cannot fail to be written.
            (FIELDS, serde_json::to_string(&digests(service)).unwrap_or_default()),
            (IMAGE, order.image.0.clone()),
            (REPLICAS, service.spread_replicas().to_string()),
            (RUN, String::new()),
        ]
        .into();
        own.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// So many containers, or so many runs of a one-shot.
pub(super) fn mode(job: bool, count: u32) -> ServiceSpecMode {
    let count = Some(i64::from(count));
    if job {
        let max_concurrent = Some(1);
        let job = ServiceSpecModeReplicatedJob { max_concurrent, total_completions: count };
        return ServiceSpecMode { replicated_job: Some(job), ..ServiceSpecMode::default() };
    }
    let replicated = ServiceSpecModeReplicated { replicas: count };
    ServiceSpecMode { replicated: Some(replicated), ..ServiceSpecMode::default() }
}

/// The networks it is on. What it is called on all of them: the service's name, and the name that its container has on one engine.
fn networks(translating: &Translating<'_>) -> Vec<NetworkAttachmentConfig> {
    let service = translating.service;
    if let Some(Namespace::Named(mode)) = &service.network_mode {
        return vec![NetworkAttachmentConfig { target: Some(mode.clone()), ..Default::default() }];
    }
    let mut attachments: Vec<(&String, &Attachment)> = service.networks.iter().collect();
    attachments.sort_by_key(|(key, attachment)| (-attachment.priority, *key));
    let joined = attachments.into_iter().filter_map(|(key, attachment)| {
        let network = translating.definition.networks.get(key)?;
        let mut aliases = vec![service.name.to_string()];
        for alias in service.container_name.iter().chain(&attachment.aliases) {
            if !aliases.contains(alias) {
                aliases.push(alias.clone());
            }
        }
        Some(NetworkAttachmentConfig {
            target: Some(network.name.clone()),
            aliases: Some(aliases),
            driver_opts: map(&attachment.driver_opts),
        })
    });
    joined.collect()
}

fn endpoint(translating: &Translating<'_>) -> EndpointSpec {
    let service = translating.service;
    let passed_on = service.ports.iter().any(|port| service.port_mode(port) == PortMode::Ingress);
    // Who passes connections on needs the one address; where the kernel cannot have it, names lead to containers.
    let mode = service.pdex.swarm.endpoint.unwrap_or({
        if passed_on || translating.swarm.spreads != Some(false) {
            Endpoint::Virtual
        } else {
            Endpoint::RoundRobin
        }
    });
    let ports: Vec<EndpointPortConfig> = service.ports.iter().map(|port| published(service, port)).collect();
    EndpointSpec {
        mode: Some(match mode {
            Endpoint::Virtual => EndpointSpecModeEnum::VIP,
            Endpoint::RoundRobin => EndpointSpecModeEnum::DNSRR,
        }),
        ports: (!ports.is_empty()).then_some(ports),
    }
}

fn published(service: &Service, port: &Port) -> EndpointPortConfig {
    EndpointPortConfig {
        name: port.name.clone(),
        protocol: Some(match port.protocol {
            Protocol::Tcp => EndpointPortConfigProtocolEnum::TCP,
            Protocol::Udp => EndpointPortConfigProtocolEnum::UDP,
            Protocol::Sctp => EndpointPortConfigProtocolEnum::SCTP,
        }),
        target_port: Some(port.target.into()),
        published_port: port.published.map(i64::from),
        publish_mode: Some(match service.port_mode(port) {
            PortMode::Ingress => EndpointPortConfigPublishModeEnum::INGRESS,
            PortMode::Host => EndpointPortConfigPublishModeEnum::HOST,
        }),
    }
}
