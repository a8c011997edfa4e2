//! Keeps the snapshot current and readiness true, away from requests: one task for the database, one for the models folder, and
//! one for the file of keys where there is one.

use std::error::Error;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::SystemTime;

mod database;
mod keys;
mod model;

pub use database::database;
pub use keys::keys;
pub use model::model;

/// What tells one published file from the next: a rename brings a new inode even within the clock's grain.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Published {
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl Published {
    fn at(path: &Path) -> std::io::Result<Self> {
        let metadata = std::fs::metadata(path)?;
        Ok(Self { inode: metadata.ino(), length: metadata.len(), modified: metadata.modified().ok() })
    }
}

/// An error with its causes, for the log.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

/// Says a thing once until it changes: a service that waits for its database must not fill the log.
#[derive(Default)]
struct Once(String);

impl Once {
    /// Whether `text` is news.
    fn begins(&mut self, text: &str) -> bool {
        let news = self.0 != text;
        if news {
            text.clone_into(&mut self.0);
        }
        news
    }

    /// Whether there was something to end.
    fn ends(&mut self) -> bool {
        !std::mem::take(&mut self.0).is_empty()
    }
}
