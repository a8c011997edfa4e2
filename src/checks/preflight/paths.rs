//! Files of this machine that the definition counts on.

use std::path::Path;

use super::Facts;
use crate::definition::model::{Definition, FileReference, FileSource, MountSource};
use crate::finding::Finding;
use crate::world::World;

/// Bind sources that are missing where nothing may be made in their place.
pub(super) fn binds(facts: &Facts<'_>) -> Vec<Finding> {
    if !facts.machine.local {
        return Vec::new();
    }
    let mounts =
        facts.services().flat_map(|service| service.mounts.iter().map(move |mount| (service, mount)));
    mounts
        .filter(|(_, mount)| !mount.bind.as_ref().is_some_and(|bind| bind.create_host_path))
        .filter_map(|(service, mount)| match &mount.source {
            MountSource::Bind(path) if !path.exists() => Some((service, path)),
            _ => None,
        })
        .map(|(service, path)| {
            let message = format!("{}: {} is to be mounted and is not there", service.name, path.display());
            Finding::error("preflight/bind-missing", message)
                .hint("make it, or say `create_host_path: true` where an empty folder will do")
        })
        .collect()
}

/// Files of secrets and configs.
pub(super) fn files(facts: &Facts<'_>) -> Vec<Finding> {
    if !facts.machine.local {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for service in facts.services() {
        let secrets = service.secrets.iter().map(|r| ("secret", r, &facts.definition.secrets));
        let configs = service.configs.iter().map(|r| ("config", r, &facts.definition.configs));
        for (kind, FileReference { source, .. }, known) in secrets.chain(configs) {
            if let Some(FileSource::File(path)) = known.get(source).map(|object| &object.source)
                && !path.exists()
            {
                findings.push(missing(service.name.as_str(), kind, source, path));
            }
        }
    }
    findings
}

fn missing(service: &str, kind: &str, name: &str, path: &Path) -> Finding {
    let message = format!("{service}: the file of {kind} {name} is not there: {}", path.display());
    Finding::error("preflight/file-missing", message)
        .hint("make it; a trailing line break is part of its content")
}

/// Passwords made anew while the data of the old ones is still there: a database keeps the password it was first given.
pub fn secrets_made_anew(definition: &Definition, world: &World) -> Option<Finding> {
    let own = definition.volumes.values().filter(|v| !v.external && world.volumes.contains(&v.name));
    let names: Vec<&str> = own.map(|volume| volume.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let message = format!(
        ".env has new passwords, and the data of an earlier start is still there ({}): a database keeps the password it was \
         first given and will refuse the new one",
        names.join(", ")
    );
    let hint = "put the earlier .env back; or `pdex down -v`, which removes that data, then `pdex up`";
    Some(Finding::warning("preflight/new-secrets-old-data", message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;

    #[test]
    fn a_missing_bind_source_is_an_error_unless_it_may_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let there = folder.path().join("there");
        std::fs::write(&there, "").unwrap();
        let stage = |path: &Path, create: bool| {
            Stage::new(&format!(
                "name: x\nservices: {{ a: {{ image: \"a:1\", volumes: [{{ type: bind, source: {}, target: /a, \
                 bind: {{ create_host_path: {create} }} }}] }} }}\n",
                path.display()
            ))
        };
        let missing = folder.path().join("missing");
        assert_eq!(Stage::said(binds, &stage(&there, false).facts()), [""; 0]);
        assert_eq!(Stage::said(binds, &stage(&missing, true).facts()), [""; 0]);
        let expected = format!(
            "Error preflight/bind-missing a: {} is to be mounted and is not there",
            missing.display()
        );
        let stage = stage(&missing, false);
        assert_eq!(Stage::said(binds, &stage.facts()), [expected]);
        let mut elsewhere = stage.facts();
        elsewhere.machine.local = false;
        assert_eq!(Stage::said(binds, &elsewhere), [""; 0], "another machine's files are not seen");
    }

    #[test]
    fn a_secret_needs_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let stage = Stage::new(&format!(
            "name: x\nservices: {{ a: {{ image: \"a:1\", secrets: [key] }} }}\nsecrets: {{ key: {{ file: {} }} }}\n",
            path.display()
        ));
        let expected = format!(
            "Error preflight/file-missing a: the file of secret key is not there: {}",
            path.display()
        );
        assert_eq!(Stage::said(files, &stage.facts()), [expected]);
        std::fs::write(&path, "").unwrap();
        assert_eq!(Stage::said(files, &stage.facts()), [""; 0]);
    }

    #[test]
    fn new_passwords_beside_old_data_are_told() {
        let stage = Stage::new(
            "name: x\nservices: { a: { image: \"a:1\", volumes: [\"data:/d\"] } }\nvolumes: { data: {} }\n",
        );
        let mut world = World::default();
        assert_eq!(secrets_made_anew(&stage.definition, &world), None);
        world.volumes.insert("x_data".to_owned());
        let finding = secrets_made_anew(&stage.definition, &world).unwrap();
        assert!(finding.message.contains("(x_data)"), "{finding}");
    }
}
