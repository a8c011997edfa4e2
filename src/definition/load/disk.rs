//! The disk: whole files, with a limit, and only regular ones.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use crate::definition::context::TextFiles;
use crate::definition::node::Sources;
use crate::definition::{dotenv, yaml};
use crate::finding::{Finding, Place};

/// The bytes of a regular file, and one more than the limit at most.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, String> {
    let metadata = std::fs::metadata(file).map_err(|error| reason(&error))?;
    if !metadata.is_file() {
        return Err("it is not a regular file".into());
    }
    let mut bytes = Vec::new();
    let limit = yaml::MAX_BYTES as u64 + 1;
    let result = File::open(file).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    result.map(|_| bytes).map_err(|error| reason(&error))
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "reading it is not permitted".into(),
        _ => error.to_string(),
    }
}

/// That a file could not be read, at that file.
pub(super) fn unreadable(file: &Path, why: &str) -> Finding {
    let place = Place { file: file.to_owned(), line: 0, column: 0 };
    Finding::error("definition/unreadable", format!("the file cannot be read: {why}")).at(place)
}

/// Bytes of env files and label files of one load, each counted as often as it is read: as many as a definition may have.
const MAX_READ_BYTES: usize = yaml::MAX_BYTES;

/// Files that attributes name.
#[derive(Debug)]
pub(super) struct Files {
    /// Bytes that may still be read.
    left: Cell<usize>,
}

impl Default for Files {
    fn default() -> Self {
        Self { left: Cell::new(MAX_READ_BYTES) }
    }
}

impl TextFiles for Files {
    fn text(&self, path: &Path) -> Result<Option<String>, String> {
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        let spent = || format!("such files have more than {MAX_READ_BYTES} bytes in all");
        if self.left.get() == 0 {
            // Ten thousand services may name it, each of which would read it in vain.
            return Err(spent());
        }
        let bytes = read(path)?;
        if bytes.len() > yaml::MAX_BYTES {
            return Err(format!("it has more than {} bytes", yaml::MAX_BYTES));
        }
        let left = self.left.get().checked_sub(bytes.len());
        self.left.set(left.unwrap_or_default());
        if left.is_none() {
            return Err(spent());
        }
        String::from_utf8(bytes).map(Some).map_err(|_| "it is not UTF-8 text".into())
    }

    fn variables(
        &self,
        path: &Path,
        text: &str,
        lookup: &BTreeMap<String, String>,
        into: &mut BTreeMap<String, String>,
    ) -> Vec<Finding> {
        let mut sources = Sources::default();
        let file = sources.add(path.to_owned());
        dotenv::parse(text, file, &sources, lookup, into)
    }
}
