//! How long starts took, kept in the person's state folder: `$XDG_STATE_HOME/pdex`, else `~/.local/state/pdex`, a file for
//! each project.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::guide::measured::Measured;
use crate::plan::Plan;
use crate::world::time::Timestamp;

/// Where what outlives a command is kept; `None` where there is neither a state folder nor a home.
pub(crate) fn folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(Path::new).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").map(Path::to_owned);
    let state = state.or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("pdex"))
}

fn file(environment: &BTreeMap<String, String>, project: &str) -> Option<PathBuf> {
    Some(folder(environment)?.join(format!("{project}.json")))
}

/// What is known; nothing where nothing was kept.
pub(crate) fn read(environment: &BTreeMap<String, String>, project: &str) -> Measured {
    let text = file(environment, project).and_then(|file| std::fs::read_to_string(file).ok());
    Measured::parse(&text.unwrap_or_default())
}

/// Keeps how long a start took that succeeded. One that cannot be kept is no failure of the start.
pub(crate) fn keep(environment: &BTreeMap<String, String>, plan: &Plan, took: Duration, at: Timestamp) {
    let Some(file) = file(environment, &plan.project) else { return };
    let mut measured = read(environment, &plan.project);
    if measured.record(plan, took, at)
        && let Err(error) = write(&file, &measured.text())
    {
        tracing::debug!(file = %file.display(), %error, "cannot keep how long the start took");
    }
}

/// Aside and then into place, so that what is there is always whole.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut aside = tempfile::NamedTempFile::new_in(folder)?;
    aside.write_all(text.as_bytes())?;
    aside.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn it_lies_in_the_state_folder() {
        let check = |variables: &[(&str, &str)], expected: Option<&str>| {
            assert_eq!(
                file(&environment(variables), "shop").as_deref(),
                expected.map(Path::new),
                "{variables:?}"
            );
        };
        check(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")], Some("/s/pdex/shop.json"));
        check(&[("XDG_STATE_HOME", ""), ("HOME", "/h")], Some("/h/.local/state/pdex/shop.json"));
        check(&[("XDG_STATE_HOME", "here"), ("HOME", "/h")], Some("/h/.local/state/pdex/shop.json"));
        check(&[], None);
    }

    #[test]
    fn what_is_written_takes_the_place_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a/b/shop.json");
        write(&file, "first, which is longer").unwrap();
        write(&file, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "second");
        assert_eq!(file.parent().unwrap().read_dir().unwrap().count(), 1, "nothing is left aside");
    }
}
