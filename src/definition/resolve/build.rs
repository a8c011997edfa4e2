//! `build`: where an image's recipe is and what it is given.

use std::collections::BTreeMap;

use super::{attributes, files, networks};
use crate::definition::field::Field;
use crate::definition::model::Build;

/// Reads it; `None` where there is nothing to build from.
pub(super) fn read(field: &Field<'_>) -> Option<Build> {
    let mut build = Build::default();
    let (mut context, mut dockerfile) = (None, None);
    if field.is_scalar() {
        context = field.name();
    } else {
        for (key, value) in field.entries() {
            match key.text.as_str() {
                "context" => context = value.name(),
                "dockerfile" => dockerfile = value.name(),
                name if recipe(&mut build, name, &value) || surroundings(&mut build, name, &value) => {}
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
    if dockerfile.is_some() && build.inline.is_some() {
        field.wrong("`dockerfile` and `dockerfile_inline` exclude each other");
    }
    if build.platforms.len() > 1 {
        field.wrong("an image for several platforms is not supported by pdex");
    }
    build.context = field.resolve(&context);
    build.dockerfile = field.context.path_from(&build.context, dockerfile.as_deref().unwrap_or("Dockerfile"));
    Some(build)
}

/// What is built.
fn recipe(build: &mut Build, key: &str, field: &Field<'_>) -> bool {
    match key {
        "dockerfile_inline" => build.inline = field.optional(),
        "target" => build.target = field.optional(),
        "args" => build.args = args(field),
        "labels" => build.labels = field.dictionary(),
        "tags" => build.tags = field.keyed(),
        "platforms" => build.platforms = field.distinct(),
        _ => return false,
    }
    true
}

/// What the build works with.
fn surroundings(build: &mut Build, key: &str, field: &Field<'_>) -> bool {
    match key {
        "cache_from" => build.cache_from = field.texts(),
        "no_cache" => build.no_cache = field.flag(),
        "pull" => build.pull = field.flag(),
        "network" => build.network = field.optional(),
        "extra_hosts" => build.extra_hosts = networks::extra_hosts(field),
        "shm_size" => build.shm_size = field.size(),
        "secrets" => build.secrets = files::references(field, None),
        _ => return false,
    }
    true
}

/// A name without a value takes it from the environment, and is left out where there is none.
fn args(field: &Field<'_>) -> BTreeMap<String, String> {
    let pairs = field.pairs().into_iter();
    pairs
        .filter_map(|(name, value)| Some((name.clone(), value.or_else(|| field.context.variable(&name))?)))
        .collect()
}
