//! What is mounted into the containers of a service.

use std::collections::HashMap;

use bollard::models::{
    Mount, MountBindOptions, MountTmpfsOptions, MountType, MountVolumeOptions, MountVolumeOptionsDriverConfig,
};

use super::Translating;
use crate::definition::model::{self as definition, MountSource, Volume};
use crate::definition::size;
use crate::runtime::docker::create::map;
use crate::runtime::docker::things::labels;

pub(super) fn mounts(translating: &Translating<'_>) -> Vec<Mount> {
    let service = translating.service;
    let own = service.mounts.iter().map(|mount| one(translating, mount));
    let memory = service.tmpfs.iter().map(|text| in_memory(text));
    // Swarm has no word for the size of shared memory, which is a disk in memory like any other.
    let shared = service.shm_size.map(|size| Mount {
        target: Some("/dev/shm".to_owned()),
        typ: Some(MountType::TMPFS),
        tmpfs_options: Some(MountTmpfsOptions { size_bytes: Some(size), ..MountTmpfsOptions::default() }),
        ..Mount::default()
    });
    own.chain(memory).chain(shared).collect()
}

fn one(translating: &Translating<'_>, mount: &definition::Mount) -> Mount {
    let definition = translating.definition;
    let (typ, source, volume) = match &mount.source {
        MountSource::Bind(path) => (MountType::BIND, Some(path.display().to_string()), None),
        MountSource::Volume(key) => match definition.volumes.get(key) {
            Some(volume) => (MountType::VOLUME, Some(volume.name.clone()), Some((key, volume))),
            None => (MountType::VOLUME, Some(key.clone()), None),
        },
        MountSource::Anonymous => (MountType::VOLUME, None, None),
        MountSource::Tmpfs => (MountType::TMPFS, None, None),
    };
    let propagation = mount.bind.as_ref().and_then(|bind| bind.propagation.as_ref()?.parse().ok());
    Mount {
        target: Some(mount.target.clone()),
        source,
        read_only: Some(mount.read_only),
        bind_options: propagation
            .map(|propagation| MountBindOptions { propagation: Some(propagation), ..Default::default() }),
        volume_options: (typ == MountType::VOLUME).then(|| MountVolumeOptions {
            no_copy: Some(mount.volume.as_ref().is_some_and(|options| options.nocopy)),
            ..made(&definition.project, volume, mount)
        }),
        tmpfs_options: mount.tmpfs.as_ref().map(|tmpfs| MountTmpfsOptions {
            size_bytes: tmpfs.size,
            mode: tmpfs.mode.map(i64::from),
            ..MountTmpfsOptions::default()
        }),
        typ: Some(typ),
        ..Mount::default()
    }
}

/// How a node makes the volume that does not have it yet.
fn made(project: &str, volume: Option<(&String, &Volume)>, mount: &definition::Mount) -> MountVolumeOptions {
    let Some((key, volume)) = volume.filter(|(_, volume)| !volume.external) else {
        let labels = mount.volume.as_ref().and_then(|options| map(&options.labels));
        return MountVolumeOptions { labels, ..MountVolumeOptions::default() };
    };
    let driver = volume.driver.is_some() || !volume.driver_opts.is_empty();
    let labels: HashMap<String, String> = labels(project, "volume", key, &volume.labels);
    MountVolumeOptions {
        labels: Some(labels),
        driver_config: driver.then(|| MountVolumeOptionsDriverConfig {
            name: Some(volume.driver.clone().unwrap_or_else(|| "local".to_owned())),
            options: map(&volume.driver_opts),
        }),
        ..MountVolumeOptions::default()
    }
}

/// `path[:options]` of `tmpfs`. Of the options Swarm has the size and the mode; the rest was told before.
fn in_memory(text: &str) -> Mount {
    let (path, options) = text.split_once(':').unwrap_or((text, ""));
    let value =
        |name: &str| options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    Mount {
        target: Some(path.to_owned()),
        typ: Some(MountType::TMPFS),
        tmpfs_options: Some(MountTmpfsOptions {
            size_bytes: value("size").and_then(size),
            mode: value("mode").and_then(|text| i64::from_str_radix(text, 8).ok()),
            ..MountTmpfsOptions::default()
        }),
        ..Mount::default()
    }
}
