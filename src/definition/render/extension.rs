//! `x-pdex` of a service and of a secret.

use super::tree::{Map, Tree};
use crate::definition::model::{Backup, Dump, Extension, HttpReady, ImageUnavailable, Keeping, ServiceName};

/// What Compose has no word for.
pub(super) fn tree(extension: &Extension) -> Tree {
    let mut map = Map::new();
    map.put_filled("backup", backup(&extension.backup));
    map.put_some("disk", extension.disk.and_then(|size| i64::try_from(size).ok()).map(Tree::Integer));
    map.add_some("distribution", extension.distribution.as_ref().map(|path| path.display()));
    map.put_some("done", extension.done.as_ref().map(|done| told(&done.service, &done.command)));
    map.flag("each_machine", extension.each_machine);
    map.flag("essential", extension.essential);
    if let Some(build) = &extension.host_build {
        let mut host_build = Map::with("package", &build.package);
        host_build.put("binaries", Tree::texts(&build.binaries));
        host_build.flag("static", build.standalone);
        host_build.add("dockerfile", build.dockerfile.display());
        host_build.add_some("prepare", build.prepare.as_ref().map(|path| path.display()));
        host_build.put_filled("libraries", Tree::texts(build.libraries.iter().map(|path| path.display())));
        map.put("host_build", host_build.into());
    }
    if extension.image_unavailable == ImageUnavailable::Skip {
        map.add("image_unavailable", "skip");
    }
    map.flag("job", extension.job);
    map.put_filled("links", texts(&extension.links));
    map.add_some("live", extension.live.as_ref().map(address));
    map.put_filled("purpose", texts(&extension.purpose));
    let mut ready = Map::new();
    if let Some(port) = extension.ready.tcp {
        ready.put("tcp", Tree::Integer(port.into()));
    }
    if let Some(http) = &extension.ready.http {
        ready.add("http", address(http));
    }
    map.put_filled("ready", ready.into());
    map.flag("scales", extension.scales);
    map.put_filled("swarm", super::swarm::tree(&extension.swarm));
    map.add_some("timeline", extension.timeline.as_ref().map(|path| path.display()));
    map.into()
}

/// An empty list of volumes says something, too.
fn backup(backup: &Backup) -> Tree {
    let mut map = Map::new();
    map.add_some("dump", backup.dump.map(|Dump::Postgres| "postgres"));
    map.put_filled("folders", Tree::texts(&backup.folders));
    map.put_some("volumes", backup.volumes.as_ref().map(Tree::texts));
    map.into()
}

/// How a secret is kept; the value of the variable it begins with is nobody's business.
pub(super) fn keeping(keeping: &Keeping) -> Tree {
    let mut map = Map::new();
    map.put("generate", Tree::Integer(keeping.bytes.into()));
    map.add_some("first", keeping.first.as_ref());
    map.put_some("group", keeping.group.map(|group| Tree::Integer(group.into())));
    if let Some(tell) = &keeping.tell {
        map.put("tell", told(&tell.service, &tell.command));
    }
    map.into()
}

fn told(service: &ServiceName, command: &[String]) -> Tree {
    let mut map = Map::with("service", service);
    map.put("command", Tree::texts(command));
    map.into()
}

fn address(address: &HttpReady) -> String {
    format!("{}{}", address.port, address.path)
}

fn texts(named: &[(String, String)]) -> Tree {
    Tree::map(named.iter().map(|(name, text)| (name.clone(), Tree::Text(text.clone()))))
}
