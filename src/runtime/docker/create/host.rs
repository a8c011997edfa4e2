//! `HostConfig`: what a container gets from the machine, and what it may do there.

use std::collections::HashMap;

use bollard::models::{
    DeviceMapping, DeviceRequest, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, PortBinding,
    ResourcesUlimits, RestartPolicy, RestartPolicyNameEnum,
};

use super::Making;
use super::networks::map;
use super::{files, mounts, networks};
use crate::definition::model::{
    self as definition, Logging, Namespace, Restart, Service, ServiceName, Ulimit,
};
use crate::runtime::{RuntimeError, container_name};

impl Making<'_> {
    /// The container that stands for another service: its identifier, or its name while that is not known.
    pub(super) fn container(&self, name: &ServiceName) -> String {
        let named = || {
            let service = self.definition.services.get(name);
            service.map_or_else(
                || name.to_string(),
                |service| container_name(&self.definition.project, service, 1),
            )
        };
        self.others.get(name).cloned().unwrap_or_else(named)
    }
}

/// A namespace as the engine takes it.
pub(super) fn namespace(making: &Making<'_>, namespace: &Namespace) -> String {
    match namespace {
        Namespace::Service(name) => format!("container:{}", making.container(name)),
        other => other.to_string(),
    }
}

pub(super) fn config(
    making: &Making<'_>,
    network_mode: String,
    bindings: HashMap<String, Option<Vec<PortBinding>>>,
) -> Result<HostConfig, RuntimeError> {
    let service = making.service;
    let mut mounts = mounts::mounts(making)?;
    mounts.extend(files::mounts(making));
    let binds = mounts::binds(making);
    let shared = |own: &Option<Namespace>| own.as_ref().map(|own| namespace(making, own));
    let base = HostConfig {
        network_mode: Some(network_mode),
        port_bindings: Some(bindings),
        mounts: Some(mounts),
        binds: (!binds.is_empty()).then_some(binds),
        volumes_from: mounts::volumes_from(making),
        // On the engine's own bridge there is no endpoint of ours to write them to.
        links: service.network_mode.is_some().then(|| networks::links(making)).filter(|l| !l.is_empty()),
        tmpfs: mounts::tmpfs(&service.tmpfs),
        restart_policy: Some(restart(service.restart_policy())),
        log_config: Some(log_config(service.logging.as_ref())),
        init: service.init,
        runtime: service.runtime.clone(),
        annotations: map(&service.annotations),
        pid_mode: shared(&service.pid),
        ipc_mode: shared(&service.ipc),
        uts_mode: service.uts.clone(),
        userns_mode: service.userns_mode.clone(),
        cgroupns_mode: service.cgroup.as_deref().map(cgroup).transpose()?,
        cgroup_parent: service.cgroup_parent.clone(),
        storage_opt: map(&service.storage_opt),
        ..HostConfig::default()
    };
    Ok(usage(service, permissions(service, base)))
}

fn permissions(service: &Service, base: HostConfig) -> HostConfig {
    let some = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    let devices: Vec<DeviceMapping> = service.devices.iter().map(device).collect();
    let reserved = service.reservations().devices;
    let requests: Vec<DeviceRequest> =
        service.gpus.iter().map(gpu).chain(reserved.iter().map(request)).collect();
    HostConfig {
        readonly_rootfs: Some(service.read_only),
        privileged: service.privileged.then_some(true),
        cap_add: some(&service.cap_add),
        cap_drop: some(&service.cap_drop),
        security_opt: some(&service.security_opt),
        group_add: some(&service.group_add),
        extra_hosts: some(&service.extra_hosts),
        dns: some(&service.dns),
        dns_search: some(&service.dns_search),
        dns_options: some(&service.dns_opt),
        devices: (!devices.is_empty()).then_some(devices),
        device_requests: (!requests.is_empty()).then_some(requests),
        device_cgroup_rules: some(&service.device_cgroup_rules),
        sysctls: map(&service.sysctls),
        ..base
    }
}

fn usage(service: &Service, base: HostConfig) -> HostConfig {
    let (usage, limits) = (&service.usage, service.limits());
    let ulimits: Vec<ResourcesUlimits> = service.ulimits.iter().map(|(name, u)| ulimit(name, *u)).collect();
    HostConfig {
        nano_cpus: limits.nano_cpus,
        memory: limits.memory,
        pids_limit: limits.pids,
        memory_reservation: service.reservations().memory,
        memory_swap: usage.memswap_limit,
        memory_swappiness: usage.mem_swappiness,
        oom_kill_disable: usage.oom_kill_disable.then_some(true),
        oom_score_adj: usage.oom_score_adj,
        cpu_period: usage.cpu_period,
        cpu_quota: usage.cpu_quota,
        cpu_realtime_period: usage.cpu_rt_period,
        cpu_realtime_runtime: usage.cpu_rt_runtime,
        cpu_shares: usage.cpu_shares,
        cpuset_cpus: usage.cpuset.clone(),
        shm_size: service.shm_size,
        ulimits: (!ulimits.is_empty()).then_some(ulimits),
        ..base
    }
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

/// Where the definition is silent, a file that does not grow without end: Compose users meet full disks.
fn log_config(logging: Option<&Logging>) -> HostConfigLogConfig {
    let Some(logging) = logging else {
        let limits = [("max-size", "10m"), ("max-file", "3")];
        let limits = limits.map(|(name, value)| (name.to_owned(), value.to_owned()));
        return HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(limits.into()) };
    };
    HostConfigLogConfig { typ: logging.driver.clone(), config: map(&logging.options) }
}

fn cgroup(text: &str) -> Result<HostConfigCgroupnsModeEnum, RuntimeError> {
    match text {
        "host" => Ok(HostConfigCgroupnsModeEnum::HOST),
        "private" => Ok(HostConfigCgroupnsModeEnum::PRIVATE),
        other => Err(RuntimeError::Other(format!("cgroup `{other}` is neither host nor private"))),
    }
}

fn device(device: &definition::Device) -> DeviceMapping {
    let permissions = if device.permissions.is_empty() { "rwm" } else { &device.permissions };
    DeviceMapping {
        path_on_host: Some(device.source.clone()),
        path_in_container: Some(device.target.clone()),
        cgroup_permissions: Some(permissions.to_owned()),
    }
}

/// A wish of `gpus` is for GPUs though it does not say so.
fn gpu(asked: &definition::DeviceRequest) -> DeviceRequest {
    let mut capabilities = asked.capabilities.clone();
    if !capabilities.iter().any(|capability| capability == "gpu") {
        capabilities.push("gpu".to_owned());
    }
    request(&definition::DeviceRequest { capabilities, ..asked.clone() })
}

/// Neither a number nor names means one of each, which Docker spells -1.
fn request(asked: &definition::DeviceRequest) -> DeviceRequest {
    let all = asked.count.is_none() && asked.device_ids.is_empty();
    DeviceRequest {
        driver: asked.driver.clone(),
        count: if all { Some(-1) } else { asked.count },
        device_ids: (!asked.device_ids.is_empty()).then(|| asked.device_ids.clone()),
        capabilities: Some(vec![asked.capabilities.clone()]),
        options: map(&asked.options),
    }
}

pub(in crate::runtime::docker) fn ulimit(name: &str, limit: Ulimit) -> ResourcesUlimits {
    let (soft, hard) = match limit {
        Ulimit::Single(value) => (value, value),
        Ulimit::Range { soft, hard } => (soft, hard),
    };
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(soft), hard: Some(hard) }
}
