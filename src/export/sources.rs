//! Reads what the definition mounts and how its images are built, as far as an export takes it along: the disk, which nothing
//! else of this layer but `folder` touches. What others of this machine may not read is not taken.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::definition::model::{Build, Definition, FileSource, MountSource, ServiceName};

/// A `ConfigMap` holds 1 MiB, its other parts included.
const MOST_BYTES: usize = 900 << 10;
const MOST_FILES: usize = 500;
/// A longer Dockerfile is not read.
const LONGEST: u64 = 1 << 20;
/// Files that are about the folder and not of it, and what programs leave there.
const ABOUT: &[&str] = &[".gitkeep", ".gitignore", ".DS_Store", "__pycache__"];

/// What an export takes from the disk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// What lies at the sources of bind mounts.
    pub binds: BTreeMap<PathBuf, Content>,
    /// The user that a built image ends with.
    pub users: BTreeMap<ServiceName, String>,
}

/// What lies at the source of a bind mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Files by their paths below the source; one file has its own name.
    Files { single: bool, files: BTreeMap<String, FileContent> },
    /// Nothing yet.
    Absent,
    /// More than a `ConfigMap` holds.
    Large,
    /// Others of this machine may not read it, or secrets lie there; one file, or a folder.
    Private { single: bool },
    /// Not below the project directory: of the machine, and not of the stack.
    Outside,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileContent {
    pub bytes: Vec<u8>,
    pub executable: bool,
}

/// Looks at everything the definition mounts from this machine.
pub fn read(definition: &Definition) -> Sources {
    let mounts = definition.services.values().flat_map(|service| &service.mounts);
    let paths = mounts.filter_map(|mount| match &mount.source {
        MountSource::Bind(path) => Some(path),
        _ => None,
    });
    let configs = definition.configs.values().filter_map(|config| match &config.source {
        FileSource::File(path) => Some(path),
        _ => None,
    });
    let binds = paths.chain(configs).map(|path| (path.clone(), content(definition, path))).collect();
    let built = definition.services.values().filter_map(|service| {
        let host = service.pdex.host_build.as_ref().map(|build| build.dockerfile.as_path());
        let user = user_of(host, service.build.as_ref())?;
        Some((service.name.clone(), user))
    });
    Sources { binds, users: built.collect() }
}

fn user_of(host: Option<&Path>, build: Option<&Build>) -> Option<String> {
    if let Some(text) = build.and_then(|build| build.inline.as_deref()) {
        return last_user(text);
    }
    let path = build.map(|build| build.dockerfile.as_path()).or(host)?;
    let short = fs::metadata(path).is_ok_and(|data| data.is_file() && data.len() <= LONGEST);
    last_user(&short.then(|| fs::read_to_string(path).ok()).flatten()?)
}

/// The user of the last stage, where it is written out.
fn last_user(dockerfile: &str) -> Option<String> {
    let mut user = None;
    for line in dockerfile.lines() {
        let mut words = line.split_whitespace();
        match words.next().map(str::to_ascii_uppercase).as_deref() {
            Some("FROM") => user = None,
            Some("USER") => user = words.next().map(str::to_owned),
            _ => {}
        }
    }
    user.filter(|text| !text.contains('$'))
}

fn content(definition: &Definition, path: &Path) -> Content {
    if !path.starts_with(&definition.directory) || path == definition.directory {
        return Content::Outside;
    }
    if holds_secrets(definition, path) {
        return Content::Private { single: path.is_file() };
    }
    match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Content::Absent,
        Err(_) => Content::Private { single: false },
        Ok(data) if data.is_file() => {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            gathered(path, vec![(name, path.to_owned())], true)
        }
        Ok(data) if data.is_dir() => match below(path) {
            Some(mut found) => {
                // What `pdex up` writes is of this machine.
                let timelines =
                    definition.services.values().filter_map(|service| service.pdex.timeline.as_ref());
                found.retain(|(_, file)| !timelines.clone().any(|timeline| timeline == file));
                gathered(path, found, false)
            }
            None => Content::Large,
        },
        // A socket or a device.
        Ok(_) => Content::Outside,
    }
}

/// Whether a secret's file lies there, or the path is in the folder of one.
fn holds_secrets(definition: &Definition, path: &Path) -> bool {
    let mut files = definition.secrets.values().filter_map(|secret| match &secret.source {
        FileSource::File(file) => Some(file),
        _ => None,
    });
    files.any(|file| {
        let folder = file.parent().filter(|folder| *folder != definition.directory);
        file.starts_with(path) || folder.is_some_and(|folder| path.starts_with(folder))
    })
}

/// The files of a folder with their names in it; `None` where they are too many.
fn below(folder: &Path) -> Option<Vec<(String, PathBuf)>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if name.to_str().is_some_and(|name| ABOUT.contains(&name)) {
                continue;
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if let Ok(inside) = path.strip_prefix(folder) {
                found.push((inside.to_string_lossy().into_owned(), path));
            }
            if found.len() + open.len() > MOST_FILES {
                return None;
            }
        }
    }
    Some(found)
}

fn gathered(root: &Path, found: Vec<(String, PathBuf)>, single: bool) -> Content {
    let root = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let private = Content::Private { single };
    let (mut files, mut total) = (BTreeMap::new(), 0);
    for (name, path) in found {
        // A link may lead anywhere.
        let inside = fs::canonicalize(&path).is_ok_and(|real| real.starts_with(&root));
        let Ok(data) = fs::metadata(&path) else { return private };
        let mode = data.permissions().mode();
        if !inside || !data.is_file() || mode & 0o004 == 0 || name.split('/').any(|part| part == ".env") {
            return private;
        }
        total += usize::try_from(data.len()).unwrap_or(usize::MAX);
        if total > MOST_BYTES {
            return Content::Large;
        }
        let Ok(bytes) = fs::read(&path) else { return private };
        files.insert(name, FileContent { bytes, executable: mode & 0o111 != 0 });
    }
    Content::Files { single, files }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::model::FileObject;

    #[test]
    fn the_user_is_the_last_stages_where_it_is_written_out() {
        for (text, expected) in [
            ("FROM a\nUSER 10001:10001\n", Some("10001:10001")),
            ("FROM a\nUSER 5\nFROM b\n", None),
            ("from a\nuser pdex\nRUN x\n", Some("pdex")),
            ("FROM a\nUSER $WHO\n", None),
            ("", None),
        ] {
            assert_eq!(last_user(text).as_deref(), expected, "{text}");
        }
    }

    fn definition(directory: &Path) -> Definition {
        Definition { directory: directory.to_owned(), ..Definition::default() }
    }

    #[test]
    fn a_folder_is_taken_along_file_by_file() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("config");
        fs::create_dir_all(folder.join("rules")).unwrap();
        fs::write(folder.join("rules/a.yml"), "a").unwrap();
        fs::write(folder.join("b.sh"), "b").unwrap();
        fs::write(folder.join(".gitkeep"), "").unwrap();
        // Whatever the mask of whoever runs the tests: what others may not read is a secret.
        for (name, mode) in [("rules/a.yml", 0o644), (".gitkeep", 0o644), ("b.sh", 0o755)] {
            fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        let Content::Files { single: false, files } = content(&definition(place.path()), &folder) else {
            panic!("a folder")
        };
        let shown: Vec<_> = files.iter().map(|(name, file)| (name.as_str(), file.executable)).collect();
        assert_eq!(shown, [("b.sh", true), ("rules/a.yml", false)]);
        let one = content(&definition(place.path()), &folder.join("b.sh"));
        assert!(matches!(one, Content::Files { single: true, .. }));
    }

    #[test]
    fn what_is_private_large_elsewhere_or_missing_is_not_taken() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("config");
        fs::create_dir(&folder).unwrap();
        let mut definition = definition(place.path());
        let of = |definition: &Definition, path: &str| content(definition, &place.path().join(path));
        assert_eq!(of(&definition, "nothing"), Content::Absent);
        assert_eq!(content(&definition, Path::new("/etc/passwd")), Content::Outside);
        assert_eq!(content(&definition, place.path()), Content::Outside, "the whole project");
        fs::write(folder.join("key"), "k").unwrap();
        fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(of(&definition, "config"), Content::Private { single: false });
        fs::write(folder.join("key"), vec![0; MOST_BYTES + 1]).unwrap();
        fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(of(&definition, "config"), Content::Large);
        fs::remove_file(folder.join("key")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.join("link")).unwrap();
        assert_eq!(of(&definition, "config"), Content::Private { single: false }, "a link that leads out");
        fs::remove_file(folder.join("link")).unwrap();
        let source = FileSource::File(place.path().join("secrets/password"));
        let secret = FileObject { name: "password".to_owned(), source, keeping: None };
        definition.secrets.insert("password".to_owned(), secret);
        assert_eq!(of(&definition, "secrets/tls"), Content::Private { single: false }, "beside a secret");
        assert!(matches!(of(&definition, "config"), Content::Files { .. }));
    }
}
