//! Build contexts: a folder, filtered by its `.dockerignore`, as a tar with fixed times and owners, so that the same content
//! gives the same bytes and the engine's build cache holds.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use ignore::{Match, WalkBuilder};

/// Where the Dockerfile is put when it lies outside the context.
pub const DOCKERFILE: &str = ".pdex.Dockerfile";

/// A context that is being put together.
pub struct Context {
    tar: tar::Builder<Vec<u8>>,
}

impl Default for Context {
    fn default() -> Self {
        Self { tar: tar::Builder::new(Vec::new()) }
    }
}

impl Context {
    /// Adds a text under `name`.
    pub fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.bytes(name, text.as_bytes(), 0o644)
    }

    /// Adds a file of this machine under `name`, executable or not.
    pub fn file(&mut self, name: &str, path: &Path, executable: bool) -> io::Result<()> {
        let content = std::fs::read(path).map_err(|e| at(path, &e))?;
        self.bytes(name, &content, if executable { 0o755 } else { 0o644 })
    }

    /// Adds everything below `folder` that its `.dockerignore` lets through, in the order of names.
    pub fn folder(&mut self, folder: &Path) -> io::Result<()> {
        let ignored = dockerignore(folder)?;
        let mut walk = WalkBuilder::new(folder);
        walk.standard_filters(false).sort_by_file_name(std::ffi::OsStr::cmp);
        let root = folder.to_owned();
        let filter = ignored.clone();
        walk.filter_entry(move |entry| {
            let relative = entry.path().strip_prefix(&root).unwrap_or(entry.path());
            let folder = entry.file_type().is_some_and(|t| t.is_dir());
            relative.as_os_str().is_empty() || !matches!(filter.matched(relative, folder), Match::Ignore(_))
        });
        for entry in walk.build() {
            let entry = entry.map_err(io::Error::other)?;
            let Ok(name) = entry.path().strip_prefix(folder) else { continue };
            let (Some(name), Some(kind)) = (name.to_str(), entry.file_type()) else { continue };
            if kind.is_file() {
                self.file(name, entry.path(), is_executable(entry.path()))?;
            }
        }
        Ok(())
    }

    /// The finished tar.
    pub fn finish(self) -> io::Result<Bytes> {
        self.tar.into_inner().map(Bytes::from)
    }

    fn bytes(&mut self, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        self.tar.append_data(&mut header, name, content)
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// Patterns of `.dockerignore` start at the context's root, where those of `.gitignore` match at any depth.
fn dockerignore(folder: &Path) -> io::Result<Gitignore> {
    let path: PathBuf = folder.join(".dockerignore");
    let mut builder = GitignoreBuilder::new("");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(at(&path, &e)),
    };
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (not, pattern) = line.strip_prefix('!').map_or(("", line), |rest| ("!", rest));
        let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
        builder.add_line(None, &format!("{not}/{pattern}")).map_err(io::Error::other)?;
    }
    builder.build().map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(bytes: &Bytes) -> Vec<String> {
        let mut archive = tar::Archive::new(bytes.as_ref());
        archive.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect()
    }

    #[test]
    fn a_folder_is_filtered_sorted_and_reproducible() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.py", "a.py", "target/x", "deep/target/y", ".dockerignore"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, if name == ".dockerignore" { "target\n" } else { name }).unwrap();
        }
        let pack = || {
            let mut context = Context::default();
            context.folder(folder.path()).unwrap();
            context.finish().unwrap()
        };
        assert_eq!(names(&pack()), [".dockerignore", "a.py", "b.py", "deep/target/y"]);
        assert_eq!(pack(), pack());
    }
}
