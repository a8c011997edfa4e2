//! Files written whole or not at all: aside, to disk, then renamed over the old one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How the name of a file begins that is not whole yet.
const UNFINISHED: &str = ".writing-";

/// An unfinished file that is younger may be one that its writer has not locked yet.
const GRACE: Duration = Duration::from_mins(1);

/// Why a file could not be written; the old one, if any, is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct ArtifactError {
    pub path: PathBuf,
    pub source: std::io::Error,
}

/// A file being written beside its place.
#[derive(Debug)]
pub struct Aside {
    file: tempfile::NamedTempFile,
    path: PathBuf,
}

impl Aside {
    /// Starts a file that will stand at `path`, making its folder if needed. Dropped, it leaves nothing; what a killed run left in
    /// that folder goes.
    pub fn create(path: &Path) -> Result<Self, ArtifactError> {
        let create = || {
            let dir = folder(path);
            std::fs::create_dir_all(dir)?;
            clear(dir, GRACE);
            let file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(dir)?;
            // Held until the file is closed, so by nobody once its writer was killed. Where a file system has no locks, what is left stays.
            let _ = file.as_file().try_lock();
            Ok(file)
        };
        let file = create().map_err(|source| ArtifactError { path: path.to_owned(), source })?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Puts the file in its place, on disk before anybody can see it, and readable by others.
    pub fn persist(self) -> Result<(), ArtifactError> {
        let Self { file, path } = self;
        let persist = |file: tempfile::NamedTempFile| {
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                // The API reads it as another user.
                file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
            }
            file.as_file().sync_all()?;
            file.persist(&path)?;
            std::fs::File::open(folder(&path))?.sync_all()
        };
        persist(file).map_err(|source| ArtifactError { path: path.clone(), source })
    }
}

impl Write for Aside {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Removes the unfinished files that are older than `grace` and that nobody writes any more. One that cannot be removed harms nobody.
fn clear(dir: &Path, grace: Duration) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let age = entry.metadata().and_then(|it| it.modified()).ok().and_then(|at| at.elapsed().ok());
        let abandoned = || std::fs::File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if age.is_some_and(|age| age >= grace) && abandoned() {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file that others may read, making its folder if needed. Returns its path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<PathBuf, ArtifactError> {
    let mut aside = Aside::create(path)?;
    aside.write_all(bytes).map_err(|source| ArtifactError { path: path.to_owned(), source })?;
    aside.persist()?;
    Ok(path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_and_leaves_nothing_beside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sub/file.txt");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_what_is_being_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join(".writing-left");
        std::fs::write(&left, b"half").unwrap();
        let mut writing = Aside::create(&dir.path().join("file")).unwrap();
        writing.write_all(b"whole").unwrap();
        assert!(left.exists(), "it may be younger than its lock");
        clear(dir.path(), Duration::ZERO);
        assert!(!left.exists());
        writing.persist().unwrap();
        assert_eq!(std::fs::read(dir.path().join("file")).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn failure_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = write(&dir.path().join("file/below"), b"").unwrap_err();
        assert!(error.to_string().ends_with("file/below"), "{error}");
    }
}
