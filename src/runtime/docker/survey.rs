//! The engine's and the machine's answers to the questions of [`Survey`].

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use bollard::query_parameters as query;

use super::{Docker, PROJECT, error, listeners, placement};
use crate::runtime::operate::{Kind, Operate as _};
use crate::runtime::{RuntimeError, Survey};
use crate::world::ContainerId;
use crate::world::machine::{AddressedNetwork, Disk, Holder, Machine, Owner, Subnet};
use crate::world::placement::Placement;
use crate::world::time::Timestamp;

impl Survey for Docker {
    async fn machine(&self) -> Result<Machine, RuntimeError> {
        let asked = now();
        let (info, version) =
            futures_util::try_join!(self.whole(self.client.info()), self.whole(self.client.version()))?;
        let answered = now();
        let root = PathBuf::from(info.docker_root_dir.unwrap_or_default());
        let local = self.is_local();
        let count = |number: Option<i64>| number.and_then(|n| u64::try_from(n).ok()).filter(|n| *n > 0);
        Ok(Machine {
            api_version: version.api_version.unwrap_or_default(),
            architecture: version.arch.unwrap_or_default(),
            system: info.os_type.unwrap_or_default(),
            memory: count(info.mem_total),
            cpus: count(info.ncpu),
            driver: info.driver.unwrap_or_default(),
            cgroup_version: info.cgroup_version.map(|v| v.to_string()).unwrap_or_default(),
            disk: disk(&root).filter(|_| local),
            clock_ahead_ms: info
                .system_time
                .and_then(|text| Timestamp::parse(&text))
                .map(|theirs| ahead_ms(theirs, asked, answered)),
            root,
            local,
        })
    }

    async fn holder(&self, port: u16) -> Result<Option<Holder>, RuntimeError> {
        let filters = HashMap::from([("publish".to_owned(), vec![format!("{port}/tcp")])]);
        let options = query::ListContainersOptionsBuilder::new().filters(&filters).build();
        let found = self.whole(self.client.list_containers(Some(options))).await?;
        if let Some(container) = found.into_iter().next() {
            let name = container.names.unwrap_or_default().into_iter().next().unwrap_or_default();
            return Ok(Some(Holder::Container(owner(&name, container.labels.as_ref()))));
        }
        Ok(if self.is_local() { listeners::holder(Path::new("/proc"), port) } else { None })
    }

    async fn owner(&self, name: &str) -> Result<Option<Owner>, RuntimeError> {
        let options: Option<query::InspectContainerOptions> = None;
        match self.whole(self.client.inspect_container(name, options)).await {
            Ok(found) => {
                let labels = found.config.and_then(|config| config.labels);
                Ok(Some(owner(&found.name.unwrap_or_default(), labels.as_ref())))
            }
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn networks(&self) -> Result<Vec<AddressedNetwork>, RuntimeError> {
        let all = self.client.list_networks(None::<query::ListNetworksOptions>);
        let all = self.whole(all).await?;
        Ok(all
            .into_iter()
            .map(|network| {
                let pools = network.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
                let subnets = pools.into_iter().filter_map(|pool| Subnet::parse(&pool.subnet?));
                AddressedNetwork { name: network.name.unwrap_or_default(), subnets: subnets.collect() }
            })
            .collect())
    }

    async fn image_platform(&self, reference: &str) -> Result<Option<String>, RuntimeError> {
        match self.whole(self.client.inspect_image(reference)).await {
            Ok(image) => Ok(image.os.zip(image.architecture).map(|(os, architecture)| {
                let variant = image.variant.filter(|v| !v.is_empty()).map(|v| format!("/{v}"));
                format!("{os}/{architecture}{}", variant.unwrap_or_default())
            })),
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }

    async fn last_test(&self, id: &ContainerId) -> Result<Option<String>, RuntimeError> {
        let options: Option<query::InspectContainerOptions> = None;
        let found = self.whole(self.client.inspect_container(&id.0, options)).await?;
        let last = found.state.and_then(|s| s.health).and_then(|h| h.log).and_then(|mut log| log.pop());
        Ok(last.filter(|test| test.exit_code != Some(0)).and_then(|test| test.output))
    }

    async fn placement(&self, id: &ContainerId) -> Result<Placement, RuntimeError> {
        let options: Option<query::InspectContainerOptions> = None;
        Ok(placement::of(self.whole(self.client.inspect_container(&id.0, options)).await?))
    }

    async fn address(&self, id: &ContainerId) -> Result<Option<IpAddr>, RuntimeError> {
        let document = self.document(Kind::Container, &id.0).await?;
        let networks = document["NetworkSettings"]["Networks"].as_object();
        let mut addresses = networks.into_iter().flat_map(serde_json::Map::values);
        Ok(addresses.find_map(|network| network["IPAddress"].as_str()?.parse().ok()))
    }

    async fn offered(&self, reference: &str) -> Result<(), RuntimeError> {
        match self.whole(self.client.inspect_registry_image(reference, None)).await {
            Ok(_) => Ok(()),
            Err(
                e @ (RuntimeError::Unreachable { .. }
                | RuntimeError::Denied { .. }
                | RuntimeError::TimedOut(_)),
            ) => Err(e),
            Err(e) => {
                let cause = e.to_string();
                Err(if error::is_unreachable_registry(&cause) {
                    RuntimeError::NoRegistry { reference: reference.to_owned(), cause }
                } else {
                    RuntimeError::NotFound(cause)
                })
            }
        }
    }
}

impl Docker {
    /// Whether its files, ports and routes are this machine's.
    pub(super) fn is_local(&self) -> bool {
        self.host.starts_with("unix://") || self.host.starts_with('/')
    }
}

fn owner(name: &str, labels: Option<&HashMap<String, String>>) -> Owner {
    let label = |key: &str| labels.and_then(|labels| labels.get(key)).cloned();
    Owner {
        container: name.trim_start_matches('/').to_owned(),
        project: label(PROJECT),
        service: label("com.docker.compose.service"),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A time told between two others is as far ahead as it is outside of them: how long the answer took does not count.
fn ahead_ms(theirs: Timestamp, asked: Timestamp, answered: Timestamp) -> i64 {
    let outside = theirs.0.saturating_sub(answered.0).max(0) - asked.0.saturating_sub(theirs.0).max(0);
    outside / 1_000_000
}

/// Room on the disk that has a folder, where this user can see it.
fn disk(folder: &Path) -> Option<Disk> {
    // The engine's own folder is closed to most users; the nearest that is open is most often on the same disk.
    let seen = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    let unit = seen.f_frsize.max(1);
    Some(Disk { free: seen.f_bavail.saturating_mul(unit), size: seen.f_blocks.saturating_mul(unit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_by_what_the_answer_does_not_explain() {
        let at = |ms: i64| Timestamp(ms * 1_000_000);
        for (theirs, expected) in [(105, 0), (100, 0), (140, 0), (150, 10), (70, -30)] {
            assert_eq!(ahead_ms(at(theirs), at(100), at(140)), expected, "{theirs}");
        }
    }
}
