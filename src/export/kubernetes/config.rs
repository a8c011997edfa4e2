//! Files that containers only read: ConfigMaps, which Kustomize makes of copies of the files, and Secrets, of which nothing but
//! the names is here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::stack::Stack;
use super::storage::Storage;
use super::{Origin, Secret, name};
use crate::definition::model::{Definition, FileReference, FileSource, MountSource, Service};
use crate::export::sources::{Content, FileContent, Sources};

/// The Secret that holds every secret variable of the stack.
pub(super) const CREDENTIALS: &str = "credentials";
/// The Secret of the Ingress' certificate.
pub(super) const CERTIFICATE: &str = "ingress-tls";
/// Owner and group: the group is the pod's own.
const PRIVATE: u32 = 0o440;
const EXECUTABLE: u32 = 0o555;

/// The ConfigMaps and the names of the Secrets.
#[derive(Debug, Default)]
pub(super) struct Files {
    maps: BTreeMap<Source, Map>,
    secrets: BTreeMap<Held, String>,
}

/// What a `ConfigMap` is made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    /// A folder or a file that is mounted.
    Bind(PathBuf),
    /// A top-level config.
    Config(String),
}

/// What a Secret holds. Those whose names are given come first, so that no other takes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    Given(&'static str),
    /// A top-level secret.
    Secret(String),
    /// A folder or a file of this machine.
    Path(PathBuf),
}

/// A `ConfigMap`: its name and its files, by key, each with its path below the mount.
#[derive(Debug)]
struct Map {
    name: String,
    files: BTreeMap<String, (String, Vec<u8>)>,
}

impl Files {
    pub(super) fn of(definition: &Definition, sources: &Sources, storage: &Storage) -> Self {
        Self { maps: maps(definition, sources, storage), secrets: secret_names(definition, sources) }
    }

    fn secret(&self, held: &Held) -> &str {
        self.secrets.get(held).map_or("", String::as_str)
    }
}

/// The paths of this machine that are mounted, and whether nobody writes there.
fn bound(definition: &Definition) -> impl Iterator<Item = (&PathBuf, bool)> {
    let mounts = definition.services.values().flat_map(|service| &service.mounts);
    mounts.filter_map(|mount| match &mount.source {
        MountSource::Bind(path) => Some((path, mount.read_only)),
        _ => None,
    })
}

/// `stack/grafana-files`, which becomes a name.
fn title(definition: &Definition, path: &Path) -> String {
    format!("{}-files", path.strip_prefix(&definition.directory).unwrap_or(path).display())
}

fn maps(definition: &Definition, sources: &Sources, storage: &Storage) -> BTreeMap<Source, Map> {
    let binds = bound(definition).filter_map(|(path, _)| match sources.binds.get(path)? {
        Content::Files { files, .. } if !files.is_empty() && !storage.claims_path(path) => {
            Some((Source::Bind(path.clone()), (title(definition, path), keyed(files))))
        }
        _ => None,
    });
    let configs = definition.configs.iter().filter_map(|(source, object)| {
        let files = [(key(source), (source.clone(), content(&object.source, sources)?))].into();
        Some((Source::Config(source.clone()), (format!("{source}-config"), files)))
    });
    let all: BTreeMap<Source, (String, BTreeMap<_, _>)> = binds.chain(configs).collect();
    let mut names = name::distinct(all.iter().map(|(source, (title, _))| (source.clone(), title.clone())));
    let maps = all.into_iter().filter_map(|(source, (_, files))| {
        let name = names.remove(&source)?;
        Some((source, Map { name, files }))
    });
    maps.collect()
}

fn secret_names(definition: &Definition, sources: &Sources) -> BTreeMap<Held, String> {
    let given = [CREDENTIALS, CERTIFICATE].map(|name| (Held::Given(name), name.to_owned()));
    let listed = definition.secrets.keys().map(|source| (Held::Secret(source.clone()), source.clone()));
    let private = bound(definition).filter(|(path, read_only)| {
        *read_only && matches!(sources.binds.get(*path), Some(Content::Private { .. }))
    });
    let private = private.map(|(path, _)| (Held::Path(path.clone()), title(definition, path)));
    name::distinct(given.into_iter().chain(listed).chain(private))
}

/// Each file under a key of its own: `a/b` and `a__b` would have the same.
fn keyed(files: &BTreeMap<String, FileContent>) -> BTreeMap<String, (String, Vec<u8>)> {
    let mut all = BTreeMap::new();
    for (path, file) in files {
        let mut free = key(path);
        while all.contains_key(&free) {
            free.push('_');
        }
        all.insert(free, (path.clone(), file.bytes.clone()));
    }
    all
}

/// What a top-level config holds; nothing where that cannot be copied.
fn content(source: &FileSource, sources: &Sources) -> Option<Vec<u8>> {
    match source {
        FileSource::Content(text) => Some(text.clone().into_bytes()),
        FileSource::Environment { value, .. } => Some(value.as_ref()?.reveal().as_bytes().to_vec()),
        FileSource::File(path) => match sources.binds.get(path)? {
            Content::Files { files, .. } => Some(files.values().next()?.bytes.clone()),
            _ => None,
        },
    }
}

/// A key has no `/`.
fn key(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    path.replace('/', "__").chars().map(|c| if plain(c) { c } else { '-' }).collect()
}

/// The volume and the mount of a folder or a file of this machine.
pub(super) fn of_bind(stack: &Stack<'_>, source: &Path, target: &str) -> Option<(Value, Value)> {
    let map = stack.files.maps.get(&Source::Bind(source.to_owned()))?;
    let Content::Files { single, files } = stack.sources.binds.get(source)? else { return None };
    let items: Vec<Value> =
        map.files.iter().map(|(key, (path, _))| json!({"key": key, "path": path})).collect();
    let executable = files.values().any(|file| file.executable);
    let volume = json!({
        "name": map.name,
        "configMap": {"name": map.name, "items": items, "defaultMode": executable.then_some(EXECUTABLE)},
    });
    let sub = files.keys().next().filter(|_| *single);
    Some((volume, json!({"name": map.name, "mountPath": target, "readOnly": true, "subPath": sub})))
}

/// The volume and the mount of what is too private to be copied.
pub(super) fn private(stack: &Stack<'_>, source: &Path, single: bool, target: &str) -> (Value, Value) {
    let name = stack.files.secret(&Held::Path(source.to_owned()));
    let volume = format!("secret-{name}");
    let secret = json!({"secretName": name, "defaultMode": PRIVATE, "optional": true});
    let sub = source.file_name().filter(|_| single).map(|name| name.to_string_lossy());
    (
        json!({"name": volume, "secret": secret}),
        json!({"name": volume, "mountPath": target, "readOnly": true, "subPath": sub}),
    )
}

/// The volumes and mounts of a service's `secrets` and `configs`.
pub(super) fn placed(stack: &Stack<'_>, service: &Service) -> Vec<(Value, Value)> {
    let secrets = service.secrets.iter().map(|reference| {
        let name = stack.files.secret(&Held::Secret(reference.source.clone()));
        let volume = format!("secret-{name}");
        let mode = reference.mode.unwrap_or(PRIVATE);
        let items = json!([{"key": key(&reference.source), "path": reference.source}]);
        let secret = json!({"secretName": name, "defaultMode": mode, "items": items});
        (json!({"name": volume, "secret": secret}), mount(&volume, reference, "/run/secrets"))
    });
    let configs = service.configs.iter().map(|reference| {
        let source = &reference.source;
        let own = stack.files.maps.get(&Source::Config(source.clone()));
        let name = own.map_or_else(|| absent(source), |map| map.name.clone());
        let items = json!([{"key": key(source), "path": source}]);
        let map = json!({"name": name, "defaultMode": reference.mode, "items": items});
        (json!({"name": name, "configMap": map}), mount(&name, reference, "/"))
    });
    secrets.chain(configs).collect()
}

fn mount(volume: &str, reference: &FileReference, folder: &str) -> Value {
    json!({
        "name": volume,
        "mountPath": reference.path(folder),
        "subPath": reference.source,
        "readOnly": true,
    })
}

/// What a `ConfigMap` is called that someone else makes.
fn absent(config: &str) -> String {
    name::dns(&format!("{config}-config"))
}

/// Notes the configs whose content cannot be copied.
pub(super) fn note(stack: &Stack<'_>) {
    for source in stack.definition.configs.keys() {
        if !stack.files.maps.contains_key(&Source::Config(source.clone())) {
            let what = format!("its file is not copied: make the ConfigMap {} yourself", absent(source));
            stack.lost(format!("configs.{source}"), what);
        }
    }
}

/// Copies of the files, by their paths in the export.
pub(super) fn files(stack: &Stack<'_>) -> Vec<(String, Vec<u8>)> {
    let files = stack.files.maps.values().flat_map(|map| {
        let of = map.files.values();
        of.map(move |(path, bytes)| (format!("base/{}", copied(&map.name, path)), bytes.clone()))
    });
    files.collect()
}

fn copied(map: &str, path: &str) -> String {
    format!("files/{map}/{path}")
}

/// The generators of the base's kustomization. Their names end with a digest of the content, so that pods follow a change.
pub(super) fn generators(stack: &Stack<'_>) -> Vec<Value> {
    let mut maps: Vec<&Map> = stack.files.maps.values().collect();
    maps.sort_by(|a, b| a.name.cmp(&b.name));
    let generators = maps.iter().map(|map| {
        let files: Vec<String> =
            map.files.iter().map(|(key, (path, _))| format!("{key}={}", copied(&map.name, path))).collect();
        json!({"name": map.name, "files": files, "options": {"labels": stack.common()}})
    });
    generators.collect()
}

/// The Secrets that are files on this machine, of those that are used.
pub(super) fn secrets(stack: &Stack<'_>) -> Vec<Secret> {
    let used = stack.definition.services.values().flat_map(|service| &service.secrets);
    let mut secrets: Vec<Secret> = used
        .filter_map(|reference| {
            let source = &reference.source;
            let origin = match &stack.definition.secrets.get(source)?.source {
                FileSource::File(path) => Origin::File(shown(stack, path)),
                FileSource::Environment { variable, .. } => Origin::Variable(variable.clone()),
                FileSource::Content(_) => Origin::Attribute(format!("secrets.{source}")),
            };
            let name = stack.files.secret(&Held::Secret(source.clone())).to_owned();
            Some(Secret { name, keys: [(key(source), origin)].into() })
        })
        .collect();
    secrets.extend(stack.files.secrets.iter().filter_map(|(held, name)| {
        let Held::Path(path) = held else { return None };
        let keys = [(String::new(), Origin::Folder(shown(stack, path)))].into();
        Some(Secret { name: name.clone(), keys })
    }));
    secrets.sort();
    secrets.dedup();
    secrets
}

fn shown(stack: &Stack<'_>, path: &Path) -> String {
    path.strip_prefix(&stack.definition.directory).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_no_folders() {
        assert_eq!(key("tests/alerts.yml"), "tests__alerts.yml");
        assert_eq!(key("a b"), "a-b");
        let file = |bytes: &str| FileContent { bytes: bytes.as_bytes().to_vec(), executable: false };
        let files = keyed(&[("a/b".to_owned(), file("one")), ("a__b".to_owned(), file("two"))].into());
        let shown: Vec<_> = files.iter().map(|(key, (path, _))| (key.as_str(), path.as_str())).collect();
        assert_eq!(shown, [("a__b", "a/b"), ("a__b_", "a__b")]);
    }
}
