//! Backups: one file with everything that cannot be made again, and the way back. The file is a tar under zstd: a few words about
//! itself, then the parts in pieces, then a list with the digest of each piece. Whoever has no pdex takes it apart with `tar`; a
//! part is its pieces one after the other.
//!
//! A restore kills nothing that it cannot finish: first everything is made ready beside what is there, then a mark is set in the
//! engine, and only then places are exchanged, each step of which may be done twice. Before the mark the old holds; after it,
//! whoever runs a restore again finishes this one, without the file.

mod count;
mod folder;
mod postgres;
mod read;
mod restore;
mod save;
mod write;

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

pub use read::verify;
pub use restore::{Which, abandon, commit, forget, replace, stage, unfinished};
pub use save::{Order, Saved, default_path, release, save};

use crate::definition::model::ServiceName;
use crate::runtime::RuntimeError;

/// How a backup begins.
const HEAD: &str = "pdex-backup.json";
/// How it ends.
const LIST: &str = "manifest.json";
/// Read or sent at once.
const PIECE: usize = 256 * 1024;
/// Pieces that wait for a slower side.
const WAITING: usize = 4;

/// Why a backup was not made or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("{path}: {cause}", path = path.display())]
    Disk { path: PathBuf, cause: io::Error },
    #[error("{path} is there already", path = .0.display())]
    Exists(PathBuf),
    #[error("{path}: not a file that `pdex backup` wrote: {what}", path = path.display())]
    Foreign { path: PathBuf, what: String },
    #[error("{path}: damaged: {what}", path = path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("a restore was begun and has not ended: part of the data is old and part is new")]
    HalfRestored,
    #[error("{service}: the database {what}")]
    Database { service: ServiceName, what: String },
    #[error("{service}: the database does not take the password that the service has now")]
    Password { service: ServiceName },
    #[error("volume {name}: {what}")]
    Volume { name: String, what: String },
    #[error("volume {volume} is used by container {container}, which belongs to no service here")]
    InUse { volume: String, container: String },
    /// By the person.
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl BackupError {
    fn disk(path: &Path) -> impl Fn(io::Error) -> Self {
        move |cause| Self::Disk { path: path.to_owned(), cause }
    }

    fn volume(name: &str, what: impl fmt::Display) -> Self {
        Self::Volume { name: name.to_owned(), what: what.to_string() }
    }
}

/// Hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod backup_test;
