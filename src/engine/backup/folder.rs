//! A folder of this machine as tar, the way back, and the exchange of one folder for another. Blocks.

use std::fs::{self, File, FileTimes};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use crate::backup::marks::{REPLACED, STAGED};

/// Writes everything in the folder and the folder itself, which is called `.`; links as links, and nothing that is no file, folder
/// or link.
pub(super) fn pack(folder: &Path, into: impl Write) -> io::Result<()> {
    let mut tar = tar::Builder::new(into);
    tar.follow_symlinks(false);
    tar.sparse(false);
    let mut open = vec![PathBuf::from(".")];
    while let Some(name) = open.pop() {
        let path = folder.join(&name);
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let kind = path.symlink_metadata().map_err(named)?.file_type();
        if !(kind.is_file() || kind.is_dir() || kind.is_symlink()) {
            continue;
        }
        tar.append_path_with_name(&path, &name).map_err(named)?;
        if kind.is_dir() {
            let mut below = Vec::new();
            for entry in fs::read_dir(&path).map_err(named)? {
                let entry = entry.map_err(named)?.file_name();
                below.push(if name == Path::new(".") { PathBuf::from(entry) } else { name.join(entry) });
            }
            below.sort();
            // The last is taken first.
            open.extend(below.into_iter().rev());
        }
    }
    tar.into_inner()?.flush()
}

/// What a folder gets once everything is in it.
struct Finish {
    path: PathBuf,
    mode: u32,
    owner: (u32, u32),
    modified: u64,
}

/// Makes `into` from such a tar, with modes and times; with owners where this user may give them.
pub(super) fn unpack(content: impl Read, into: &Path) -> io::Result<()> {
    fs::create_dir(into)?;
    let root = into.canonicalize()?;
    let owners = rustix::process::geteuid().is_root();
    let mut archive = tar::Archive::new(content);
    archive.set_preserve_permissions(true);
    archive.set_preserve_ownerships(owners);
    let mut folders = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        if !entry.header().entry_type().is_dir() {
            if !entry.unpack_in(&root)? {
                return Err(outside(&entry.path_bytes()));
            }
            continue;
        }
        let path = inside(&root, &entry.path()?)?;
        if path != root {
            fs::create_dir(&path)?;
        }
        let header = entry.header();
        let number = |id: u64| u32::try_from(id).unwrap_or(u32::MAX);
        folders.push(Finish {
            path,
            mode: header.mode()?,
            owner: (number(header.uid()?), number(header.gid()?)),
            modified: header.mtime()?,
        });
    }
    // What is inside comes first: a folder that nobody may write has to be filled before.
    for folder in folders.into_iter().rev() {
        finish(&folder, owners)?;
    }
    File::open(&root)?.sync_all()
}

fn finish(folder: &Finish, owners: bool) -> io::Result<()> {
    if owners {
        let (user, group) = folder.owner;
        std::os::unix::fs::chown(&folder.path, Some(user), Some(group))?;
    }
    let modified = UNIX_EPOCH + Duration::from_secs(folder.modified);
    File::open(&folder.path)?.set_times(FileTimes::new().set_modified(modified))?;
    fs::set_permissions(&folder.path, fs::Permissions::from_mode(folder.mode & 0o7777))
}

/// A path of the tar below the root, whatever links lie on the way.
fn inside(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let refused = || outside(path.as_os_str().as_encoded_bytes());
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let parts: Vec<Component<'_>> = parts.collect();
    if parts.iter().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(refused());
    }
    let whole = parts.iter().fold(root.to_owned(), |path, part| path.join(part));
    let Some(parent) = whole.parent().filter(|_| !parts.is_empty()) else { return Ok(whole) };
    if parent.canonicalize()? == parent { Ok(whole) } else { Err(refused()) }
}

fn outside(path: &[u8]) -> io::Error {
    let what = format!("{} leads out of the folder", String::from_utf8_lossy(path));
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Where a folder's successor stands ready.
pub(super) fn staged(folder: &Path) -> PathBuf {
    beside(folder, STAGED)
}

fn beside(folder: &Path, end: &str) -> PathBuf {
    let mut name = folder.file_name().map(ToOwned::to_owned).unwrap_or_default();
    name.push(end);
    folder.with_file_name(name)
}

/// What an earlier try left beside it goes, and it is looked at whether the folder can be exchanged at all.
pub(super) fn prepare(folder: &Path) -> io::Result<()> {
    remove(&staged(folder))?;
    // It would be in the way when it is too late to say so. Where it is all that is left of the folder, it is in nobody's.
    if folder.symlink_metadata().is_ok() {
        remove(&beside(folder, REPLACED))?;
    }
    if let (Ok(own), Some(Ok(around))) = (folder.metadata(), folder.parent().map(Path::metadata))
        && own.dev() != around.dev()
    {
        return Err(io::Error::other(
            "a file system is mounted there, which cannot be exchanged for a folder",
        ));
    }
    Ok(())
}

/// Puts what stands ready in the folder's place. Done twice, it does no more: what is still to be done shows in what is there.
pub(super) fn exchange(folder: &Path) -> io::Result<()> {
    let (fresh, old) = (staged(folder), beside(folder, REPLACED));
    if fresh.symlink_metadata().is_ok() {
        if folder.symlink_metadata().is_ok() {
            remove(&old)?;
            fs::rename(folder, &old)?;
        }
        fs::rename(&fresh, folder)?;
        File::open(folder.parent().unwrap_or(Path::new("/")))?.sync_all()?;
    }
    Ok(())
}

/// Takes away what has lost its place.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    remove(&beside(folder, REPLACED))
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn filled() -> tempfile::TempDir {
        let around = tempfile::tempdir().unwrap();
        let folder = around.path().join("models");
        fs::create_dir_all(folder.join("a/deep")).unwrap();
        fs::write(folder.join("a/deep/one"), [7; 1_000]).unwrap();
        fs::write(folder.join("empty"), "").unwrap();
        symlink("a/deep/one", folder.join("link")).unwrap();
        symlink("/is/not/there", folder.join("dangling")).unwrap();
        let long = "long".repeat(50);
        fs::write(folder.join(&long), "x").unwrap();
        fs::set_permissions(folder.join("a/deep/one"), fs::Permissions::from_mode(0o640)).unwrap();
        fs::set_permissions(folder.join("a/deep"), fs::Permissions::from_mode(0o555)).unwrap();
        let past = FileTimes::new().set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000));
        File::open(folder.join("a/deep/one")).unwrap().set_times(past).unwrap();
        File::open(folder.join("a")).unwrap().set_times(past).unwrap();
        around
    }

    /// Path, mode, time of what is no link, and content of everything.
    fn seen(folder: &Path) -> Vec<(PathBuf, u32, i64, Vec<u8>)> {
        let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
        while let Some(path) = open.pop() {
            let facts = path.symlink_metadata().unwrap();
            let kind = facts.file_type();
            let content = if kind.is_symlink() {
                fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else if kind.is_file() {
                fs::read(&path).unwrap()
            } else {
                open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
                Vec::new()
            };
            let time = if kind.is_symlink() { 0 } else { facts.mtime() };
            found.push((path.strip_prefix(folder).unwrap().to_owned(), facts.mode(), time, content));
        }
        found.sort();
        found
    }

    fn writable_again(around: &Path) {
        for folder in ["models", "models.pdex-new", "models.pdex-old"] {
            // Only one of them may be there; without this a test's folder would outlive it.
            let _ =
                fs::set_permissions(around.join(folder).join("a/deep"), fs::Permissions::from_mode(0o755));
        }
    }

    #[test]
    fn a_folder_comes_back_as_it_was() {
        let around = filled();
        let folder = around.path().join("models");
        let mut tar = Vec::new();
        pack(&folder, &mut tar).unwrap();
        unpack(tar.as_slice(), &staged(&folder)).unwrap();
        assert_eq!(seen(&staged(&folder)), seen(&folder));
        assert_eq!(seen(&folder).len(), 8);
        writable_again(around.path());
    }

    #[test]
    fn an_exchange_may_be_cut_short_anywhere() {
        for cut in 0..3 {
            let around = tempfile::tempdir().unwrap();
            let folder = around.path().join("models");
            for (path, content) in [(&folder, "old"), (&staged(&folder), "new")] {
                fs::create_dir(path).unwrap();
                fs::write(path.join("content"), content).unwrap();
            }
            let old = beside(&folder, REPLACED);
            if cut > 0 {
                fs::rename(&folder, &old).unwrap();
            }
            if cut > 1 {
                fs::rename(staged(&folder), &folder).unwrap();
            }
            exchange(&folder).unwrap();
            exchange(&folder).unwrap();
            assert_eq!(fs::read_to_string(folder.join("content")).unwrap(), "new", "cut at {cut}");
            clear(&folder).unwrap();
            assert_eq!(around.path().read_dir().unwrap().count(), 1);
        }
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let around = tempfile::tempdir().unwrap();
        let tar = |entries: &[(&str, tar::EntryType)]| {
            let mut tar = tar::Builder::new(Vec::new());
            for (name, kind) in entries {
                let mut header = tar::Header::new_gnu();
                header.set_entry_type(*kind);
                header.set_mode(0o755);
                header.set_size(0);
                if kind.is_symlink() {
                    header.set_link_name("/tmp").unwrap();
                }
                // As no honest writer of tars would.
                header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
                header.set_cksum();
                tar.append(&header, io::empty()).unwrap();
            }
            tar.into_inner().unwrap()
        };
        for entries in [
            &[("../x", tar::EntryType::Regular)][..],
            &[("../x", tar::EntryType::Directory)],
            &[("out", tar::EntryType::Symlink), ("out/pdex-test-x", tar::EntryType::Directory)],
            &[("out", tar::EntryType::Symlink), ("out/pdex-test-x", tar::EntryType::Regular)],
        ] {
            let into = around.path().join("into");
            unpack(tar(entries).as_slice(), &into).unwrap_err();
            fs::remove_dir_all(&into).unwrap();
            assert_eq!(around.path().read_dir().unwrap().count(), 0, "{entries:?}");
        }
        assert!(!Path::new("/tmp/pdex-test-x").exists());
    }
}
