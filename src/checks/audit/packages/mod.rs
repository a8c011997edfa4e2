//! Which packages an image has, from the databases of their managers in its file system: dpkg (also as distroless images have
//! it), apk, and Python's dist-info. Reads a tar as it comes, so that an image is never kept whole.

mod databases;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tokio::sync::mpsc;

use crate::runtime::RuntimeError;
use crate::runtime::operate::Operate;

/// A database that is larger is none.
const MAX_DATABASE: u64 = 64 << 20;
/// Of a Python package: its description follows, and may be long.
const MAX_METADATA: u64 = 1 << 20;
/// Of one image.
const MAX_PACKAGES: usize = 100_000;
/// Pieces of the tar on their way.
const IN_FLIGHT: usize = 16;

/// Who installed a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Manager {
    Apk,
    Dpkg,
    Python,
}

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub manager: Manager,
    pub name: String,
    pub version: String,
    pub architecture: Option<String>,
    /// As the package says it: an SPDX expression, or any words.
    pub license: Option<String>,
}

/// What is installed in an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// `ID` and `VERSION_ID` of /etc/os-release.
    pub distribution: Option<(String, String)>,
    pub packages: BTreeSet<Package>,
    /// Whether there were more packages than are kept.
    pub cut: bool,
}

/// What is installed in an image that the engine has. Once `stop` is set it fails, after tidying up.
pub async fn of<R: Operate>(
    runtime: &R,
    reference: &str,
    stop: &Arc<AtomicBool>,
) -> Result<Inventory, RuntimeError> {
    let (sender, mut receiver) = mpsc::channel(IN_FLIGHT);
    let reading = async {
        // A thread that waits holds up a simulated clock, so it begins when there is something to read.
        let first = receiver.recv().await.unwrap_or_default();
        let pieces = source::Pieces::new(first, receiver, Arc::clone(stop));
        tokio::task::spawn_blocking(move || read(pieces)).await
    };
    let (sent, read) = tokio::join!(runtime.files(reference, sender), reading);
    let read = read.map_err(|e| RuntimeError::Other(e.to_string()))?;
    sent?;
    read.map_err(|e| RuntimeError::Other(format!("the files of {reference}: {e}")))
}

/// Where a file of a tar belongs.
enum Part {
    Dpkg,
    Apk,
    Python,
    Release,
}

fn part(path: &str) -> Option<Part> {
    let path = path.trim_start_matches("./").trim_start_matches('/');
    match path {
        "var/lib/dpkg/status" => Some(Part::Dpkg),
        "lib/apk/db/installed" | "usr/lib/apk/db/installed" => Some(Part::Apk),
        "etc/os-release" | "usr/lib/os-release" => Some(Part::Release),
        _ if path.strip_prefix("var/lib/dpkg/status.d/").is_some_and(|name| !name.ends_with(".md5sums")) => {
            Some(Part::Dpkg)
        }
        _ => (path.ends_with(".dist-info/METADATA") || path.ends_with(".egg-info/PKG-INFO"))
            .then_some(Part::Python),
    }
}

/// Reads the tar of a file system.
pub fn read(tar: impl Read) -> io::Result<Inventory> {
    let mut inventory = Inventory::default();
    let mut archive = tar::Archive::new(tar);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Some(part) = part(&String::from_utf8_lossy(&entry.path_bytes())) else { continue };
        let limit = if matches!(part, Part::Python) { MAX_METADATA } else { MAX_DATABASE };
        let mut bytes = Vec::new();
        entry.by_ref().take(limit).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let found = match part {
            Part::Dpkg => databases::dpkg(&text),
            Part::Apk => databases::apk(&text),
            Part::Python => databases::python(&text).into_iter().collect(),
            Part::Release => {
                inventory.distribution = inventory.distribution.or_else(|| databases::release(&text));
                continue;
            }
        };
        let room = MAX_PACKAGES.saturating_sub(inventory.packages.len());
        inventory.cut |= found.len() > room;
        inventory.packages.extend(found.into_iter().take(room));
    }
    Ok(inventory)
}

/// The inventories of images by reference, each with the engine's identifier of the image.
pub type Inventories = BTreeMap<String, (String, Inventory)>;

#[cfg(test)]
mod tests {
    use super::*;

    fn tar(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_cksum();
            tar.append_data(&mut header, path, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn packages_are_found_where_they_lie() {
        let tar = tar(&[
            ("etc/os-release", "PRETTY_NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n"),
            ("usr/bin/python3", "not a database"),
            (
                "var/lib/dpkg/status",
                "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2\n",
            ),
            ("var/lib/dpkg/status.d/tzdata", "Package: tzdata\nVersion: 2024a\nArchitecture: all\n"),
            (
                "opt/venv/lib/python3.11/site-packages/numpy-2.0.dist-info/METADATA",
                "Name: numpy\nVersion: 2.0\n\nlong",
            ),
            ("lib/apk/db/installed", "P:musl\nV:1.2.4-r2\nA:x86_64\n\n"),
        ]);
        let inventory = read(&*tar).unwrap();
        assert_eq!(inventory.distribution, Some(("debian".into(), "12".into())));
        let names: Vec<&str> = inventory.packages.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["musl", "bash", "tzdata", "numpy"]);
        assert!(!inventory.cut);
    }

    #[test]
    fn a_broken_tar_is_an_error_and_an_empty_one_has_nothing() {
        let whole = tar(&[("var/lib/dpkg/status", &"Package: a\nVersion: 1\n\n".repeat(1_000))]);
        assert!(read(&whole[..1_500]).is_err(), "cut off");
        assert!(read(&[7_u8; 4_096][..]).is_err(), "no tar");
        assert_eq!(read(&b""[..]).unwrap(), Inventory::default());
    }

    #[test]
    fn a_database_of_nonsense_has_no_packages() {
        let nonsense = "\u{0}\nPackage\n: x\nPackage: \nVersion:\n\n".repeat(10);
        let tar = tar(&[
            ("var/lib/dpkg/status", &nonsense),
            ("lib/apk/db/installed", &nonsense),
            ("a.dist-info/METADATA", &nonsense),
        ]);
        assert_eq!(read(&*tar).unwrap().packages.len(), 0);
    }
}
