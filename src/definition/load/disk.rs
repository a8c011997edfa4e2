//! The disk: whole files, with a limit, and only regular ones.

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

/// Files that attributes name.
pub(super) struct Files;

impl TextFiles for Files {
    fn text(&self, path: &Path) -> Result<Option<String>, String> {
        if matches!(path.try_exists(), Ok(false)) {
            return Ok(None);
        }
        match String::from_utf8(read(path)?) {
            Ok(text) if text.len() <= yaml::MAX_BYTES => Ok(Some(text)),
            Ok(_) => Err(format!("it has more than {} bytes", yaml::MAX_BYTES)),
            Err(_) => Err("it is not UTF-8 text".into()),
        }
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
