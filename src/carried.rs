//! The stack that a released pdex carries inside itself: the definition, the recipes of its images with the sources they are built
//! from, dashboards and rules, as one compressed archive. A pdex built from the repository carries nothing and needs nothing: the
//! files lie beside it. `make dist` makes the archive and the program around it.
//!
//! [`settle`] puts the files into a folder of pdex's own, so that `pdex up` works in an empty directory; [`write_out`] puts them
//! where a person wants to edit them.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use flate2::read::GzDecoder;
use sha2::{Digest as _, Sha256};

/// What [`settle`] leaves in the folder: the archive's digest, then the paths it held, a line each.
const STAMP: &str = ".pdex-carried";

/// More than the whole stack takes by far: a damaged archive does not fill the memory.
const MOST_BYTES: u64 = 256 << 20;

#[cfg(feature = "carried")]
const ARCHIVE: Option<&[u8]> = Some(include_bytes!(env!("PDEX_STACK_ARCHIVE")));
#[cfg(not(feature = "carried"))]
const ARCHIVE: Option<&[u8]> = None;

/// What can be wrong with the archive or with where it goes.
#[derive(Debug, thiserror::Error)]
pub enum CarriedError {
    /// The archive inside the program cannot be read: the program is damaged.
    #[error("the stack inside this pdex is damaged: {0}")]
    Damaged(String),
    /// A folder or file could not be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Files are in the way that hold something else; nothing was written. Relative paths, in order.
    #[error("{} of the files are there already and differ, the first of them {}", .0.len(), .0[0].display())]
    InTheWay(Vec<PathBuf>),
}

impl CarriedError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// One file of the stack.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    /// Relative, without `..`.
    path: PathBuf,
    executable: bool,
    content: Vec<u8>,
}

/// A stack that can be written out.
#[derive(Debug, Clone)]
pub struct Stack {
    digest: String,
    archive: Vec<u8>,
}

/// The stack that this program carries, if it is a released one.
pub fn carried() -> Option<Stack> {
    ARCHIVE.map(|archive| Stack::new(archive.to_vec()))
}

impl Stack {
    /// Of a `.tar.gz`, the paths in it relative to the project directory.
    pub fn new(archive: Vec<u8>) -> Self {
        let digest =
            Sha256::digest(&archive).iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
        Self { digest, archive }
    }

    fn entries(&self) -> Result<Vec<Entry>, CarriedError> {
        let damaged = |e: io::Error| CarriedError::Damaged(e.to_string());
        let mut archive = tar::Archive::new(GzDecoder::new(self.archive.as_slice()).take(MOST_BYTES));
        let mut entries = Vec::new();
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let path = entry.path().map_err(damaged)?.into_owned();
            if !path.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(CarriedError::Damaged(format!("{} leads out of the folder", path.display())));
            }
            let executable = entry.header().mode().map_err(damaged)? & 0o100 != 0;
            let mut content = Vec::new();
            entry.read_to_end(&mut content).map_err(damaged)?;
            entries.push(Entry { path, executable, content });
        }
        if entries.is_empty() {
            return Err(CarriedError::Damaged("it is empty".to_owned()));
        }
        Ok(entries)
    }
}

/// Brings `folder` to what the stack holds, and tells whether anything had to be written. Files that an older stack put there and
/// this one has no more are removed; whatever else is there (`.env`, models) is left alone. Each file is replaced at once and the
/// stamp comes last: an interrupted run is finished by the next.
pub fn settle(stack: &Stack, folder: &Path) -> Result<bool, CarriedError> {
    let stamp = folder.join(STAMP);
    let before = match fs::read_to_string(&stamp) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(CarriedError::io(&stamp)(e)),
    };
    let mut lines = before.lines();
    if lines.next() == Some(stack.digest.as_str()) {
        return Ok(false);
    }
    let entries = stack.entries()?;
    for entry in &entries {
        write(folder, entry)?;
    }
    let now: BTreeSet<&Path> = entries.iter().map(|entry| entry.path.as_path()).collect();
    let gone = lines.map(Path::new).filter(|path| !now.contains(path));
    for path in gone.filter(|path| path.components().all(|part| matches!(part, Component::Normal(_)))) {
        match fs::remove_file(folder.join(path)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(CarriedError::io(path)(e)),
            _ => {}
        }
    }
    let mut text = format!("{}\n", stack.digest);
    for path in now {
        text.push_str(&path.to_string_lossy());
        text.push('\n');
    }
    let stamp = Entry { path: STAMP.into(), executable: false, content: text.into_bytes() };
    write(folder, &stamp)?;
    Ok(true)
}

/// Writes the stack into `folder` and tells how many files were new. Files that are there with the same content are left; where one
/// differs nothing is written, unless `force`.
pub fn write_out(stack: &Stack, folder: &Path, force: bool) -> Result<usize, CarriedError> {
    let entries = stack.entries()?;
    let (mut missing, mut differ) = (Vec::new(), Vec::new());
    for entry in &entries {
        let path = folder.join(&entry.path);
        match fs::read(&path) {
            Ok(content) if content == entry.content => {}
            Ok(_) => differ.push(entry),
            Err(e) if e.kind() == io::ErrorKind::NotFound => missing.push(entry),
            Err(e) => return Err(CarriedError::io(&path)(e)),
        }
    }
    if !differ.is_empty() && !force {
        return Err(CarriedError::InTheWay(differ.iter().map(|entry| entry.path.clone()).collect()));
    }
    for entry in missing.iter().chain(&differ) {
        write(folder, entry)?;
    }
    Ok(missing.len() + differ.len())
}

/// Writes a file aside and moves it into place: never half a file.
fn write(folder: &Path, entry: &Entry) -> Result<(), CarriedError> {
    let path = folder.join(&entry.path);
    let parent = path.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(CarriedError::io(parent))?;
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.new", std::process::id()));
    let aside = parent.join(name);
    let mode = if entry.executable { 0o755 } else { 0o644 };
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&aside)
        .and_then(|mut file| file.write_all(&entry.content))
        .and_then(|()| fs::rename(&aside, &path));
    written.map_err(|e| {
        // What is left aside helps nobody; the first error is the one to tell.
        let _ = fs::remove_file(&aside);
        CarriedError::io(&path)(e)
    })
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn stack(files: &[(&str, u32, &str)]) -> Stack {
        let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, mode, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(*mode);
            // By hand: `set_path` would refuse what a hostile archive holds.
            let name = &mut header.as_old_mut().name;
            name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, content.as_bytes()).unwrap();
        }
        Stack::new(archive.into_inner().unwrap().finish().unwrap())
    }

    fn read(folder: &Path, path: &str) -> Option<String> {
        fs::read_to_string(folder.join(path)).ok()
    }

    #[test]
    fn a_folder_follows_the_stack_and_keeps_what_is_not_its() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let old =
            stack(&[("stack/a.yaml", 0o644, "a: 1"), ("stack/old", 0o644, "x"), ("run.sh", 0o755, "#!")]);
        assert!(settle(&old, at).unwrap());
        assert!(!settle(&old, at).unwrap());
        fs::write(at.join(".env"), "SECRET=1").unwrap();
        let new = stack(&[("stack/a.yaml", 0o644, "a: 2"), ("run.sh", 0o755, "#!")]);
        assert!(settle(&new, at).unwrap());
        assert_eq!(read(at, "stack/a.yaml").as_deref(), Some("a: 2"));
        assert_eq!(read(at, "stack/old"), None);
        assert_eq!(read(at, ".env").as_deref(), Some("SECRET=1"));
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(at.join("run.sh")).unwrap().permissions());
        assert_eq!(mode & 0o100, 0o100);
    }

    #[test]
    fn a_settling_that_was_cut_off_is_finished_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let whole = stack(&[("a", 0o644, "1"), ("b", 0o644, "2")]);
        fs::write(at.join("a"), "half").unwrap();
        assert!(settle(&whole, at).unwrap());
        assert_eq!((read(at, "a").as_deref(), read(at, "b").as_deref()), (Some("1"), Some("2")));
    }

    #[test]
    fn what_was_edited_is_overwritten_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let ours = stack(&[("a", 0o644, "1"), ("b", 0o644, "2")]);
        assert_eq!(write_out(&ours, at, false).unwrap(), 2);
        assert_eq!(write_out(&ours, at, false).unwrap(), 0);
        fs::write(at.join("a"), "mine").unwrap();
        fs::remove_file(at.join("b")).unwrap();
        let refused = write_out(&ours, at, false).unwrap_err();
        assert!(
            matches!(&refused, CarriedError::InTheWay(paths) if paths == &[PathBuf::from("a")]),
            "{refused}"
        );
        assert_eq!((read(at, "a").as_deref(), read(at, "b")), (Some("mine"), None));
        assert_eq!(write_out(&ours, at, true).unwrap(), 2);
        assert_eq!(read(at, "a").as_deref(), Some("1"));
    }

    #[test]
    fn a_damaged_archive_is_said_and_nothing_escapes() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        let escapes = settle(&stack(&[("../out", 0o644, "x")]), &inner).unwrap_err();
        assert!(escapes.to_string().contains("leads out of the folder"), "{escapes}");
        assert!(!folder.path().join("out").exists());
        let mut cut = stack(&[("a", 0o644, "some content that is long enough to be cut")]);
        cut.archive.truncate(cut.archive.len() / 2);
        assert!(matches!(settle(&cut, &inner), Err(CarriedError::Damaged(_))));
        assert!(matches!(settle(&Stack::new(Vec::new()), &inner), Err(CarriedError::Damaged(_))));
        assert!(!inner.join(STAMP).exists());
    }
}
