//! What is mounted into a container.

use std::collections::HashMap;

use bollard::models::{Mount, MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions};

use super::Making;
use super::networks::map;
use crate::definition::model::{self as definition, BindRecursion, MountSource};
use crate::runtime::RuntimeError;

/// The service's mounts, but for those that [`binds`] has.
pub(super) fn mounts(making: &Making<'_>) -> Result<Vec<Mount>, RuntimeError> {
    let own = making.service.mounts.iter().filter(|mount| labelled(mount).is_none());
    own.map(|mount| one(making, mount)).collect()
}

/// Bind mounts that relabel their source for `SELinux`: only the older notation can say that.
pub(super) fn binds(making: &Making<'_>) -> Vec<String> {
    let labelled = making.service.mounts.iter().filter_map(|mount| Some((mount, labelled(mount)?)));
    let bind = |(mount, label): (&definition::Mount, &str)| {
        let MountSource::Bind(source) = &mount.source else { return String::new() };
        let access = if mount.read_only { "ro" } else { "rw" };
        let mut options = vec![access, label];
        options.extend(mount.bind.as_ref().and_then(|bind| bind.propagation.as_deref()));
        format!("{}:{}:{}", source.display(), mount.target, options.join(","))
    };
    labelled.map(bind).collect()
}

fn labelled(mount: &definition::Mount) -> Option<&str> {
    mount.bind.as_ref()?.selinux.as_deref().filter(|_| matches!(mount.source, MountSource::Bind(_)))
}

fn one(making: &Making<'_>, mount: &definition::Mount) -> Result<Mount, RuntimeError> {
    let (typ, source) = match &mount.source {
        MountSource::Bind(path) => (MountType::BIND, Some(path.display().to_string())),
        MountSource::Volume(key) => {
            let volume = making.definition.volumes.get(key);
            (MountType::VOLUME, Some(volume.map_or_else(|| key.clone(), |v| v.name.clone())))
        }
        MountSource::Anonymous => (MountType::VOLUME, None),
        MountSource::Tmpfs => (MountType::TMPFS, None),
    };
    Ok(Mount {
        target: Some(mount.target.clone()),
        source,
        typ: Some(typ),
        read_only: Some(mount.read_only),
        consistency: mount.consistency.clone(),
        bind_options: mount.bind.as_ref().map(bind_options).transpose()?,
        volume_options: mount.volume.as_ref().map(|volume| MountVolumeOptions {
            no_copy: Some(volume.nocopy),
            labels: map(&volume.labels),
            subpath: volume.subpath.clone(),
            ..MountVolumeOptions::default()
        }),
        tmpfs_options: mount.tmpfs.as_ref().map(|tmpfs| MountTmpfsOptions {
            size_bytes: tmpfs.size,
            mode: tmpfs.mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        ..Mount::default()
    })
}

fn bind_options(bind: &definition::BindOptions) -> Result<MountBindOptions, RuntimeError> {
    let propagation = bind.propagation.as_deref().map(|text| {
        text.parse().map_err(|_| RuntimeError::Other(format!("`{text}` is no propagation of a bind mount")))
    });
    let recursive = bind.recursive;
    Ok(MountBindOptions {
        propagation: propagation.transpose()?,
        non_recursive: (recursive == Some(BindRecursion::Disabled)).then_some(true),
        read_only_non_recursive: (recursive == Some(BindRecursion::Writable)).then_some(true),
        read_only_force_recursive: (recursive == Some(BindRecursion::ReadOnly)).then_some(true),
        ..MountBindOptions::default()
    })
}

/// `path[:options]` → the engine's map of path to options.
pub(super) fn tmpfs(texts: &[String]) -> Option<HashMap<String, String>> {
    let entry = |text: &String| {
        let (path, options) = text.split_once(':').unwrap_or((text, ""));
        (path.to_owned(), options.to_owned())
    };
    (!texts.is_empty()).then(|| texts.iter().map(entry).collect())
}

/// `service[:mode]` and `container:name[:mode]` with the container in place of the service.
pub(super) fn volumes_from(making: &Making<'_>) -> Option<Vec<String>> {
    let own = &making.service.volumes_from;
    let one = |text: &String| {
        if let Some(container) = text.strip_prefix("container:") {
            return container.to_owned();
        }
        let (name, mode) = text.split_once(':').map_or((text.as_str(), None), |(n, m)| (n, Some(m)));
        let container = making.container(&definition::ServiceName::new(name));
        mode.map_or_else(|| container.clone(), |mode| format!("{container}:{mode}"))
    };
    (!own.is_empty()).then(|| own.iter().map(one).collect())
}
