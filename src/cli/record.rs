//! Where the record of an `up` goes: into the file of `--timeline`, and as metrics to the services that read them.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::definition::model::Definition;
use crate::report::timeline::{self, Timeline};
use crate::world::time::Timestamp;

/// A page or a trace, by the file's name.
pub(super) fn write(path: &Path, timeline: &Timeline, definition: &Definition) -> anyhow::Result<()> {
    let text = if path.extension().is_some_and(|e| e == "html") {
        timeline::html(timeline, &definition.project)
    } else {
        timeline::trace(timeline)
    };
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Tells the services that asked for it (`x-pdex.timeline`) when what started. An `up` that starts nothing leaves the last one's
/// word, and one whose word cannot be written is no failure.
pub(super) fn publish(definition: &Definition, timeline: &Timeline, now: Timestamp) {
    if !timeline.has_started_anything() {
        return;
    }
    let text = timeline::metrics(timeline, now);
    for path in definition.services.values().filter_map(|service| service.pdex.timeline.as_ref()) {
        if let Err(error) = replace(path, &text) {
            let _ = writeln!(io::stderr(), "warning: cannot write {}: {error}", path.display());
        }
    }
}

/// Aside and renamed, so never read in halves; readable for the container's user, whoever that is.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let aside = path.with_extension("next");
    fs::write(&aside, text)?;
    fs::set_permissions(&aside, Permissions::from_mode(0o644))?;
    fs::rename(&aside, path)
}
