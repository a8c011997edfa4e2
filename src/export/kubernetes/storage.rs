//! What is mounted: claims for what is written, ConfigMaps for files that are only read, memory for the rest. A claim that one
//! long-running service alone has is a template of its StatefulSet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::stack::Stack;
use super::{config, name, resources};
use crate::definition::model::{Definition, Mount, MountSource, Service, ServiceName};
use crate::export::sources::{Content, Sources};

/// What a claim stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A top-level volume.
    Volume(String),
    /// A folder of this machine that someone writes, or that is too large for a `ConfigMap`.
    Path(PathBuf),
}

#[derive(Debug, Default)]
pub(super) struct Claim {
    pub(super) name: String,
    users: BTreeSet<ServiceName>,
    /// Whether someone writes there.
    written: bool,
    /// The one whose StatefulSet makes it.
    owner: Option<ServiceName>,
    /// Someone else makes it.
    external: bool,
    /// Pods on several machines have it at once.
    shared: bool,
}

/// The claims of the stack.
#[derive(Debug, Default)]
pub(super) struct Storage(BTreeMap<Key, Claim>);

impl Storage {
    pub(super) fn of(definition: &Definition, sources: &Sources, jobs: &BTreeSet<ServiceName>) -> Self {
        let mut claims: BTreeMap<Key, Claim> = BTreeMap::new();
        for service in definition.services.values() {
            for mount in &service.mounts {
                let key = match &mount.source {
                    MountSource::Volume(key) => Key::Volume(key.clone()),
                    MountSource::Bind(path) if sources.binds.get(path) != Some(&Content::Outside) => {
                        Key::Path(path.clone())
                    }
                    _ => continue,
                };
                let claim = claims.entry(key).or_default();
                claim.users.insert(service.name.clone());
                claim.written |= !mount.read_only;
                claim.shared |= service.replicas() > 1 || service.pdex.scales || service.pdex.each_machine;
            }
        }
        claims.retain(|key, claim| match key {
            Key::Volume(_) => true,
            Key::Path(path) => claim.written || sources.binds.get(path) == Some(&Content::Large),
        });
        let names = name::distinct(claims.keys().map(|key| (key.clone(), title(definition, key))));
        for (key, claim) in &mut claims {
            claim.name.clone_from(&names[key]);
            claim.shared |= claim.users.len() > 1;
            claim.external = is_external(definition, key);
            let alone = claim.users.first().filter(|_| claim.users.len() == 1);
            let keeps = claim.written && !claim.external && matches!(key, Key::Volume(_));
            let ends_or_is_everywhere = |service: &ServiceName| {
                jobs.contains(service) || definition.services[service].pdex.each_machine
            };
            claim.owner = alone.filter(|service| keeps && !ends_or_is_everywhere(service)).cloned();
        }
        Self(claims)
    }

    /// Whether a claim stands for a folder of this machine.
    pub(super) fn claims_path(&self, path: &Path) -> bool {
        self.0.contains_key(&Key::Path(path.to_owned()))
    }

    fn get(&self, key: &Key) -> Option<&Claim> {
        self.0.get(key)
    }

    /// Whether a StatefulSet has to hold the service's data.
    pub(super) fn owns(&self, service: &ServiceName) -> bool {
        self.0.values().any(|claim| claim.owner.as_ref() == Some(service))
    }

    /// Whether two pods of the service cannot run at the same time, for only one machine has its volume.
    pub(super) fn excludes_itself(&self, service: &ServiceName) -> bool {
        self.0.values().any(|claim| !claim.shared && claim.owner.is_none() && claim.users.contains(service))
    }

    /// The names of the claims that pods on several machines have at once.
    pub(super) fn shared(&self) -> impl Iterator<Item = &str> {
        let shared = self.0.values().filter(|claim| claim.shared && claim.owner.is_none() && !claim.external);
        shared.map(|claim| claim.name.as_str())
    }

    /// What stands for what, for the report.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&Key, &str, bool, bool)> {
        let shared = |claim: &Claim| claim.shared && claim.owner.is_none();
        self.0.iter().map(move |(key, claim)| (key, claim.name.as_str(), shared(claim), claim.written))
    }
}

fn title(definition: &Definition, key: &Key) -> String {
    match key {
        Key::Volume(volume) if is_external(definition, key) => definition.volumes[volume].name.clone(),
        Key::Volume(volume) => volume.clone(),
        Key::Path(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

fn is_external(definition: &Definition, key: &Key) -> bool {
    matches!(key, Key::Volume(volume) if definition.volumes.get(volume).is_some_and(|volume| volume.external))
}

/// The claims that no StatefulSet makes.
pub(super) fn claims(stack: &Stack<'_>) -> Vec<Value> {
    let claims = stack.storage.0.values().filter(|claim| claim.owner.is_none() && !claim.external);
    claims
        .map(|claim| {
            let metadata = name::metadata(&claim.name, &stack.common());
            json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec(stack, claim)})
        })
        .collect()
}

/// The claims that a service's StatefulSet makes.
pub(super) fn templates(stack: &Stack<'_>, service: &Service) -> Vec<Value> {
    let own = stack.storage.0.values().filter(|claim| claim.owner.as_ref() == Some(&service.name));
    own.map(|claim| {
        // As the API server fills them in: a difference would be one for ever.
        json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": claim.name},
            "spec": spec(stack, claim),
        })
    })
    .collect()
}

fn spec(stack: &Stack<'_>, claim: &Claim) -> Value {
    json!({
        "accessModes": [if claim.shared && claim.owner.is_none() { "ReadWriteMany" } else { "ReadWriteOnce" }],
        "resources": {"requests": {"storage": stack.options.volume_size}},
        "storageClassName": stack.options.storage_class,
    })
}

/// Something mounted: the pod's volume, unless a template makes it, and the container's mount.
struct Placed {
    volume: Option<Value>,
    mount: Value,
}

/// The volumes of a pod, with those that its gates see of jobs; null where there are none.
pub(super) fn volumes(stack: &Stack<'_>, service: &Service, jobs: &[&Service]) -> Value {
    let of_gates = jobs.iter().flat_map(|job| seen(stack, service, job));
    let all = of_gates.chain(placed(stack, service));
    let named: BTreeMap<String, Value> = all
        .filter_map(|placed| placed.volume)
        .map(|volume| (volume["name"].as_str().unwrap_or_default().to_owned(), volume))
        .collect();
    if named.is_empty() { Value::Null } else { named.into_values().collect() }
}

/// The mounts of a service's container; null where there are none.
pub(super) fn mounts(stack: &Stack<'_>, service: &Service) -> Value {
    filled(placed(stack, service).into_iter().map(|placed| placed.mount).collect())
}

/// The mounts of a gate that looks at what a job has done: nothing may be written there.
pub(super) fn mounts_of_gate(stack: &Stack<'_>, service: &Service, job: &Service) -> Value {
    let mounts = seen(stack, service, job).into_iter().map(|placed| {
        let mut mount = placed.mount;
        mount["readOnly"] = json!(true);
        mount
    });
    filled(mounts.collect())
}

fn filled(mounts: Vec<Value>) -> Value {
    if mounts.is_empty() { Value::Null } else { mounts.into() }
}

/// What a pod's gate sees of a job's files: those that are read, secrets among them, and the claims that the pod has anyway. Any
/// other claim of the job would tie the pod to the machine where the job's volume is.
fn seen(stack: &Stack<'_>, service: &Service, job: &Service) -> Vec<Placed> {
    let own: Vec<Value> = placed(stack, service).into_iter().filter_map(|placed| placed.volume).collect();
    let mut files = placed(stack, job);
    files.retain(|placed| {
        placed.volume.as_ref().is_some_and(|volume| {
            let read = volume.get("secret").is_some() || volume.get("configMap").is_some();
            read || (volume.get("persistentVolumeClaim").is_some() && own.contains(volume))
        })
    });
    files
}

fn placed(stack: &Stack<'_>, service: &Service) -> Vec<Placed> {
    let mut all: Vec<Placed> = service
        .mounts
        .iter()
        .enumerate()
        .filter_map(|(at, mount)| of_mount(stack, service, at, mount))
        .collect();
    all.extend(service.tmpfs.iter().map(|entry| {
        let (target, options) = entry.split_once(':').unwrap_or((entry, ""));
        let size = options.split(',').find_map(|option| option.strip_prefix("size="));
        memory(target, size.map(quantity).as_deref())
    }));
    if let Some(size) = service.shm_size {
        all.push(memory("/dev/shm", Some(&resources::bytes(size))));
    }
    all.extend(
        config::placed(stack, service)
            .into_iter()
            .map(|(volume, mount)| Placed { volume: Some(volume), mount }),
    );
    all
}

fn of_mount(stack: &Stack<'_>, service: &Service, at: usize, mount: &Mount) -> Option<Placed> {
    let path = format!("services.{}.volumes[{at}]", service.name);
    let place = |volume: Option<Value>, name: &str, sub: Option<&str>| Placed {
        volume,
        mount: json!({
            "name": name,
            "mountPath": mount.target,
            "readOnly": mount.read_only.then_some(true),
            "subPath": sub,
        }),
    };
    let claimed = |claim: &Claim| {
        let volume = claim
            .owner
            .is_none()
            .then(|| json!({"name": claim.name, "persistentVolumeClaim": {"claimName": claim.name}}));
        let sub = mount.volume.as_ref().and_then(|options| options.subpath.as_deref());
        place(volume, &claim.name, sub)
    };
    match &mount.source {
        MountSource::Volume(key) => Some(claimed(stack.storage.get(&Key::Volume(key.clone()))?)),
        MountSource::Tmpfs => {
            let size = mount.tmpfs.as_ref().and_then(|options| options.size);
            Some(memory(&mount.target, size.map(resources::bytes).as_deref()))
        }
        MountSource::Anonymous => {
            stack.changed(path, "a volume of no name lives as long as the pod");
            Some(empty(&mount.target, Value::Null))
        }
        MountSource::Bind(source) => {
            if let Some(claim) = stack.storage.get(&Key::Path(source.clone())) {
                return Some(claimed(claim));
            }
            of_files(stack, &path, source, mount)
        }
    }
}

/// A folder or file of this machine that nobody writes.
fn of_files(stack: &Stack<'_>, path: &str, source: &Path, mount: &Mount) -> Option<Placed> {
    let shown = source.strip_prefix(&stack.definition.directory).unwrap_or(source).display();
    match stack.sources.binds.get(source)? {
        Content::Files { files, .. } if files.is_empty() => {
            stack.changed(path, format!("{shown} holds no file: the folder is empty there"));
            Some(empty(&mount.target, Value::Null))
        }
        Content::Files { .. } => {
            let (volume, mount) = config::of_bind(stack, source, &mount.target)?;
            Some(Placed { volume: Some(volume), mount })
        }
        Content::Private { single } => {
            let (volume, mount) = config::private(stack, source, *single, &mount.target);
            stack.changed(path, format!("others may not read {shown}: a Secret that you make stands for it"));
            Some(Placed { volume: Some(volume), mount })
        }
        Content::Absent => {
            stack.changed(path, format!("there is no {shown}: the folder is empty there"));
            Some(empty(&mount.target, Value::Null))
        }
        Content::Outside => {
            stack.lost(
                path,
                format!("{shown} is a path of this machine and not of the stack: it is not mounted"),
            );
            None
        }
        // Has a claim.
        Content::Large => None,
    }
}

fn memory(target: &str, limit: Option<&str>) -> Placed {
    empty(target, json!({"medium": "Memory", "sizeLimit": limit}))
}

fn empty(target: &str, how: Value) -> Placed {
    let name = name::dns(&format!("empty-{}", target.trim_matches('/')));
    let how = if how.is_null() { json!({}) } else { how };
    let volume = json!({"name": name, "emptyDir": how});
    Placed { volume: Some(volume), mount: json!({"name": name, "mountPath": target}) }
}

/// `64m` of `tmpfs`, whose units are powers of two.
fn quantity(text: &str) -> String {
    let (number, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    match unit.to_ascii_lowercase().as_str() {
        "k" => format!("{number}Ki"),
        "m" => format!("{number}Mi"),
        "g" => format!("{number}Gi"),
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str, mounts: Vec<Mount>) -> (ServiceName, Service) {
        let name = ServiceName::new(name);
        (name.clone(), Service { name, mounts, ..Service::default() })
    }

    fn volume(key: &str) -> Mount {
        Mount::new(MountSource::Volume(key.to_owned()), "/data")
    }

    fn bind(path: &str, read_only: bool) -> Mount {
        Mount { read_only, ..Mount::new(MountSource::Bind(path.into()), "/files") }
    }

    #[test]
    fn a_claim_is_of_the_one_who_writes_it_or_of_all_who_share_it() {
        let services = [
            service("db", vec![volume("own")]),
            service("job", vec![volume("cache"), bind("/p/models", false)]),
            service("web", vec![bind("/p/models", true), bind("/p/config", true)]),
        ];
        let definition = Definition { services: services.into(), ..Definition::default() };
        let jobs = BTreeSet::from([ServiceName::new("job")]);
        let storage = Storage::of(&definition, &Sources::default(), &jobs);
        let claims: Vec<_> = storage.claims().map(|(_, name, shared, _)| (name, shared)).collect();
        assert_eq!(
            claims,
            [("cache", false), ("own", false), ("models", true)],
            "no claim for what is only read"
        );
        assert!(storage.owns(&ServiceName::new("db")) && !storage.owns(&ServiceName::new("job")));
        assert!(storage.excludes_itself(&ServiceName::new("job")));
        assert!(!storage.excludes_itself(&ServiceName::new("web")));
    }

    #[test]
    fn sizes_of_tmpfs_are_powers_of_two() {
        for (text, expected) in [("64m", "64Mi"), ("1G", "1Gi"), ("512k", "512Ki"), ("1000", "1000")] {
            assert_eq!(quantity(text), expected);
        }
    }
}
