//! The double's images as a tar, in the shape that the real engine gives and takes. Pure.

use std::collections::BTreeMap;
use std::io;

use serde_json::{Value, json};

use crate::runtime::RuntimeError;

/// A tar of images: `manifest.json` as the real engine writes it, and something in the place of layers.
pub(super) fn pack(
    references: &[String],
    images: &BTreeMap<String, String>,
) -> Result<Vec<u8>, RuntimeError> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.append_data(&mut header, name, content).map_err(|e| RuntimeError::Other(e.to_string()))
    };
    let mut manifest = Vec::new();
    for reference in references {
        let id = images
            .get(reference)
            .ok_or_else(|| RuntimeError::NotFound(format!("no such image: {reference}")))?;
        let name = id.trim_start_matches("sha256:");
        add(&format!("{name}/layer.tar"), reference.as_bytes())?;
        manifest.push(json!({"Config": format!("{name}.json"), "RepoTags": [reference]}));
    }
    add("manifest.json", json!(manifest).to_string().as_bytes())?;
    tar.into_inner().map_err(|e| RuntimeError::Other(e.to_string()))
}

/// The files of an image of the double: one package, named after it.
pub(super) fn files(reference: &str) -> Result<Vec<u8>, RuntimeError> {
    let (name, version) = reference.rsplit_once(':').unwrap_or((reference, "0"));
    let name = name.rsplit('/').next().unwrap_or(name);
    let status =
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n");
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in
        [("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"), ("var/lib/dpkg/status", status.as_str())]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        let added = tar.append_data(&mut header, path, content.as_bytes());
        added.map_err(|e| RuntimeError::Other(e.to_string()))?;
    }
    tar.into_inner().map_err(|e| RuntimeError::Other(e.to_string()))
}

/// The images that a tar names, with their identifiers.
pub(super) fn unpack(tar: &[u8]) -> io::Result<Vec<(String, String)>> {
    let mut images = Vec::new();
    for entry in tar::Archive::new(tar).entries()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() != "manifest.json" {
            continue;
        }
        let mut text = String::new();
        io::Read::read_to_string(&mut entry, &mut text)?;
        let manifest: Value = serde_json::from_str(&text)?;
        for image in manifest.as_array().into_iter().flatten() {
            let id = image["Config"].as_str().unwrap_or_default().trim_end_matches(".json");
            let tags = image["RepoTags"].as_array().into_iter().flatten().filter_map(Value::as_str);
            images.extend(tags.map(|tag| (tag.to_owned(), format!("sha256:{id}"))));
        }
    }
    Ok(images)
}
