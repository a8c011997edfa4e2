//! One service.

use super::{
    attributes, build, deploy, extension, files, health, implied, is_name, machine, mounts, networks, ports,
    process,
};
use crate::definition::field::Field;
use crate::definition::model::{Attachment, Namespace, Service, ServiceName};

/// Reads a service.
pub(super) fn read(field: &Field<'_>, name: &str, project: &str) -> Service {
    let mut service = Service { name: ServiceName::new(name), ..Service::default() };
    let mut parts = Parts::default();
    for (key, value) in field.entries() {
        let key_text = key.text.as_str();
        value.locate(key.mark, 2);
        let handled = image(&mut service, key_text, &value)
            || container(&mut service, key_text, &value)
            || process(&mut service, key_text, &value)
            || network(&mut service, key_text, &value)
            || storage(&mut service, key_text, &value)
            || permissions(&mut service, key_text, &value)
            || machine::usage(&mut service.usage, key_text, &value)
            || parts.take(key_text, &value);
        if !handled {
            value.unexpected(key, attributes::SERVICE, attributes::SERVICE_UNSUPPORTED);
        }
    }
    process::environment(&mut service, parts.environment.as_ref(), parts.env_file.as_ref());
    process::labels(&mut service, parts.labels.as_ref(), parts.label_file.as_ref());
    if service.networks.is_empty() && service.network_mode.is_none() {
        service.networks.insert("default".into(), Attachment::default());
    }
    service.image_named = !service.image.is_empty();
    if !service.image_named && service.build.is_some() {
        service.image = format!("{project}-{name}");
    }
    if let (Some(scale), Some(deploy)) = (service.scale, &mut service.deploy) {
        if deploy.replicas.is_some_and(|replicas| replicas != scale) {
            field.wrong("`scale` and `deploy.replicas` differ");
        }
        deploy.replicas = Some(scale);
    }
    implied::dependencies(&mut service, field);
    service
}

/// Attributes that are read together.
#[derive(Default)]
struct Parts<'a> {
    environment: Option<Field<'a>>,
    env_file: Option<Field<'a>>,
    labels: Option<Field<'a>>,
    label_file: Option<Field<'a>>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, key: &str, field: &Field<'a>) -> bool {
        let part = match key {
            "environment" => &mut self.environment,
            "env_file" => &mut self.env_file,
            "labels" => &mut self.labels,
            "label_file" => &mut self.label_file,
            _ => return false,
        };
        *part = Some(field.clone());
        true
    }
}

/// Where the image comes from.
fn image(service: &mut Service, key: &str, field: &Field<'_>) -> bool {
    match key {
        "image" => service.image = field.name().unwrap_or_default(),
        "build" => service.build = build::read(field),
        "pull_policy" => service.pull_policy = process::pull_policy(field),
        "platform" => service.platform = field.optional(),
        "profiles" => service.profiles = field.distinct(),
        "x-pdex" => service.pdex = extension::read(field),
        _ => return false,
    }
    true
}

/// The container as a whole, and how many of them.
fn container(service: &mut Service, key: &str, field: &Field<'_>) -> bool {
    match key {
        "container_name" => {
            field.remember();
            service.container_name = field.name();
            if service.container_name.as_deref().is_some_and(|name| !is_name(name)) {
                field.wrong("a container's name has only letters, digits, `_`, `.` and `-`");
            }
        }
        "annotations" => service.annotations = field.dictionary(),
        "scale" => {
            field.remember();
            service.scale = field.integer("a number of containers");
        }
        "deploy" => {
            field.remember();
            service.deploy = deploy::read(field);
        }
        "hostname" => service.hostname = field.optional(),
        "domainname" => service.domainname = field.optional(),
        "runtime" => service.runtime = field.optional(),
        "logging" => service.logging = process::logging(field),
        "attach" => service.attach = field.boolean(),
        _ => return false,
    }
    true
}

/// What runs, and how it ends.
fn process(service: &mut Service, key: &str, field: &Field<'_>) -> bool {
    match key {
        "command" => service.command = field.command(),
        "entrypoint" => service.entrypoint = field.command(),
        "user" => service.user = field.optional(),
        "group_add" => service.group_add = field.literals(),
        "working_dir" => service.working_dir = field.optional(),
        "init" => service.init = field.boolean(),
        "tty" => service.tty = field.flag(),
        "stdin_open" => service.stdin_open = field.flag(),
        "restart" => service.restart = process::restart(field),
        "healthcheck" => service.healthcheck = health::read(field),
        "depends_on" => service.depends_on = process::depends_on(field),
        "post_start" => service.post_start = process::hooks(field),
        "pre_stop" => service.pre_stop = process::hooks(field),
        "stop_signal" => service.stop_signal = field.optional(),
        "stop_grace_period" => service.stop_grace_period = field.duration(),
        _ => return false,
    }
    true
}

/// What the container is joined to.
fn network(service: &mut Service, key: &str, field: &Field<'_>) -> bool {
    match key {
        "ports" => {
            field.remember();
            service.ports = ports::read(field);
        }
        "expose" => service.expose = ports::exposed(field),
        "networks" => service.networks = networks::attachments(field),
        "network_mode" => {
            field.remember();
            service.network_mode = field.optional().as_deref().map(Namespace::new);
        }
        "links" => service.links = field.keyed(),
        "external_links" => service.external_links = field.texts(),
        "mac_address" => service.mac_address = field.optional(),
        "dns" => service.dns = field.keyed(),
        "dns_search" => service.dns_search = field.keyed(),
        "dns_opt" => service.dns_opt = field.keyed(),
        "extra_hosts" => service.extra_hosts = networks::extra_hosts(field),
        _ => return false,
    }
    true
}

/// What the container finds in its file system.
fn storage(service: &mut Service, key: &str, field: &Field<'_>) -> bool {
    match key {
        "volumes" => service.mounts = mounts::read(field),
        "volumes_from" => service.volumes_from = field.texts(),
        "tmpfs" => service.tmpfs = field.keyed(),
        "secrets" => service.secrets = files::references(field, Some("/run/secrets")),
        "configs" => service.configs = files::references(field, None),
        "read_only" => service.read_only = field.flag(),
        "storage_opt" => service.storage_opt = field.dictionary(),
        "shm_size" => service.shm_size = field.size(),
        _ => return false,
    }
    true
}

/// What the container may do.
fn permissions(service: &mut Service, key: &str, field: &Field<'_>) -> bool {
    match key {
        "privileged" => service.privileged = field.flag(),
        "cap_add" => service.cap_add = field.keyed(),
        "cap_drop" => service.cap_drop = field.keyed(),
        "security_opt" => service.security_opt = field.distinct(),
        "devices" => service.devices = machine::devices(field),
        "device_cgroup_rules" => service.device_cgroup_rules = field.distinct(),
        "gpus" => service.gpus = machine::requests(field),
        "sysctls" => service.sysctls = field.dictionary(),
        "ulimits" => service.ulimits = machine::ulimits(field),
        "pid" => service.pid = field.optional().as_deref().map(Namespace::new),
        "ipc" => service.ipc = field.optional().as_deref().map(Namespace::new),
        "uts" => service.uts = field.optional(),
        "userns_mode" => service.userns_mode = field.optional(),
        "cgroup" => service.cgroup = field.optional(),
        "cgroup_parent" => service.cgroup_parent = field.optional(),
        _ => return false,
    }
    true
}
