//! Networks and volumes of the definition in the engine's words.

use std::collections::{BTreeMap, HashMap};

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest, VolumeCreateRequest};

use super::PROJECT;
use super::api::Api;
use super::create::{COMPOSE_VERSION, map};
use crate::definition::model::{self as definition, Network, Volume};
use crate::runtime::RuntimeError;

/// The request for a network, or what this engine is too old for.
pub(super) fn network(
    project: &str,
    key: &str,
    network: &Network,
    api: Api,
) -> Result<NetworkCreateRequest, RuntimeError> {
    if network.enable_ipv4 == Some(false) && api < Api::WITHOUT_IPV4 {
        let needed = Api::WITHOUT_IPV4;
        return Err(RuntimeError::Other(format!(
            "`enable_ipv4: false` needs an engine of API {needed}; this one has {api}"
        )));
    }
    Ok(NetworkCreateRequest {
        name: network.name.clone(),
        driver: network.driver.clone(),
        options: map(&network.driver_opts),
        ipam: ipam(&network.ipam),
        internal: Some(network.internal),
        attachable: network.attachable.then_some(true),
        enable_ipv4: network.enable_ipv4,
        enable_ipv6: network.enable_ipv6,
        labels: Some(labels(project, "network", key, &network.labels)),
        ..NetworkCreateRequest::default()
    })
}

fn ipam(ipam: &definition::Ipam) -> Option<Ipam> {
    let pool = |pool: &definition::IpamPool| IpamConfig {
        subnet: pool.subnet.clone(),
        ip_range: pool.ip_range.clone(),
        gateway: pool.gateway.clone(),
        auxiliary_addresses: map(&pool.aux_addresses),
    };
    let pools: Vec<IpamConfig> = ipam.config.iter().map(pool).collect();
    (ipam.driver.is_some() || !pools.is_empty()).then(|| Ipam {
        driver: ipam.driver.clone(),
        config: (!pools.is_empty()).then_some(pools),
        options: None,
    })
}

/// The request for a volume.
pub(super) fn volume(project: &str, key: &str, volume: &Volume) -> VolumeCreateRequest {
    VolumeCreateRequest {
        name: Some(volume.name.clone()),
        driver: volume.driver.clone(),
        driver_opts: map(&volume.driver_opts),
        labels: Some(labels(project, "volume", key, &volume.labels)),
        ..VolumeCreateRequest::default()
    }
}

/// The definition's own labels and those that Compose finds its things by.
pub(in crate::runtime::docker) fn labels(
    project: &str,
    kind: &str,
    key: &str,
    own: &BTreeMap<String, String>,
) -> HashMap<String, String> {
    let mut labels: HashMap<String, String> = own.clone().into_iter().collect();
    // No config-hash: a wrong one on a volume makes Compose offer to delete the data.
    labels.extend([
        (PROJECT.to_owned(), project.to_owned()),
        (format!("com.docker.compose.{kind}"), key.to_owned()),
        ("com.docker.compose.version".to_owned(), COMPOSE_VERSION.to_owned()),
    ]);
    labels
}
