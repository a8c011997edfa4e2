//! What every reader of the definition needs to know: where files stand, what variables are, what was noted so far.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use super::interpolate::Variables;
use super::node::{Mark, Sources};
use crate::finding::Finding;

/// Reads the files that attributes name: the disk, which only `load` touches.
pub(super) trait TextFiles {
    /// The file's text; `None` where there is no such file, an error where it cannot be read.
    fn text(&self, path: &Path) -> Result<Option<String>, String>;
    /// Adds the variables of an env file to `into`; `lookup` is what its values may refer to.
    fn variables(
        &self,
        path: &Path,
        text: &str,
        lookup: &BTreeMap<String, String>,
        into: &mut BTreeMap<String, String>,
    ) -> Vec<Finding>;
}

/// What every reader needs to know.
pub(super) struct Context<'a> {
    pub(super) sources: &'a Sources,
    /// The project directory, absolute.
    pub(super) directory: &'a Path,
    pub(super) home: Option<&'a str>,
    /// Where names without a value find one.
    pub(super) variables: &'a Variables,
    /// The text of a file that the definition names, such as an `env_file`.
    pub(super) files: &'a dyn TextFiles,
    /// Ports that may still be read; `None` once there were too many.
    pub(super) ports_left: Cell<Option<usize>>,
    pub(super) problems: RefCell<Vec<Finding>>,
    pub(super) places: RefCell<BTreeMap<String, Mark>>,
    /// The services and their attributes: where each is named, and its text as it is written.
    pub(super) attributes: RefCell<BTreeMap<String, (Mark, Option<String>)>>,
}

/// Ports of all services: a range of a few characters has many.
pub(super) const MAX_PORTS: usize = 20_000;

/// Problems of one run that are kept. A file with more is broken in one way many times.
pub(super) const MAX_PROBLEMS: usize = 200;

impl Context<'_> {
    /// The value of a variable that is named without one.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(str::to_owned)
    }

    /// Whether no more problems are kept.
    pub(super) fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MAX_PROBLEMS
    }

    /// Where relative paths of the file of a place start.
    pub(super) fn base(&self, mark: Mark) -> &Path {
        self.sources.base(mark).unwrap_or(self.directory)
    }

    /// An absolute path, from `base` if it is relative. An absolute one stays as it is written, as with Compose.
    pub(super) fn path_from(&self, base: &Path, text: &str) -> PathBuf {
        match (text.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                clean(Path::new(&format!("{home}{rest}")))
            }
            _ if text.starts_with('/') => text.into(),
            _ => clean(&base.join(text)),
        }
    }
}

/// Resolves `.` and `..` without looking at the disk, as Compose does.
pub(super) fn clean(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                // Above the root there is the root.
                if !out.pop() && !out.has_root() {
                    out.push("..");
                }
            }
            other => out.push(other),
        }
    }
    out
}
