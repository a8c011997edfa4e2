//! Images: which reference a pod names, and the user that an image runs as where nobody says.

use super::name;
use super::stack::Stack;
use crate::checks::audit::repository;
use crate::definition::model::Service;

/// The reference in the manifests: the definition's, in the registry of the user where pdex builds it.
pub(super) fn reference(stack: &Stack<'_>, service: &Service) -> String {
    match &stack.options.registry {
        Some(registry) if service.build.is_some() => {
            format!("{}/{}", registry.trim_end_matches('/'), service.image)
        }
        _ => service.image.clone(),
    }
}

/// The tag as a label's value.
pub(super) fn version(reference: &str) -> Option<String> {
    let name = reference.split('@').next().unwrap_or(reference);
    let (_, tag) = name.rsplit('/').next()?.split_once(':')?;
    Some(name::label(tag)).filter(|tag| !tag.is_empty())
}

/// What has to be pushed: as it is called here, and as the manifests call it.
pub(super) fn built(stack: &Stack<'_>) -> Vec<(String, String)> {
    let built = stack.definition.services.values().filter(|service| service.build.is_some());
    let mut images: Vec<_> =
        built.map(|service| (service.image.clone(), reference(stack, service))).collect();
    images.sort();
    images.dedup();
    images
}

/// The users that images from a registry end with. Their own `USER` is a name, which a cluster cannot hold against
/// `runAsNonRoot`, or missing.
const USERS: &[(&str, u32, u32)] = &[
    ("postgres", 999, 999),
    ("prom/prometheus", 65_534, 65_534),
    ("prom/node-exporter", 65_534, 65_534),
    ("grafana/grafana", 472, 472),
];

/// User and group of an image that is known.
pub(super) fn known_user(reference: &str) -> Option<(u32, u32)> {
    let repository = repository(reference);
    USERS.iter().find(|(known, ..)| *known == repository).map(|(_, user, group)| (*user, *group))
}

/// PostgreSQL will not make its cluster in the root of a volume, which has a `lost+found` and another owner.
pub(super) fn data_folder(service: &Service) -> Option<(&'static str, String)> {
    let data = "/var/lib/postgresql/data";
    let mounted = service.mounts.iter().any(|mount| mount.target.trim_end_matches('/') == data);
    let silent = !service.environment.contains_key("PGDATA");
    let needed = repository(&service.image) == "postgres" && mounted && silent;
    needed.then(|| ("PGDATA", format!("{data}/pgdata")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        assert_eq!(version("localhost:5000/a/b:1.2+x").as_deref(), Some("1.2-x"));
        assert_eq!(version("a/b@sha256:00"), None);
        assert_eq!(known_user("docker.io/library/postgres:15"), Some((999, 999)));
        assert_eq!(known_user("bitnami/postgresql"), None);
    }
}
