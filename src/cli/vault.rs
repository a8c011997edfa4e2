//! The files of secrets that pdex keeps: made when they are missing, changed in steps of which each can be the last.
//!
//! A new value stands aside as `NAME.new` until whoever has to know it was told; then it takes the name, and `NAME.restart` says
//! that services still go by the old one. A run that was killed is finished by the next from what lies there.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::definition::model::{Definition, FileSource, Hidden, Keeping};

/// A secret that pdex keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept<'d> {
    pub(crate) name: &'d str,
    pub(crate) path: &'d Path,
    pub(crate) keeping: &'d Keeping,
}

/// How a secret's file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Kept,
    Missing,
    Empty,
    /// More people of this machine may read it than should.
    Exposed,
    /// A rotation was begun and has not ended.
    Changing,
}

impl Standing {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Exposed => "others may read it",
            Self::Changing => "rotation not finished",
        }
    }
}

/// What went wrong, with the file.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}{}", path.display(), why(source))]
pub(crate) struct VaultError {
    path: PathBuf,
    source: io::Error,
}

fn why(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => " (its group has to be one of yours: PDEX_GID in .env)",
        _ => "",
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
    let path = path.to_owned();
    move |source| VaultError { path, source }
}

/// The secrets that say how they are kept, by name.
pub(crate) fn kept(definition: &Definition) -> Vec<Kept<'_>> {
    let own =
        definition.secrets.iter().filter_map(|(name, secret)| match (&secret.source, &secret.keeping) {
            (FileSource::File(path), Some(keeping)) => Some(Kept { name, path, keeping }),
            _ => None,
        });
    own.collect()
}

/// Makes the files that are missing, with their first values. The names of those that were made.
pub(crate) fn fill(definition: &Definition) -> Result<Vec<&str>, VaultError> {
    let missing = kept(definition).into_iter().filter(|secret| !secret.path.exists());
    missing
        .map(|secret| {
            let first = secret.keeping.first_value.as_ref().map(Hidden::reveal);
            let value = first.map_or_else(|| random(secret.keeping.bytes), |value| Ok(value.to_owned()));
            let value = value.map_err(at(secret.path))?;
            write(secret.path, secret.keeping.group, &value)?;
            Ok(secret.name)
        })
        .collect()
}

impl Kept<'_> {
    pub(crate) fn standing(&self) -> Standing {
        if self.is_pending() || self.is_replaced() {
            return Standing::Changing;
        }
        match fs::metadata(self.path) {
            Err(_) => Standing::Missing,
            Ok(file) if file.len() == 0 => Standing::Empty,
            Ok(file) if file.mode() & 0o007 != 0 => Standing::Exposed,
            Ok(_) => Standing::Kept,
        }
    }

    /// Whether a new value waits for whoever has to be told.
    pub(crate) fn is_pending(&self) -> bool {
        self.aside().exists()
    }

    /// Whether services may still go by the old value.
    pub(crate) fn is_replaced(&self) -> bool {
        self.mark().exists()
    }

    /// Puts a new value aside, or finds the one of a run that was killed.
    pub(crate) fn begin(&self) -> Result<Hidden, VaultError> {
        let aside = self.aside();
        if !aside.exists() {
            let value = random(self.keeping.bytes).map_err(at(&aside))?;
            write(&aside, self.keeping.group, &value)?;
        }
        fs::read_to_string(&aside).map(Hidden::new).map_err(at(&aside))
    }

    /// The new value takes the place of the old one; services have to be restarted from now on.
    pub(crate) fn replace(&self) -> Result<(), VaultError> {
        let (aside, mark) = (self.aside(), self.mark());
        fs::File::create(&mark).and_then(|file| file.sync_all()).map_err(at(&mark))?;
        fs::rename(&aside, self.path).map_err(at(self.path))?;
        settle(self.path)
    }

    /// Whoever uses it has the new value.
    pub(crate) fn end(&self) -> Result<(), VaultError> {
        let mark = self.mark();
        match fs::remove_file(&mark) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(at(&mark)(e)),
            _ => Ok(()),
        }
    }

    fn aside(&self) -> PathBuf {
        beside(self.path, ".new")
    }

    fn mark(&self) -> PathBuf {
        beside(self.path, ".restart")
    }
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(end);
    path.with_file_name(name)
}

/// Writes a file that its owner and the group may read, whole or not at all, and never over one that is there.
fn write(path: &Path, group: Option<u32>, value: &str) -> Result<(), VaultError> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(at(folder))?;
    }
    let half = beside(path, &format!(".{}.half", std::process::id()));
    let written = (|| {
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o400).open(&half)?;
        file.write_all(value.as_bytes())?;
        if let Some(group) = group {
            std::os::unix::fs::fchown(&file, None, Some(group))?;
            file.set_permissions(fs::Permissions::from_mode(0o440))?;
        }
        file.sync_all()?;
        match fs::hard_link(&half, path) {
            // Another run has just made it: that one holds.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    })();
    // What is left aside helps nobody; the first error is the one to tell.
    let _ = fs::remove_file(&half);
    written.map_err(at(path))?;
    settle(path)
}

/// What was done to names of a folder outlives a loss of power.
fn settle(path: &Path) -> Result<(), VaultError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// Hexadecimal digits: nothing in them needs quoting anywhere.
pub(super) fn random(count: u16) -> io::Result<String> {
    let mut bytes = vec![0; count.into()];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeping(first: Option<&str>) -> Keeping {
        Keeping {
            bytes: 24,
            first: None,
            first_value: first.map(Hidden::new),
            group: Some(rustix::process::getegid().as_raw()),
            tell: None,
        }
    }

    fn definition(path: &Path, keeping: Keeping) -> Definition {
        let secret = crate::definition::model::FileObject {
            name: "x_key".to_owned(),
            source: FileSource::File(path.to_owned()),
            keeping: Some(keeping),
        };
        Definition { secrets: [("key".to_owned(), secret)].into(), ..Definition::default() }
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn what_is_missing_is_made_for_its_owner_and_group_and_never_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secrets/key");
        let definition = definition(&path, keeping(None));
        assert_eq!(kept(&definition)[0].standing(), Standing::Missing);
        assert_eq!(fill(&definition).unwrap(), ["key"]);
        let first = read(&path);
        assert_eq!(first.len(), 48);
        assert_eq!(path.metadata().unwrap().mode() & 0o777, 0o440);
        assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(fill(&definition).unwrap(), [""; 0]);
        assert_eq!(read(&path), first);
        assert_eq!(kept(&definition)[0].standing(), Standing::Kept);
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn the_first_value_is_the_one_that_the_data_has() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fill(&definition(&path, keeping(Some("of-dot-env")))).unwrap();
        assert_eq!(read(&path), "of-dot-env");
    }

    #[test]
    fn a_rotation_is_taken_up_where_it_was_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let definition = definition(&path, keeping(None));
        fill(&definition).unwrap();
        let old = read(&path);
        let secret = kept(&definition)[0];
        let new = secret.begin().unwrap();
        assert_eq!(read(&path), old, "until whoever has to know was told");
        assert_eq!(secret.standing(), Standing::Changing);
        assert_eq!(secret.begin().unwrap(), new, "a run that was killed has told this one perhaps");
        secret.replace().unwrap();
        assert_eq!((read(&path).as_str(), secret.standing()), (new.reveal(), Standing::Changing));
        secret.end().unwrap();
        assert_eq!(secret.standing(), Standing::Kept);
        secret.end().unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_anybody_may_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let definition = definition(&path, keeping(None));
        fs::write(&path, "").unwrap();
        assert_eq!(kept(&definition)[0].standing(), Standing::Empty);
        fs::write(&path, "x").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(kept(&definition)[0].standing(), Standing::Exposed);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secrets"), "").unwrap();
        let path = folder.path().join("secrets/key");
        let error = fill(&definition(&path, keeping(None))).unwrap_err().to_string();
        assert!(error.contains("secrets"), "{error}");
    }
}
