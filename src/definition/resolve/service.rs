//! One service.

use std::collections::BTreeMap;

use super::{attributes, deploy, extension, health, is_name, mounts, ports};
use crate::definition::field::Field;
use crate::definition::model::{Attachment, Build, Condition, Dependency, Restart, Service, ServiceName};
use crate::definition::node::{Key, Value};

/// Reads a service.
pub(super) fn read(field: &Field<'_>, name: &str, project: &str) -> Service {
    let mut service = Service { name: ServiceName::new(name), ..Service::default() };
    for (key, value) in field.entries() {
        let handled = image(&mut service, key, &value)
            || process(&mut service, key, &value)
            || surroundings(&mut service, key, &value)
            || limits(&mut service, key, &value);
        if !handled {
            value.unexpected(key, attributes::SERVICE, attributes::SERVICE_UNSUPPORTED);
        }
    }
    if service.networks.is_empty() {
        service.networks.insert("default".into(), Attachment::default());
    }
    service.image_named = !service.image.is_empty();
    if !service.image_named && service.build.is_some() {
        service.image = format!("{project}-{name}");
    }
    service
}

/// Where the container comes from and what it is called.
fn image(service: &mut Service, key: &Key, field: &Field<'_>) -> bool {
    match key.text.as_str() {
        "image" => service.image = field.name().unwrap_or_default(),
        "build" => service.build = build(field),
        "container_name" => {
            field.remember();
            service.container_name = field.name();
            if service.container_name.as_deref().is_some_and(|name| !is_name(name)) {
                field.wrong("a container's name has only letters, digits, `_`, `.` and `-`");
            }
        }
        "labels" => {
            let labels = field.pairs().into_iter();
            service.labels = labels.map(|(name, value)| (name, value.unwrap_or_default())).collect();
        }
        "profiles" => service.profiles = field.distinct(),
        "x-pdex" => service.pdex = extension::read(field),
        _ => return false,
    }
    true
}

/// What runs, and how it ends.
fn process(service: &mut Service, key: &Key, field: &Field<'_>) -> bool {
    match key.text.as_str() {
        "command" => service.command = field.command(),
        "entrypoint" => service.entrypoint = field.command(),
        "environment" => environment(service, field),
        "user" => service.user = field.text().filter(|text| !text.is_empty()),
        "working_dir" => service.working_dir = field.name(),
        "init" => service.init = field.boolean(),
        "restart" => service.restart = restart(field),
        "healthcheck" => service.healthcheck = health::read(field),
        "stop_signal" => service.stop_signal = field.name(),
        "stop_grace_period" => service.stop_grace_period = field.duration(),
        _ => return false,
    }
    true
}

/// What the container is joined to.
fn surroundings(service: &mut Service, key: &Key, field: &Field<'_>) -> bool {
    match key.text.as_str() {
        "ports" => {
            field.remember();
            service.ports = ports::read(field);
        }
        "volumes" => service.mounts = mounts::read(field),
        "networks" => service.networks = networks(field),
        "depends_on" => service.depends_on = depends_on(field),
        "extra_hosts" => service.extra_hosts = extra_hosts(field),
        "tmpfs" => service.tmpfs = field.one_or_more(),
        _ => return false,
    }
    true
}

/// What the container may do and use.
fn limits(service: &mut Service, key: &Key, field: &Field<'_>) -> bool {
    match key.text.as_str() {
        "read_only" => service.read_only = field.boolean().unwrap_or_default(),
        "cap_add" => service.cap_add = field.distinct(),
        "cap_drop" => service.cap_drop = field.distinct(),
        "security_opt" => service.security_opt = field.distinct(),
        "deploy" => deploy::read(service, field),
        _ => return false,
    }
    true
}

fn build(field: &Field<'_>) -> Option<Build> {
    let (mut context, mut dockerfile, mut args, mut target) = (None, None, BTreeMap::new(), None);
    if field.is_scalar() {
        context = field.name();
    } else {
        for (key, value) in field.entries() {
            match key.text.as_str() {
                "context" => context = value.name(),
                "dockerfile" => dockerfile = value.name(),
                "target" => target = value.name(),
                "args" => {
                    let from_environment = |name: &str| (value.context.variable)(name);
                    let pairs = value.pairs().into_iter();
                    args = pairs
                        .filter_map(|(name, v)| Some((name.clone(), v.or_else(|| from_environment(&name))?)))
                        .collect();
                }
                _ => value.unexpected(key, attributes::BUILD, attributes::BUILD_UNSUPPORTED),
            }
        }
        context = context.or(Some(".".into()));
    }
    let context = context?;
    if context.contains("://") || context.starts_with("git@") {
        field.wrong("a build context that is not a local folder is not supported by pdex");
        return None;
    }
    let context = field.context.path(&context);
    let dockerfile = field.context.path_from(&context, dockerfile.as_deref().unwrap_or("Dockerfile"));
    Some(Build { context, dockerfile, args, target, ..Build::default() })
}

fn environment(service: &mut Service, field: &Field<'_>) {
    for (name, value) in field.pairs() {
        if name.is_empty() || name.contains(['=', '\0']) {
            field.wrong(format_args!("`{name}` cannot be the name of a variable"));
            continue;
        }
        if let Some(value) = value.or_else(|| (field.context.variable)(&name)) {
            service.unset_environment.remove(&name);
            service.environment.insert(name, value);
        } else {
            service.environment.remove(&name);
            service.unset_environment.insert(name);
        }
    }
}

fn restart(field: &Field<'_>) -> Option<Restart> {
    let text = field.text()?;
    let (policy, count) = text.split_once(':').map_or((text.as_str(), None), |(p, c)| (p, Some(c)));
    let max_retries = count.map(str::parse);
    let restart = match (policy, max_retries) {
        ("no", None) => Some(Restart::No),
        ("always", None) => Some(Restart::Always),
        ("unless-stopped", None) => Some(Restart::UnlessStopped),
        ("on-failure", None) => Some(Restart::OnFailure { max_retries: None }),
        ("on-failure", Some(Ok(count))) => Some(Restart::OnFailure { max_retries: Some(count) }),
        _ => None,
    };
    if restart.is_none() {
        field.wrong(format_args!(
            "`{text}` is none of \"no\", always, unless-stopped, on-failure, on-failure:<count>"
        ));
    }
    restart
}

/// Items of a list that stands for a map without values, or the entries of the map.
fn named<'a>(field: &Field<'a>) -> Vec<(String, Field<'a>)> {
    match field.node.value {
        Value::List(_) => field.items().into_iter().filter_map(|item| Some((item.name()?, item))).collect(),
        _ => field
            .entries_of("a list or a map")
            .into_iter()
            .map(|(key, value)| (key.text.clone(), value))
            .collect(),
    }
}

fn networks(field: &Field<'_>) -> BTreeMap<String, Attachment> {
    let mut attachments = BTreeMap::new();
    for (name, value) in named(field) {
        let mut attachment = Attachment::default();
        if !field.is_list() {
            for (key, option) in value.entries() {
                match key.text.as_str() {
                    "aliases" => attachment.aliases = option.distinct(),
                    _ => option.unexpected(key, attributes::ATTACHMENT, attributes::ATTACHMENT_UNSUPPORTED),
                }
            }
        }
        value.context.places.borrow_mut().insert(format!("{}.{name}", field.path), value.mark());
        attachments.insert(name, attachment);
    }
    attachments
}

fn depends_on(field: &Field<'_>) -> BTreeMap<ServiceName, Dependency> {
    let mut dependencies = BTreeMap::new();
    for (name, value) in named(field) {
        let mut dependency =
            Dependency { condition: Condition::ServiceStarted, required: true, restart: false };
        if !field.is_list() {
            for (key, option) in value.entries() {
                match key.text.as_str() {
                    "condition" => dependency.condition = condition(&option).unwrap_or(dependency.condition),
                    "required" => dependency.required = option.boolean().unwrap_or(true),
                    "restart" => dependency.restart = option.boolean().unwrap_or_default(),
                    _ => option.unexpected(key, attributes::DEPENDENCY, &[]),
                }
            }
        }
        value.context.places.borrow_mut().insert(format!("{}.{name}", field.path), value.mark());
        dependencies.insert(ServiceName::new(name), dependency);
    }
    dependencies
}

fn condition(field: &Field<'_>) -> Option<Condition> {
    match field.text()?.as_str() {
        "service_started" => Some(Condition::ServiceStarted),
        "service_healthy" => Some(Condition::ServiceHealthy),
        "service_completed_successfully" => Some(Condition::ServiceCompletedSuccessfully),
        other => {
            field.wrong(format_args!(
                "`{other}` is none of service_started, service_healthy, service_completed_successfully"
            ));
            None
        }
    }
}

/// Each as `name:address`, the way the engine takes them.
fn extra_hosts(field: &Field<'_>) -> Vec<String> {
    let mut hosts = Vec::new();
    if !field.is_list() {
        for (key, value) in field.entries() {
            hosts.extend(value.text().map(|address| format!("{}:{address}", key.text)));
        }
        return hosts;
    }
    for item in field.items() {
        let Some(text) = item.text() else { continue };
        match text.split_once('=').or_else(|| text.split_once(':')) {
            Some((name, address)) if !name.is_empty() && !address.is_empty() => {
                let address = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
                hosts.push(format!("{name}:{address}"));
            }
            _ => item.wrong("expected a name and an address such as \"db=10.0.0.2\""),
        }
    }
    hosts.sort();
    hosts.dedup();
    hosts
}
