//! What was done to containers, a line each.

use crate::definition::model::ServiceName;

/// A deed, and what became of it: `started container x`.
pub fn done(word: &str, container: &str, error: Option<&dyn std::fmt::Display>) -> String {
    match error {
        None => format!("{word} container {container}"),
        Some(error) => format!("error: container {container}: {error}"),
    }
}

/// A named service that has nothing to do it to.
pub fn no_container(service: &ServiceName) -> String {
    format!("error: service {service} has no container\n  hint: pdex up {service}")
}
