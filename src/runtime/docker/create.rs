//! A service of the definition in the words of the engine's `POST /containers/create`.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, EndpointSettings, HealthConfig, HostConfig, HostConfigLogConfig, Mount,
    MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions, NetworkingConfig, PortBinding,
    RestartPolicy, RestartPolicyNameEnum,
};

use crate::definition::model::{
    self as definition, Condition, Definition, HealthTest, Healthcheck, MountSource, Port, Restart, Service,
};
use crate::definition::render::digests;
use crate::runtime::CreateOrder;

/// Label with what [`digests`] gives, for `plan` to tell what changed.
pub(super) const FIELDS: &str = "io.pdex.fields";
/// Version written to `com.docker.compose.version`: the labels are those of Compose 2.
const COMPOSE_VERSION: &str = "2.40.3";

/// The body, and the networks to join afterwards: an engine before 25 takes one at creation.
pub(super) fn body(
    definition: &Definition,
    service: &Service,
    order: &CreateOrder<'_>,
) -> (ContainerCreateBody, Vec<(String, EndpointSettings)>) {
    let mut endpoints = endpoints(definition, service);
    let first = (!endpoints.is_empty()).then(|| endpoints.remove(0));
    let network_mode = first.as_ref().map_or_else(|| "none".to_owned(), |(name, _)| name.clone());
    let (exposed, bindings) = ports(&service.ports);
    let body = ContainerCreateBody {
        image: Some(order.image.0.clone()),
        cmd: service.command.clone(),
        entrypoint: service.entrypoint.clone(),
        env: Some(environment(service)),
        user: service.user.clone(),
        working_dir: service.working_dir.clone(),
        labels: Some(labels(definition, service, order).into_iter().collect()),
        exposed_ports: Some(exposed),
        healthcheck: service.healthcheck.as_ref().map(health),
        stop_signal: service.stop_signal.clone(),
        stop_timeout: service
            .stop_grace_period
            .map(|grace| i64::try_from(grace.as_secs()).unwrap_or(i64::MAX)),
        host_config: Some(host_config(definition, service, network_mode, bindings)),
        networking_config: first.map(|(name, endpoint)| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(name, endpoint)])),
        }),
        ..ContainerCreateBody::default()
    };
    (body, endpoints)
}

fn host_config(
    definition: &Definition,
    service: &Service,
    network_mode: String,
    bindings: HashMap<String, Option<Vec<PortBinding>>>,
) -> HostConfig {
    let limits = service.limits();
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    HostConfig {
        network_mode: Some(network_mode),
        port_bindings: Some(bindings),
        mounts: Some(mounts(definition, service)),
        restart_policy: Some(restart(service.restart_policy())),
        init: service.init,
        readonly_rootfs: Some(service.read_only),
        tmpfs: tmpfs(service),
        cap_add: some(&service.cap_add),
        cap_drop: some(&service.cap_drop),
        security_opt: some(&service.security_opt),
        extra_hosts: some(&service.extra_hosts),
        nano_cpus: limits.nano_cpus,
        memory: limits.memory,
        pids_limit: limits.pids,
        memory_reservation: service.reservations().memory,
        // The engine's default file grows without end; Compose users meet full disks this way.
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([
                ("max-size".to_owned(), "10m".to_owned()),
                ("max-file".to_owned(), "3".to_owned()),
            ])),
        }),
        ..HostConfig::default()
    }
}

/// `NAME=value` sets a variable; a bare `NAME` takes away what the image sets.
fn environment(service: &Service) -> Vec<String> {
    let set = service.environment.iter().map(|(key, value)| format!("{key}={value}"));
    set.chain(service.unset_environment.iter().cloned()).collect()
}

/// Labels as Compose writes them, so that its commands find what pdex started, and two of our own.
fn labels(definition: &Definition, service: &Service, order: &CreateOrder<'_>) -> BTreeMap<String, String> {
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
        ("com.docker.compose.config-hash", order.plan.config_hash.clone()),
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

fn endpoints(definition: &Definition, service: &Service) -> Vec<(String, EndpointSettings)> {
    service
        .networks
        .iter()
        .filter_map(|(key, attachment)| {
            let network = definition.networks.get(key)?;
            let mut aliases = attachment.aliases.clone();
            aliases.push(service.name.to_string());
            Some((
                network.name.clone(),
                EndpointSettings { aliases: Some(aliases), ..EndpointSettings::default() },
            ))
        })
        .collect()
}

type PortMaps = (Vec<String>, HashMap<String, Option<Vec<PortBinding>>>);

fn ports(ports: &[Port]) -> PortMaps {
    let mut exposed = Vec::new();
    let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::new();
    for port in ports {
        let key = format!("{}/{}", port.target, port.protocol.as_str());
        let binding = PortBinding {
            host_ip: port.host_ip.clone(),
            host_port: Some(port.published.map_or_else(String::new, |p| p.to_string())),
        };
        bindings.entry(key.clone()).or_default().get_or_insert_default().push(binding);
        exposed.push(key);
    }
    exposed.sort_unstable();
    exposed.dedup();
    (exposed, bindings)
}

fn mounts(definition: &Definition, service: &Service) -> Vec<Mount> {
    service.mounts.iter().map(|mount| one_mount(definition, mount)).collect()
}

fn one_mount(definition: &Definition, mount: &definition::Mount) -> Mount {
    let (typ, source) = match &mount.source {
        MountSource::Bind(path) => (MountType::BIND, Some(path.display().to_string())),
        MountSource::Volume(key) => {
            let volume = definition.volumes.get(key);
            (MountType::VOLUME, Some(volume.map_or_else(|| key.clone(), |v| v.name.clone())))
        }
        MountSource::Anonymous => (MountType::VOLUME, None),
        MountSource::Tmpfs => (MountType::TMPFS, None),
    };
    let propagation = mount.bind.as_ref().and_then(|b| b.propagation.as_ref()?.parse().ok());
    Mount {
        target: Some(mount.target.clone()),
        source,
        typ: Some(typ),
        read_only: Some(mount.read_only),
        bind_options: propagation.map(|propagation| MountBindOptions {
            propagation: Some(propagation),
            ..MountBindOptions::default()
        }),
        volume_options: mount
            .volume
            .as_ref()
            .map(|v| MountVolumeOptions { no_copy: Some(v.nocopy), ..MountVolumeOptions::default() }),
        tmpfs_options: mount.tmpfs.as_ref().map(|tmpfs| MountTmpfsOptions {
            size_bytes: tmpfs.size,
            mode: tmpfs.mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        ..Mount::default()
    }
}

/// `path[:options]` → the engine's map of path to options.
fn tmpfs(service: &Service) -> Option<HashMap<String, String>> {
    let entry = |text: &String| {
        let (path, options) = text.split_once(':').unwrap_or((text, ""));
        (path.to_owned(), options.to_owned())
    };
    (!service.tmpfs.is_empty()).then(|| service.tmpfs.iter().map(entry).collect())
}

fn restart(restart: Restart) -> RestartPolicy {
    let (name, maximum_retry_count) = match restart {
        Restart::No => (RestartPolicyNameEnum::NO, None),
        Restart::Always => (RestartPolicyNameEnum::ALWAYS, None),
        Restart::UnlessStopped => (RestartPolicyNameEnum::UNLESS_STOPPED, None),
        Restart::OnFailure { max_retries } => (RestartPolicyNameEnum::ON_FAILURE, max_retries.map(i64::from)),
    };
    RestartPolicy { name: Some(name), maximum_retry_count }
}

fn health(check: &Healthcheck) -> HealthConfig {
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
        start_interval: None,
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}
