//! Mounts as Compose prints them.

use super::service::texts;
use super::tree::{Map, Tree};
use crate::definition::model::{BindRecursion, Mount, MountSource};

/// A mount of a service.
pub(super) fn tree(mount: &Mount) -> Tree {
    let (kind, source) = match &mount.source {
        MountSource::Bind(path) => ("bind", Some(path.display().to_string())),
        MountSource::Volume(key) => ("volume", Some(key.clone())),
        MountSource::Anonymous => ("volume", None),
        MountSource::Tmpfs => ("tmpfs", None),
    };
    let mut map = Map::with("type", kind);
    map.add_some("source", source);
    map.add("target", &mount.target);
    map.flag("read_only", mount.read_only);
    map.add_some("consistency", mount.consistency.as_ref());
    if let Some(bind) = &mount.bind {
        let mut options = Map::new();
        options.add_some("selinux", bind.selinux.as_ref());
        options.add_some("propagation", bind.propagation.as_ref());
        options.flag("create_host_path", bind.create_host_path);
        options.add_some("recursive", bind.recursive.map(recursion));
        map.put("bind", options.into());
    }
    if let Some(volume) = &mount.volume {
        let mut options = Map::new();
        options.put_filled("labels", texts(&volume.labels));
        options.flag("nocopy", volume.nocopy);
        options.add_some("subpath", volume.subpath.as_ref());
        map.put("volume", options.into());
    }
    if let Some(tmpfs) = &mount.tmpfs {
        let mut options = Map::new();
        options.add_some("size", tmpfs.size);
        if let Some(mode) = tmpfs.mode {
            options.put("mode", Tree::Integer(mode.into()));
        }
        map.put("tmpfs", options.into());
    }
    map.into()
}

fn recursion(recursion: BindRecursion) -> &'static str {
    match recursion {
        BindRecursion::Enabled => "enabled",
        BindRecursion::Disabled => "disabled",
        BindRecursion::Writable => "writable",
        BindRecursion::ReadOnly => "readonly",
    }
}
