//! `volumes` of a service: `[source:]target[:options]` and the long form.

use super::{attributes, is_name};
use crate::definition::field::{Field, last_of_each};
use crate::definition::model::{BindOptions, BindRecursion, Mount, MountSource, TmpfsOptions, VolumeOptions};
use crate::definition::values;
use crate::finding::Finding;

/// All mounts of a service. A later one at the same target takes the earlier one's place.
pub(super) fn read(volumes: &Field<'_>) -> Vec<Mount> {
    let mut all: Vec<Mount> = Vec::new();
    for field in volumes.items() {
        let Some(mount) = (if field.is_scalar() { short(&field) } else { long(&field) }) else { continue };
        if !mount.target.starts_with('/') {
            field.wrong(format_args!("the target `{}` is not an absolute path", mount.target));
            continue;
        }
        if let MountSource::Volume(key) = &mount.source {
            field.context.places.borrow_mut().entry(format!("volume {key}")).or_insert(field.mark());
        }
        all.push(mount);
    }
    last_of_each(all, |mount| mount.target.clone())
}

fn empty(source: MountSource, target: &str) -> Mount {
    Mount::new(source, target)
}

fn short(field: &Field<'_>) -> Option<Mount> {
    let text = field.name()?;
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => ("", target, ""),
        [source, target] => (source, target, ""),
        [source, target, options] => (source, target, options),
        _ => {
            field.wrong(format_args!("`{text}` has more than source, target and options"));
            return None;
        }
    };
    let mut mount = empty(MountSource::Anonymous, target);
    if source.starts_with(['.', '/', '~']) {
        mount.source = MountSource::Bind(field.resolve(source));
        mount.bind = Some(BindOptions { create_host_path: true, ..BindOptions::default() });
    } else {
        mount.volume = Some(VolumeOptions::default());
        if parts.len() > 1 {
            mount.source = volume(field, source)?;
        }
    }
    for option in options.split(',').filter(|_| !options.is_empty()) {
        if !apply(&mut mount, option) {
            field.wrong(format_args!("`{option}` is no option of such a mount"));
        }
    }
    Some(mount)
}

/// A named volume; a path in its place gets a hint.
fn volume(field: &Field<'_>, source: &str) -> Option<MountSource> {
    if is_name(source) {
        return Some(MountSource::Volume(source.to_owned()));
    }
    if source.contains('/') {
        field.wrong(format_args!("`{source}` is not the name of a volume; write `./{source}` for a folder"));
    } else {
        field.wrong(format_args!("`{source}` is not the name of a volume"));
    }
    None
}

fn apply(mount: &mut Mount, option: &str) -> bool {
    match (option, &mut mount.bind, &mut mount.volume) {
        ("ro", ..) => mount.read_only = true,
        ("rw", ..) => mount.read_only = false,
        ("z" | "Z", Some(bind), _) => bind.selinux = Some(option.to_owned()),
        ("private" | "rprivate" | "shared" | "rshared" | "slave" | "rslave", Some(bind), _) => {
            bind.propagation = Some(option.to_owned());
        }
        ("nocopy", _, Some(volume)) => volume.nocopy = true,
        // Of Docker Desktop; Compose leaves them out, too.
        ("consistent" | "cached" | "delegated", ..) => {}
        _ => return false,
    }
    true
}

fn long(field: &Field<'_>) -> Option<Mount> {
    let mut mount = empty(MountSource::Anonymous, "");
    let (mut kind, mut source) = (None, None);
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "type" => kind = value.name(),
            "source" => source = value.name(),
            "target" => mount.target = value.name()?,
            "read_only" => mount.read_only = value.boolean().unwrap_or_default(),
            "consistency" => mount.consistency = value.optional(),
            "bind" => mount.bind = Some(bind_options(&value)),
            "volume" => mount.volume = Some(volume_options(&value)),
            "tmpfs" => mount.tmpfs = Some(tmpfs_options(&value)),
            _ => value.unexpected(key, attributes::MOUNT, attributes::MOUNT_UNSUPPORTED),
        }
    }
    let missing = |what: &str| {
        let message = format!("{}: `{what}` is missing", field.path);
        field.problem(Finding::error("definition/missing-attribute", message));
        None
    };
    mount.source = match (kind.as_deref(), source) {
        (Some("bind"), Some(source)) => MountSource::Bind(field.resolve(&source)),
        (Some("volume"), Some(source)) => volume(field, &source)?,
        (Some("volume"), None) => MountSource::Anonymous,
        (Some("tmpfs"), None) => MountSource::Tmpfs,
        (Some("bind"), None) => return missing("source"),
        (None, _) => return missing("type"),
        (Some("tmpfs"), Some(_)) => {
            field.wrong("a tmpfs mount has no `source`");
            return None;
        }
        (Some(other), _) => {
            field.wrong(format_args!("type `{other}` is none of bind, volume, tmpfs"));
            return None;
        }
    };
    if mount.target.is_empty() {
        return missing("target");
    }
    Some(mount)
}

fn bind_options(field: &Field<'_>) -> BindOptions {
    let mut options = BindOptions::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "create_host_path" => options.create_host_path = value.boolean().unwrap_or_default(),
            "propagation" => options.propagation = value.name(),
            "selinux" => options.selinux = value.name(),
            "recursive" => options.recursive = recursion(&value),
            _ => value.unexpected(key, attributes::BIND, &[]),
        }
    }
    options
}

fn recursion(field: &Field<'_>) -> Option<BindRecursion> {
    match field.optional()?.as_str() {
        "enabled" => Some(BindRecursion::Enabled),
        "disabled" => Some(BindRecursion::Disabled),
        "writable" => Some(BindRecursion::Writable),
        "readonly" => Some(BindRecursion::ReadOnly),
        other => {
            field.wrong(format_args!("`{other}` is none of enabled, disabled, writable, readonly"));
            None
        }
    }
}

fn volume_options(field: &Field<'_>) -> VolumeOptions {
    let mut options = VolumeOptions::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "nocopy" => options.nocopy = value.flag(),
            "subpath" => options.subpath = value.optional(),
            "labels" => options.labels = value.dictionary(),
            _ => value.unexpected(key, attributes::VOLUME_MOUNT, &[]),
        }
    }
    options
}

fn tmpfs_options(field: &Field<'_>) -> TmpfsOptions {
    let mut options = TmpfsOptions::default();
    for (key, value) in field.entries() {
        match key.text.as_str() {
            "size" => options.size = value.parsed("a size such as 64M", values::bytes),
            "mode" => options.mode = value.integer("permission bits such as 0o755"),
            _ => value.unexpected(key, attributes::TMPFS, &[]),
        }
    }
    options
}
