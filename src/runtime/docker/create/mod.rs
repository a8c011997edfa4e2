//! A service of the definition in the words of the engine's `POST /containers/create`.

#[cfg(test)]
mod create_test;
mod files;
mod host;
mod mounts;
mod networks;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{ContainerCreateBody, EndpointSettings, HealthConfig, NetworkingConfig};

use super::api::Api;
use crate::definition::model::{Condition, Definition, HealthTest, Healthcheck, Service, ServiceName};
use crate::definition::render::{beside, config_hash, digests};
use crate::runtime::{CreateOrder, RuntimeError};

pub(super) use files::content;
pub(super) use host::ulimit;
pub(super) use networks::map;

/// Label with what [`digests`] gives, for `plan` to tell what changed.
pub(super) const FIELDS: &str = "io.pdex.fields";
/// Version written to `com.docker.compose.version`: the labels are those of Compose 2.
pub(super) const COMPOSE_VERSION: &str = "2.40.3";

/// What has to be known to say a service in the engine's words.
#[derive(Debug)]
pub(super) struct Making<'a> {
    pub(super) definition: &'a Definition,
    pub(super) service: &'a Service,
    pub(super) order: &'a CreateOrder<'a>,
    pub(super) api: Api,
    /// The containers of the services whose namespaces or volumes this one shares.
    pub(super) others: &'a BTreeMap<ServiceName, String>,
}

/// What the engine is asked for.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) body: ContainerCreateBody,
    /// Networks to join afterwards: an engine before 25 takes one at creation.
    pub(super) later: Vec<(String, EndpointSettings)>,
    pub(super) platform: Option<String>,
    /// A tar for the container's root, to be written before it starts.
    pub(super) files: Option<Vec<u8>>,
}

impl Made {
    /// Leaves the container without the names by which others find the service.
    pub(super) fn without_aliases(&mut self) {
        let first = self.body.networking_config.as_mut().and_then(|config| config.endpoints_config.as_mut());
        let first = first.into_iter().flat_map(HashMap::values_mut);
        for endpoint in first.chain(self.later.iter_mut().map(|(_, endpoint)| endpoint)) {
            endpoint.aliases = None;
        }
    }
}

/// The services whose containers have to be known.
pub(super) fn others(service: &Service) -> impl Iterator<Item = ServiceName> {
    let volumes = service.volumes_from.iter().filter(|text| !text.starts_with("container:"));
    let volumes = volumes.map(|text| ServiceName::new(text.split(':').next().unwrap_or_default()));
    service.shares().cloned().chain(volumes)
}

impl Making<'_> {
    /// The request, or what this engine is too old for.
    pub(super) fn made(&self) -> Result<Made, RuntimeError> {
        self.check_api()?;
        let service = self.service;
        let mut endpoints = networks::endpoints(self);
        let first = (!endpoints.is_empty()).then(|| endpoints.remove(0));
        let network_mode = match &service.network_mode {
            Some(mode) => host::namespace(self, mode),
            None => first.as_ref().map_or_else(|| "none".to_owned(), |(name, _)| name.clone()),
        };
        let (exposed, bindings) = networks::ports(service);
        let body = ContainerCreateBody {
            image: Some(self.order.image.0.clone()),
            cmd: service.command.clone(),
            entrypoint: service.entrypoint.clone(),
            env: Some(environment(service)),
            user: service.user.clone(),
            working_dir: service.working_dir.clone(),
            hostname: service.hostname.clone(),
            domainname: service.domainname.clone(),
            tty: service.tty.then_some(true),
            open_stdin: service.stdin_open.then_some(true),
            labels: Some(self.labels().into_iter().collect()),
            exposed_ports: Some(exposed),
            healthcheck: service.healthcheck.as_ref().map(|check| health(check, self.api)),
            stop_signal: service.stop_signal.clone(),
            stop_timeout: service
                .stop_grace_period
                .map(|grace| i64::try_from(grace.as_secs()).unwrap_or(i64::MAX)),
            host_config: Some(host::config(self, network_mode, bindings)?),
            networking_config: first.map(|(name, endpoint)| NetworkingConfig {
                endpoints_config: Some(HashMap::from([(name, endpoint)])),
            }),
            ..ContainerCreateBody::default()
        };
        let platform = service.platform.clone().filter(|_| self.api >= Api::PLATFORM);
        let files = files::archive(self.definition, service)?;
        Ok(Made { body, later: endpoints, platform, files })
    }

    /// What an older engine would ignore without a word.
    fn check_api(&self) -> Result<(), RuntimeError> {
        let service = self.service;
        let mac = service.mac_address.is_some()
            || service.networks.values().any(|attachment| attachment.mac_address.is_some());
        let volumes = || service.mounts.iter().filter_map(|mount| mount.volume.as_ref());
        let binds = || service.mounts.iter().filter_map(|mount| mount.bind.as_ref());
        for (asked, what, needed) in [
            (!service.annotations.is_empty(), "`annotations`", Api::ANNOTATIONS),
            (mac, "`mac_address`", Api::ENDPOINT_MAC),
            (volumes().any(|volume| volume.subpath.is_some()), "`subpath` of a volume", Api::SUBPATH),
            (binds().any(|bind| bind.recursive.is_some()), "`recursive` of a bind mount", Api::RECURSIVE),
        ] {
            if asked && self.api < needed {
                let api = self.api;
                let words = format!("{what} takes an engine of API {needed}; this one has {api}");
                return Err(RuntimeError::Other(words));
            }
        }
        Ok(())
    }

    /// That of the plan, but where Compose hashes identifiers of other containers, which the plan cannot know.
    fn config_hash(&self) -> String {
        if self.others.is_empty() {
            return self.order.plan.config_hash.clone();
        }
        config_hash(&beside(self.service, &|name| self.others.get(name).cloned()))
    }

    /// Labels as Compose writes them, so that its commands find what pdex started.
    fn labels(&self) -> BTreeMap<String, String> {
        let Self { definition, service, order, .. } = self;
        let files: Vec<String> = definition.files.iter().map(|f| f.display().to_string()).collect();
        let depends: Vec<String> = service
            .depends_on
            .iter()
            .map(|(name, dependency)| {
                let condition = match dependency.condition {
                    Condition::ServiceStarted => "service_started",
                    Condition::ServiceHealthy => "service_healthy",
                    Condition::ServiceCompletedSuccessfully => "service_completed_successfully",
                };
                format!("{name}:{condition}:{}", dependency.restart)
            })
            .collect();
        let mut labels = service.labels.clone();
        for (key, value) in [
            ("com.docker.compose.project", definition.project.clone()),
            ("com.docker.compose.service", service.name.to_string()),
            ("com.docker.compose.container-number", order.number.to_string()),
            ("com.docker.compose.oneoff", "False".to_owned()),
            ("com.docker.compose.config-hash", self.config_hash()),
            // Texts under texts, which cannot fail to be written.
            (FIELDS, serde_json::to_string(&digests(service)).unwrap_or_default()),
            ("com.docker.compose.image", order.image.0.clone()),
            ("com.docker.compose.depends_on", depends.join(",")),
            ("com.docker.compose.project.working_dir", definition.directory.display().to_string()),
            ("com.docker.compose.project.config_files", files.join(",")),
            ("com.docker.compose.version", COMPOSE_VERSION.to_owned()),
        ] {
            labels.insert(key.to_owned(), value);
        }
        labels
    }
}

/// `NAME=value` sets a variable; a bare `NAME` takes away what the image sets.
pub(super) fn environment(service: &Service) -> Vec<String> {
    let set = service.environment.iter().map(|(key, value)| format!("{key}={value}"));
    set.chain(service.unset_environment.iter().cloned()).collect()
}

pub(super) fn health(check: &Healthcheck, api: Api) -> HealthConfig {
    let test = match &check.test {
        HealthTest::Disabled => vec!["NONE".to_owned()],
        HealthTest::Command(argv) => std::iter::once("CMD".to_owned()).chain(argv.iter().cloned()).collect(),
        HealthTest::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
    };
    HealthConfig {
        test: Some(test),
        interval: check.interval.map(nanos),
        timeout: check.timeout.map(nanos),
        retries: check.retries.map(i64::from),
        start_period: check.start_period.map(nanos),
        // pdex asks by itself while a service starts, so an older engine misses nothing.
        start_interval: check.start_interval.filter(|_| api >= Api::START_INTERVAL).map(nanos),
    }
}

pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
