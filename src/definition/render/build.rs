//! `build` as Compose prints it.

use std::path::{Component, Path, PathBuf};

use super::service::{hosts, reference, texts};
use super::tree::{Map, Tree};
use crate::definition::model::Build;

/// A service's `build`.
pub(super) fn tree(build: &Build) -> Tree {
    let mut map = Map::with("context", build.context.display());
    match &build.inline {
        Some(text) => map.add("dockerfile_inline", text),
        None => map.add("dockerfile", relative(&build.dockerfile, &build.context).display()),
    }
    map.put_filled("args", texts(&build.args));
    map.put_filled("labels", texts(&build.labels));
    map.put_filled("cache_from", Tree::texts(&build.cache_from));
    map.flag("no_cache", build.no_cache);
    map.flag("pull", build.pull);
    map.put_filled("extra_hosts", hosts(&build.extra_hosts));
    map.add_some("network", build.network.as_ref());
    map.add_some("target", build.target.as_ref());
    map.put_filled("secrets", Tree::List(build.secrets.iter().map(reference).collect()));
    map.add_some("shm_size", build.shm_size);
    map.put_filled("tags", Tree::texts(&build.tags));
    map.put_filled("platforms", Tree::texts(&build.platforms));
    map.into()
}

/// `path` as seen from `folder`, or itself when they have only the root in common; both are absolute and clean.
fn relative(path: &Path, folder: &Path) -> PathBuf {
    let common = path.components().zip(folder.components()).take_while(|(a, b)| a == b).count();
    if common <= 1 {
        return path.to_owned();
    }
    let up = folder.components().skip(common).map(|_| Component::ParentDir);
    up.chain(path.components().skip(common)).collect()
}
