//! What the double gave a container, kept in a form that outlives the program.

use serde::{Deserialize, Serialize};

use super::memory::Held;
use crate::definition::model::{Definition, MountSource, Protocol, Service};
use crate::world::live::Binding;
use crate::world::placement::{Content, Mounted, Placement};

/// As it was ordered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    /// Kind, source, target, whether it is read-only.
    mounts: Vec<(Kind, String, String, bool)>,
    memory: Option<u64>,
    nano_cpus: Option<u64>,
    pids: Option<u64>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Kind {
    Bind,
    Volume,
    Other,
}

impl Given {
    pub(super) fn of(definition: &Definition, service: &Service) -> Self {
        let mounts = service.mounts.iter().map(|mount| {
            let (kind, source) = match &mount.source {
                MountSource::Bind(path) => (Kind::Bind, path.display().to_string()),
                MountSource::Volume(key) => {
                    let name = definition.volumes.get(key).map(|volume| volume.name.clone());
                    (Kind::Volume, name.unwrap_or_default())
                }
                MountSource::Anonymous => (Kind::Volume, "0".repeat(64)),
                MountSource::Tmpfs => (Kind::Other, String::new()),
            };
            (kind, source, mount.target.clone(), mount.read_only)
        });
        let limits = service.limits();
        let limit = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok()).filter(|v| *v > 0);
        Self {
            mounts: mounts.collect(),
            memory: limit(limits.memory),
            nano_cpus: limit(limits.nano_cpus),
            pids: limit(limits.pids),
        }
    }
}

impl Held {
    pub(super) fn placement(&self) -> Placement {
        let given = &self.facts.given;
        let mounts = given.mounts.iter().map(|(kind, source, target, read_only)| Mounted {
            content: match kind {
                Kind::Bind => Content::Bind(source.into()),
                Kind::Volume => Content::Volume(source.clone()),
                Kind::Other => Content::Other,
            },
            target: target.clone(),
            read_only: *read_only,
        });
        let published = self.facts.bindings.iter().filter(|_| self.running);
        Placement {
            networks: self.networks.iter().cloned().collect(),
            mounts: mounts.collect(),
            memory: given.memory,
            nano_cpus: given.nano_cpus,
            pids: given.pids,
            ports: published
                .map(|(container, host, ip)| Binding {
                    container_port: *container,
                    protocol: Protocol::Tcp,
                    host_port: Some(*host),
                    host_ip: Some(if ip.is_empty() { "0.0.0.0".to_owned() } else { ip.clone() }),
                })
                .collect(),
        }
    }
}
