//! `x-pdex`: what Compose has no word for.

use super::attributes;
use crate::definition::field::Field;
use crate::definition::model::{
    Backup, Done, Dump, Extension, Hidden, HostBuild, HttpReady, ImageUnavailable, Keeping, Ready,
    ServiceName, Tell,
};
use crate::finding::Finding;

/// The top-level one. Its values are used before anything is resolved; here they are only checked.
pub(super) fn top(field: &Field<'_>) {
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "project_directory" => drop(value.name()),
            _ => value.unexpected(key, attributes::TOP_EXTENSION, &[]),
        }
    }
}

/// The one of a service.
pub(super) fn read(field: &Field<'_>) -> Extension {
    let mut extension = Extension::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "backup" => extension.backup = backup(&value),
            "disk" => extension.disk = value.size().and_then(|size| u64::try_from(size).ok()),
            "distribution" => extension.distribution = value.name().map(|text| value.resolve(&text)),
            "done" => extension.done = told(&value).map(|(service, command)| Done { service, command }),
            "each_machine" => extension.each_machine = value.flag(),
            "essential" => extension.essential = value.flag(),
            "host_build" => extension.host_build = host_build(&value),
            "image_unavailable" => match value.text().as_deref() {
                Some("skip") => extension.image_unavailable = ImageUnavailable::Skip,
                Some("fail") => extension.image_unavailable = ImageUnavailable::Fail,
                Some(other) => value.wrong(format_args!("`{other}` is neither skip nor fail")),
                None => {}
            },
            "job" => extension.job = value.boolean().unwrap_or_default(),
            "links" => extension.links = named(&value),
            "live" => extension.live = address(&value),
            "purpose" => extension.purpose = named(&value),
            "ready" => extension.ready = ready(&value),
            "scales" => extension.scales = value.flag(),
            "swarm" => extension.swarm = super::swarm::read(&value),
            "timeline" => extension.timeline = value.name().map(|text| value.resolve(&text)),
            _ => value.unexpected(key, attributes::EXTENSION, &[]),
        }
    }
    extension
}

fn backup(field: &Field<'_>) -> Backup {
    let mut backup = Backup::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "dump" => match value.text().as_deref() {
                Some("postgres") => backup.dump = Some(Dump::Postgres),
                Some(other) => {
                    value.wrong(format_args!("`{other}` is no database that pdex dumps: postgres"));
                }
                None => {}
            },
            "folders" => backup.folders = value.distinct().into_iter().collect(),
            "volumes" => backup.volumes = Some(value.distinct().into_iter().collect()),
            _ => value.unexpected(key, attributes::BACKUP, &[]),
        }
    }
    field.remember();
    backup
}

/// The one of a secret.
pub(super) fn keeping(field: &Field<'_>) -> Option<Keeping> {
    let mut keeping = Keeping { bytes: 0, first: None, first_value: None, group: None, tell: None };
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "generate" => {
                let bytes = value.integer::<u16>(BYTES);
                keeping.bytes = bytes.unwrap_or(SAFE);
                if bytes.is_some_and(|bytes| !(SAFE..=1024).contains(&bytes)) {
                    value.expected(BYTES);
                }
            }
            "first" => {
                keeping.first = value.name();
                let variable = keeping.first.as_deref().and_then(|name| value.context.variable(name));
                keeping.first_value = variable.filter(|text| !text.is_empty()).map(Hidden::new);
            }
            "group" => keeping.group = value.integer("a group's number"),
            "tell" => keeping.tell = told(&value).map(|(service, command)| Tell { service, command }),
            _ => value.unexpected(key, attributes::SECRET_EXTENSION, &[]),
        }
    }
    if keeping.bytes == 0 {
        let message = format!("{}: `generate` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
        return None;
    }
    Some(keeping)
}

/// What nobody guesses.
const SAFE: u16 = 16;
const BYTES: &str = "a number of random bytes, 16 to 1024";

/// A command, and the service that it is for.
fn told(field: &Field<'_>) -> Option<(ServiceName, Vec<String>)> {
    let (mut service, mut command) = (None, Vec::new());
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "service" => service = value.name().map(ServiceName::new),
            "command" => command = value.command().unwrap_or_default(),
            _ => value.unexpected(key, attributes::TELL, &[]),
        }
    }
    match service {
        Some(service) if !command.is_empty() => Some((service, command)),
        _ => {
            let message = format!("{}: `service` and `command` are both needed", field.path);
            field.problem(Finding::error("definition/missing-attribute", message));
            None
        }
    }
}

/// The texts of a map with their names, in its order.
fn named(field: &Field<'_>) -> Vec<(String, String)> {
    let entries = field.entries().into_iter();
    entries.filter_map(|(name, text)| Some((name.text.clone(), text.name()?))).collect()
}

fn host_build(field: &Field<'_>) -> Option<HostBuild> {
    let (mut package, mut dockerfile) = (None, None);
    let (mut binaries, mut prepare, mut libraries, mut standalone) = (Vec::new(), None, Vec::new(), false);
    for (key, value) in field.entries() {
        let path = |text: String| value.resolve(&text);
        match key.text.as_str() {
            "package" => package = value.name(),
            "binaries" => binaries = value.distinct(),
            "dockerfile" => dockerfile = value.name().map(path),
            "prepare" => prepare = value.name().map(path),
            "static" => standalone = value.boolean().unwrap_or_default(),
            "libraries" => libraries = value.distinct().into_iter().map(path).collect(),
            _ => value.unexpected(key, attributes::HOST_BUILD, &[]),
        }
    }
    if let (Some(package), Some(dockerfile)) = (package, dockerfile) {
        if binaries.is_empty() {
            binaries.push(package.clone());
        }
        return Some(HostBuild { package, binaries, standalone, dockerfile, prepare, libraries });
    }
    let message = format!("{}: `package` and `dockerfile` are both needed", field.path);
    field.problem(Finding::error("definition/missing-attribute", message));
    None
}

fn ready(field: &Field<'_>) -> Ready {
    let mut ready = Ready::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "tcp" => ready.tcp = value.integer("a port").filter(|port| *port > 0),
            "http" => ready.http = address(&value),
            _ => value.unexpected(key, attributes::READY, &[]),
        }
    }
    ready
}

fn address(field: &Field<'_>) -> Option<HttpReady> {
    let address = field.name().and_then(|text| http(&text));
    if address.is_none() {
        field.wrong("expected a container port and a path such as 8000/health");
    }
    address
}

fn http(text: &str) -> Option<HttpReady> {
    let (port, path) = text.split_once('/').unwrap_or((text, ""));
    let port = port.parse().ok().filter(|port| *port > 0)?;
    Some(HttpReady { port, path: format!("/{path}") })
}
