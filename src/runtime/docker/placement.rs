//! What the engine gave a container, out of what it tells of it.

use std::path::PathBuf;

use bollard::models::{ContainerInspectResponse, MountPoint, PortMap};

use crate::definition::model::Protocol;
use crate::world::live::Binding;
use crate::world::placement::{Content, Mounted, Placement};

pub(super) fn of(container: ContainerInspectResponse) -> Placement {
    let (host, settings) =
        (container.host_config.unwrap_or_default(), container.network_settings.unwrap_or_default());
    // The engine spells no limit as nothing, 0 or -1.
    let limit = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0);
    Placement {
        networks: settings.networks.unwrap_or_default().into_keys().collect(),
        mounts: container.mounts.unwrap_or_default().into_iter().filter_map(mounted).collect(),
        memory: limit(host.memory),
        nano_cpus: limit(host.nano_cpus),
        pids: limit(host.pids_limit),
        ports: bindings(settings.ports.unwrap_or_default()),
    }
}

fn mounted(mount: MountPoint) -> Option<Mounted> {
    let content = match (mount.typ.as_deref(), mount.name, mount.source) {
        (Some("bind"), _, Some(source)) => Content::Bind(PathBuf::from(source)),
        (Some("volume"), Some(name), _) => Content::Volume(name),
        _ => Content::Other,
    };
    Some(Mounted { content, target: mount.destination?, read_only: mount.rw == Some(false) })
}

/// `8000/tcp` with the addresses of the machine it is published at.
fn bindings(ports: PortMap) -> Vec<Binding> {
    let mut all: Vec<Binding> = ports
        .into_iter()
        .filter_map(|(key, published)| {
            let (port, protocol) = key.split_once('/')?;
            let protocol = match protocol {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                "sctp" => Protocol::Sctp,
                _ => return None,
            };
            let container_port: u16 = port.parse().ok()?;
            let published = published.unwrap_or_default().into_iter();
            Some(published.filter_map(move |binding| {
                let host_port = Some(binding.host_port?.parse().ok()?);
                Some(Binding { container_port, protocol, host_port, host_ip: binding.host_ip })
            }))
        })
        .flatten()
        .collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_engines_words_become_a_placement() {
        let inspected = json!({
            "HostConfig": {"Memory": 536_870_912, "NanoCpus": 500_000_000, "PidsLimit": -1},
            "Mounts": [
                {"Type": "volume", "Name": "x_data", "Source": "/var/lib/docker/volumes/x_data/_data", "Destination": "/data", "RW": true},
                {"Type": "bind", "Source": "/srv/init", "Destination": "/init", "RW": false},
                {"Type": "tmpfs", "Destination": "/tmp", "RW": true},
            ],
            "NetworkSettings": {
                "Networks": {"x_default": {}},
                "Ports": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8001"}], "9000/udp": null},
            },
        });
        let mounted =
            |content, target: &str, read_only| Mounted { content, target: target.to_owned(), read_only };
        let expected = Placement {
            networks: ["x_default".to_owned()].into(),
            mounts: vec![
                mounted(Content::Volume("x_data".to_owned()), "/data", false),
                mounted(Content::Bind("/srv/init".into()), "/init", true),
                mounted(Content::Other, "/tmp", false),
            ],
            memory: Some(536_870_912),
            nano_cpus: Some(500_000_000),
            pids: None,
            ports: vec![Binding {
                container_port: 8000,
                protocol: Protocol::Tcp,
                host_port: Some(8001),
                host_ip: Some("127.0.0.1".to_owned()),
            }],
        };
        assert_eq!(of(serde_json::from_value(inspected).unwrap()), expected);
    }
}
