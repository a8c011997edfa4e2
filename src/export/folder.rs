//! A folder that is replaced as a whole: written aside, then put in the place of the old one at once, so that whoever is killed in
//! between leaves the one or the other. Only an empty folder or an earlier export is replaced, which a file in it shows.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};

/// The file that marks an export.
pub const MARK: &str = ".pdex-export";
const MARKED: &str = "Written by pdex export. The next export replaces this folder as a whole.\n";

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("{} holds files that no export wrote", .0.display())]
    Foreign(PathBuf),
    #[error("{} is not a folder", .0.display())]
    NoFolder(PathBuf),
    #[error("another export is writing into {}", .0.display())]
    Busy(PathBuf),
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Io { path, source }
}

/// Makes `folder` hold these files, by their paths in it, and nothing else.
pub fn write(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), FolderError> {
    // A link is followed: what it names is replaced, and not the link.
    let target = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    let there = is_ours(&target)?;
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&parent).map_err(at(&parent))?;
    let lock = File::open(&parent).map_err(at(&parent))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| FolderError::Busy(parent.clone()))?;
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (aside, old) = (parent.join(format!(".{name}.pdex-aside")), parent.join(format!(".{name}.pdex-old")));
    // What a killed run left.
    for left in [&aside, &old] {
        if is_ours(left)? {
            fs::remove_dir_all(left).map_err(at(left))?;
        }
    }
    fill(&aside, files)?;
    if there { exchange(&aside, &target, &old) } else { fs::rename(&aside, &target).map_err(at(&target)) }
}

/// Whether there is a folder that may be replaced; none is there where nothing is.
fn is_ours(folder: &Path) -> Result<bool, FolderError> {
    let mut entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            return Err(FolderError::NoFolder(folder.to_owned()));
        }
        Err(e) => return Err(at(folder)(e)),
    };
    let marked = fs::read_to_string(folder.join(MARK)).is_ok_and(|text| text == MARKED);
    if marked || entries.next().is_none() { Ok(true) } else { Err(FolderError::Foreign(folder.to_owned())) }
}

/// The mark comes first: whatever instant it is killed at, the next run knows the folder.
fn fill(folder: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<(), FolderError> {
    fs::create_dir(folder).map_err(at(folder))?;
    let mark = folder.join(MARK);
    fs::write(&mark, MARKED).map_err(at(&mark))?;
    for (path, content) in files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        fs::write(&path, content).map_err(at(&path))?;
    }
    Ok(())
}

/// Puts what stands aside in the place of the target, in one step where the file system can.
fn exchange(aside: &Path, target: &Path, old: &Path) -> Result<(), FolderError> {
    if renameat_with(CWD, aside, CWD, target, RenameFlags::EXCHANGE).is_ok() {
        return fs::remove_dir_all(aside).map_err(at(aside));
    }
    fs::rename(target, old).map_err(at(target))?;
    if let Err(e) = fs::rename(aside, target) {
        // Rather the old one than none.
        let _ = fs::rename(old, target);
        return Err(at(target)(e));
    }
    fs::remove_dir_all(old).map_err(at(old))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(entries: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn an_export_takes_the_place_of_the_one_before() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("deep/out");
        write(&out, &files(&[("base/a.yaml", "1"), ("gone.yaml", "x")])).unwrap();
        write(&out, &files(&[("base/a.yaml", "2")])).unwrap();
        assert_eq!(names(&out), [MARK, "base"]);
        assert_eq!(fs::read_to_string(out.join("base/a.yaml")).unwrap(), "2");
        assert_eq!(names(&place.path().join("deep")), ["out"], "nothing is left aside");
    }

    #[test]
    fn an_empty_folder_is_taken_and_any_other_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        fs::create_dir(&out).unwrap();
        write(&out, &files(&[("a", "1")])).unwrap();
        let other = place.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("thesis.txt"), "years of work").unwrap();
        assert!(matches!(write(&other, &files(&[("a", "1")])), Err(FolderError::Foreign(_))));
        assert_eq!(names(&other), ["thesis.txt"]);
        let file = other.join("thesis.txt");
        assert!(matches!(write(&file, &files(&[])), Err(FolderError::NoFolder(_))));
        assert_eq!(names(place.path()), ["other", "out"]);
    }

    #[test]
    fn what_a_killed_run_left_aside_is_taken_away_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("out");
        write(&out, &files(&[("a", "old")])).unwrap();
        // Killed before anything was written, while the new one was written, and before the old one was removed.
        for left in [&[][..], &[("a", "ne")][..], &[("a", "old")][..]] {
            let aside = place.path().join(".out.pdex-aside");
            fs::create_dir(&aside).unwrap();
            if !left.is_empty() {
                fs::write(aside.join(MARK), MARKED).unwrap();
            }
            for (path, text) in left {
                fs::write(aside.join(path), text).unwrap();
            }
            write(&out, &files(&[("a", "new")])).unwrap();
            assert_eq!(names(place.path()), ["out"]);
            assert_eq!(fs::read_to_string(out.join("a")).unwrap(), "new");
        }
    }

    #[test]
    fn a_link_stays_and_what_it_names_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let (real, link) = (place.path().join("real"), place.path().join("link"));
        fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        write(&link, &files(&[("a", "1")])).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(&real), [MARK, "a"]);
    }

    #[test]
    fn two_at_once_exclude_each_other() {
        let place = tempfile::tempdir().unwrap();
        let lock = File::open(place.path()).unwrap();
        flock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
        let written = write(&place.path().join("out"), &files(&[("a", "1")]));
        assert!(matches!(written, Err(FolderError::Busy(_))));
    }
}
