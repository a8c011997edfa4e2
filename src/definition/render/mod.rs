//! Prints a definition as canonical Compose, and hashes a service as Compose does. Pure.

mod service;
mod tree;

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tree::{Map, Tree};

use super::model::{Definition, Network, Service, Volume};

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

fn whole(definition: &Definition, form: Form) -> Tree {
    let services = definition.services.iter().map(|(name, s)| (name.to_string(), service::tree(s, form)));
    let services = Tree::Map(services.collect());
    let networks =
        Tree::map(definition.networks.iter().map(|(key, value)| (key.clone(), network(value, form))));
    let volumes = Tree::map(definition.volumes.iter().map(|(key, value)| (key.clone(), volume(value))));
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
    let directory = Map::with("project_directory", definition.directory.display());
    map.put("x-pdex", directory.into());
    Tree::from(map).dollars_doubled()
}

fn network(network: &Network, form: Form) -> Tree {
    let mut map = Map::with("name", &network.name);
    map.add_some("driver", network.driver.as_ref());
    if form == Form::Json {
        map.put("ipam", Map::new().into());
    }
    map.flag("external", network.external);
    map.flag("internal", network.internal);
    map.into()
}

fn volume(volume: &Volume) -> Tree {
    let mut map = Map::with("name", &volume.name);
    map.flag("external", volume.external);
    map.into()
}
