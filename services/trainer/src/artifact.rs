//! Files written whole or not at all: aside, to disk, then renamed over the old one.

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Why a file could not be written; the old one, if any, is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct ArtifactError {
    pub path: PathBuf,
    pub source: std::io::Error,
}

/// Writes a file that others may read, making its folder if needed. Returns its path.
pub fn write(path: &Path, bytes: &[u8]) -> Result<PathBuf, ArtifactError> {
    write_inner(path, bytes).map_err(|source| ArtifactError { path: path.to_owned(), source })?;
    Ok(path.to_owned())
}

fn write_inner(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let dir = path.parent().filter(|d| !d.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir)?;
    let mut aside = tempfile::Builder::new().prefix(".writing-").tempfile_in(dir)?;
    aside.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The API reads it as another user.
        aside.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    aside.as_file().sync_all()?;
    aside.persist(path)?;
    std::fs::File::open(dir)?.sync_all()
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
    fn failure_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let error = write(&dir.path().join("file/below"), b"").unwrap_err();
        assert!(error.to_string().ends_with("file/below"), "{error}");
    }
}
