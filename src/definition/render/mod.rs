//! Prints a definition as canonical Compose, and hashes a service as Compose does. Pure.

mod build;
mod extension;
mod fields;
mod machine;
mod mounts;
mod service;
mod swarm;
mod tree;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tree::{Map, Tree};

use service::texts;

pub use fields::{Change, FieldChange, changes, digests};

use super::model::{
    Definition, FileObject, FileSource, Ipam, Namespace, Network, Service, ServiceName, Volume,
};

/// What a tree is made for: the details that Compose itself prints differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Yaml,
    Json,
    Hash,
}

/// The definition as a Compose file in YAML. Loading the text again gives an equal definition.
pub fn yaml(definition: &Definition) -> String {
    tree::yaml(&whole(definition, Form::Yaml))
}

/// The definition as a Compose file in JSON, indented. Loading the text again gives an equal definition.
pub fn json(definition: &Definition) -> String {
    tree::json(&whole(definition, Form::Json), true)
}

/// Any other document in YAML that every reader understands alike, those of YAML 1.1 too, numbers being whole.
pub fn document(value: &serde_json::Value) -> String {
    tree::yaml_1_1(&Tree::from(value))
}

/// The configuration hash Compose keeps in the container label `com.docker.compose.config-hash`. What does not change the
/// container is not in it: how the image is built, what is waited for, and `x-pdex`.
pub fn config_hash(service: &Service) -> String {
    let text = tree::json(&service::tree(service, Form::Hash), false);
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // Writing to a String cannot fail.
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

/// How the service is spread over a swarm, as text to be compared.
pub fn swarm_text(service: &Service) -> String {
    tree::json(&swarm::tree(&service.pdex.swarm), false)
}

/// The service as Compose hashes it when it shares something with others: with the identifiers of the containers that stand for
/// them at that time. `container` knows them; a service without one stays a name.
pub fn beside<'s>(
    service: &'s Service,
    container: &dyn Fn(&ServiceName) -> Option<String>,
) -> Cow<'s, Service> {
    if service.shares().next().is_none() && service.volumes_from.is_empty() {
        return Cow::Borrowed(service);
    }
    let mut service = service.clone();
    let shared = [&mut service.network_mode, &mut service.pid, &mut service.ipc];
    for namespace in shared.into_iter().flatten() {
        if let Some(id) = namespace.service().and_then(container) {
            *namespace = Namespace::Container(id);
        }
    }
    for source in &mut service.volumes_from {
        if let Some(name) = source.strip_prefix("container:") {
            *source = name.to_owned();
            continue;
        }
        let (name, mode) = source.split_once(':').map_or((source.as_str(), None), |(n, m)| (n, Some(m)));
        if let Some(id) = container(&ServiceName::new(name)) {
            *source = mode.map_or_else(|| id.clone(), |mode| format!("{id}:{mode}"));
        }
    }
    Cow::Owned(service)
}

fn whole(definition: &Definition, form: Form) -> Tree {
    let services = definition.services.iter().map(|(name, s)| (name.to_string(), service::tree(s, form)));
    let services = Tree::Map(services.collect());
    let networks =
        Tree::map(definition.networks.iter().map(|(key, value)| (key.clone(), network(value, form))));
    let volumes = Tree::map(definition.volumes.iter().map(|(key, value)| (key.clone(), volume(value))));
    let files = |objects: &BTreeMap<String, FileObject>| {
        Tree::map(objects.iter().map(|(key, object)| (key.clone(), file(object))))
    };
    let (secrets, configs) = (files(&definition.secrets), files(&definition.configs));
    let mut map = Map::new();
    map.add("name", &definition.project);
    // Compose orders the sections of its two formats differently.
    if form == Form::Yaml {
        map.put("services", services);
        map.put_filled("networks", networks);
    } else {
        map.put_filled("networks", networks);
        map.put("services", services);
    }
    map.put_filled("volumes", volumes);
    map.put_filled("secrets", secrets);
    map.put_filled("configs", configs);
    let directory = Map::with("project_directory", definition.directory.display());
    map.put("x-pdex", directory.into());
    Tree::from(map).dollars_doubled()
}

fn network(network: &Network, form: Form) -> Tree {
    let mut map = Map::with("name", &network.name);
    map.add_some("driver", network.driver.as_ref());
    map.put_filled("driver_opts", texts(&network.driver_opts));
    let ipam = ipam(&network.ipam);
    if form == Form::Json {
        map.put("ipam", ipam);
    } else {
        map.put_filled("ipam", ipam);
    }
    map.flag("external", network.external);
    map.flag("internal", network.internal);
    map.flag("attachable", network.attachable);
    map.put_filled("labels", texts(&network.labels));
    map.put_some("enable_ipv4", network.enable_ipv4.map(Tree::Bool));
    map.put_some("enable_ipv6", network.enable_ipv6.map(Tree::Bool));
    map.into()
}

fn ipam(ipam: &Ipam) -> Tree {
    let mut map = Map::new();
    map.add_some("driver", ipam.driver.as_ref());
    let pools = ipam.config.iter().map(|pool| {
        let mut map = Map::new();
        map.add_some("subnet", pool.subnet.as_ref());
        map.add_some("gateway", pool.gateway.as_ref());
        map.add_some("ip_range", pool.ip_range.as_ref());
        map.put_filled("aux_addresses", texts(&pool.aux_addresses));
        map.into()
    });
    map.put_filled("config", Tree::List(pools.collect()));
    map.into()
}

fn volume(volume: &Volume) -> Tree {
    let mut map = Map::with("name", &volume.name);
    map.add_some("driver", volume.driver.as_ref());
    map.put_filled("driver_opts", texts(&volume.driver_opts));
    map.flag("external", volume.external);
    map.put_filled("labels", texts(&volume.labels));
    map.into()
}

fn file(object: &FileObject) -> Tree {
    let mut map = Map::with("name", &object.name);
    match &object.source {
        FileSource::File(path) => map.add("file", path.display()),
        FileSource::Environment { variable, .. } => map.add("environment", variable),
        FileSource::Content(text) => map.add("content", text),
    }
    map.put_some("x-pdex", object.keeping.as_ref().map(extension::keeping));
    map.into()
}
