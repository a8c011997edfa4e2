//! The double's volumes with what is in them. A service that says `sim.writes: "KEY FILE TEXT"` (in labels of any name that begin so)
//! has written that file into its volume when it starts, unless it is there.

use std::collections::BTreeMap;
use std::io::{self, Read as _};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::memory::Memory;
use crate::definition::model::Volume;
use crate::runtime::RuntimeError;
use crate::world::ContainerId;

/// As the real engine calls the folder that it is mounted at.
const PLACE: &str = "volume";

/// What a volume has.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Content {
    labels: BTreeMap<String, String>,
    /// Path → text.
    files: BTreeMap<String, String>,
}

impl Memory {
    /// Makes a volume that is not there.
    pub(super) fn keep_volume(&mut self, project: &str, volume: &Volume) {
        if self.volumes.contains_key(&volume.name) {
            return;
        }
        self.volumes.insert(volume.name.clone(), project.to_owned());
        let content = Content { labels: volume.labels.clone(), files: BTreeMap::new() };
        self.contents.insert(volume.name.clone(), content);
    }

    pub(super) fn forget_volume(&mut self, name: &str) {
        self.volumes.remove(name);
        self.contents.remove(name);
    }

    /// What the service of a container writes when it starts.
    pub(super) fn write_volumes(&mut self, id: &ContainerId) {
        let Some(held) = self.containers.get(&id.0) else { return };
        let written = held.labels.iter().filter(|(label, _)| label.starts_with("sim.writes"));
        for (_, written) in written {
            let mut words = written.splitn(3, ' ').map(str::to_owned);
            let (Some(key), Some(file), Some(text)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let end = format!("_{key}");
            if let Some(volume) = held.volumes.iter().find(|volume| volume.ends_with(&end)) {
                self.contents.entry(volume.clone()).or_default().files.entry(file).or_insert(text);
            }
        }
    }

    /// Its labels in the engine's form.
    pub(super) fn volume_labels(&self, name: &str, owner: &str) -> Value {
        let own = self.contents.get(name).map(|content| &content.labels);
        let mut labels = json!({ "project": owner });
        for (label, value) in own.into_iter().flatten() {
            labels[label] = json!(value);
        }
        labels
    }

    /// A tar, as the real engine makes it.
    pub(super) fn pack_volume(&self, name: &str) -> Result<Vec<u8>, RuntimeError> {
        if !self.volumes.contains_key(name) {
            return Err(no_such(name));
        }
        let failed = |e: io::Error| RuntimeError::Other(e.to_string());
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind: tar::EntryType, content: &[u8]| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o755);
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append_data(&mut header, path, content).map_err(failed)
        };
        add(PLACE, tar::EntryType::Directory, b"")?;
        for (path, text) in self.contents.get(name).into_iter().flat_map(|content| &content.files) {
            add(&format!("{PLACE}/{path}"), tar::EntryType::Regular, text.as_bytes())?;
        }
        tar.into_inner().map_err(failed)
    }

    pub(super) fn unpack_volume(&mut self, name: &str, tar: &[u8]) -> Result<(), RuntimeError> {
        if !self.volumes.contains_key(name) {
            return Err(no_such(name));
        }
        let files = files(tar).map_err(|e| RuntimeError::Other(e.to_string()))?;
        self.contents.entry(name.to_owned()).or_default().files.extend(files);
        Ok(())
    }
}

fn files(tar: &[u8]) -> io::Result<Vec<(String, String)>> {
    let mut files = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = entry.path()?.to_string_lossy().into_owned();
            let mut text = String::new();
            entry.read_to_string(&mut text)?;
            let below = path.strip_prefix(PLACE).unwrap_or(&path).trim_start_matches('/').to_owned();
            files.push((below, text));
        }
    }
    Ok(files)
}

fn no_such(name: &str) -> RuntimeError {
    RuntimeError::NotFound(format!("no such volume: {name}"))
}
