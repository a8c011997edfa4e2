//! Secrets and configs. A file of this machine is mounted; what has no file, or asks for an owner or permissions of its own, is
//! written into the container before it starts.

use bollard::models::{Mount, MountType};

use super::Making;
use crate::definition::model::{Definition, FileObject, FileReference, FileSource, Service};
use crate::runtime::RuntimeError;

/// Permission bits where the definition is silent.
const MODE: u32 = 0o444;

/// Each use with the file's place in the container.
fn uses<'d>(
    definition: &'d Definition,
    service: &'d Service,
) -> impl Iterator<Item = (&'d FileReference, &'d FileObject, String)> {
    let secrets = service.secrets.iter().filter_map(|reference| {
        Some((reference, definition.secrets.get(&reference.source)?, reference.path("/run/secrets")))
    });
    let configs = service.configs.iter().filter_map(|reference| {
        Some((reference, definition.configs.get(&reference.source)?, reference.path("/")))
    });
    secrets.chain(configs)
}

/// Files that are mounted.
pub(super) fn mounts(making: &Making<'_>) -> Vec<Mount> {
    let uses = uses(making.definition, making.service);
    uses.filter_map(|(reference, object, target)| match &object.source {
        FileSource::File(path) if reference.is_plain() => Some(Mount {
            target: Some(target),
            source: Some(path.display().to_string()),
            typ: Some(MountType::BIND),
            read_only: Some(true),
            ..Mount::default()
        }),
        _ => None,
    })
    .collect()
}

/// Files to be written into the container, as a tar of its root; `None` where there are none.
pub(super) fn archive(definition: &Definition, service: &Service) -> Result<Option<Vec<u8>>, RuntimeError> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut any = false;
    for (reference, object, target) in uses(definition, service) {
        if matches!(object.source, FileSource::File(_)) && reference.is_plain() {
            continue;
        }
        let content = content(object)?;
        any = true;
        append(&mut tar, reference, &target, &content)?;
    }
    if !any {
        return Ok(None);
    }
    tar.into_inner().map(Some).map_err(|e| RuntimeError::Other(e.to_string()))
}

/// What a secret or config holds.
pub(in crate::runtime::docker) fn content(object: &FileObject) -> Result<Vec<u8>, RuntimeError> {
    match &object.source {
        FileSource::File(path) => {
            std::fs::read(path).map_err(|e| RuntimeError::Other(format!("{}: {e}", path.display())))
        }
        FileSource::Content(text) => Ok(text.clone().into_bytes()),
        FileSource::Environment { variable, value } => {
            let value = value.as_ref().ok_or_else(|| {
                RuntimeError::Other(format!("the variable {variable} of {} is not set", object.name))
            })?;
            Ok(value.reveal().as_bytes().to_vec())
        }
    }
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    reference: &FileReference,
    target: &str,
    content: &[u8],
) -> Result<(), RuntimeError> {
    let number = |text: &Option<String>| match text {
        None => Ok(0),
        Some(text) => text.parse().map_err(|_| {
            RuntimeError::Other(format!(
                "`{text}` of {} is not the number of a user or group",
                reference.source
            ))
        }),
    };
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(reference.mode.unwrap_or(MODE));
    header.set_uid(number(&reference.uid)?);
    header.set_gid(number(&reference.gid)?);
    // Time stands still, so that the same content is the same archive.
    header.set_mtime(0);
    let name = target.trim_start_matches('/');
    tar.append_data(&mut header, name, content).map_err(|e| RuntimeError::Other(format!("{target}: {e}")))
}
