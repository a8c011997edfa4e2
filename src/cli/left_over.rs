//! What a drill that was killed has changed and not put back: the next command that may touch the stack does it, see `drill::journal`.

use std::io::{self, Write as _};

use super::exit::{Exit, Stop};
use super::{Session, history, lock};
use crate::drill;
use crate::drill::journal::{Entry, Journal};
use crate::runtime::operate::Operate;

/// The project's journal; `None` where there is no place for one.
pub(super) fn journal(session: &Session, project: &str) -> Option<Journal> {
    let folder = history::folder(&session.environment)?;
    Some(Journal::new(folder.join(format!("{project}.drill.json"))))
}

fn owed(journal: &Journal) -> Result<Vec<Entry>, Stop> {
    journal.entries().map_err(|e| {
        let file = journal.file().display();
        let hint =
            format!("it says what an interrupted drill has changed; `rm {file}` when that is of no interest");
        Stop::new(Exit::Failed, format!("{file}: {e}"), Some(&hint))
    })
}

/// Puts back what is owed, and says so. For whoever holds the project's lock.
pub(super) async fn put_back<R: Operate>(session: &Session, runtime: &R, project: &str) -> Result<(), Stop> {
    let Some(journal) = journal(session, project) else { return Ok(()) };
    let entries = owed(&journal)?;
    if entries.is_empty() {
        return Ok(());
    }
    let restored = drill::restore(runtime, &entries).await;
    let restored = restored.map_err(|what| {
        let what = format!("what an interrupted drill has changed cannot be put back: {what}");
        Stop::new(
            Exit::Failed,
            what,
            Some("pdex ps shows the containers; `docker inspect` what they were given"),
        )
    })?;
    for entry in restored {
        let _ = writeln!(io::stderr(), "put back what an interrupted drill had changed: {}", entry.words());
    }
    journal.clear().map_err(|e| Stop::new(Exit::Failed, format!("{}: {e}", journal.file().display()), None))
}

/// For a command that looks, and that may be told to mend. While a drill is at work, what it owes is none of its business.
pub(super) async fn put_back_or_mention<R: Operate>(
    session: &Session,
    runtime: &R,
    project: &str,
    mend: bool,
) -> Result<(), Stop> {
    let Some(journal) = journal(session, project) else { return Ok(()) };
    let entries = owed(&journal)?;
    if entries.is_empty() {
        return Ok(());
    }
    let Ok(_lock) = lock::take(project, "doctor") else { return Ok(()) };
    if mend {
        return put_back(session, runtime, project).await;
    }
    for entry in entries {
        let words = entry.words();
        let _ = writeln!(
            io::stderr(),
            "warning: an interrupted drill has changed a container; to be put back: {words}"
        );
    }
    let _ = writeln!(io::stderr(), "  hint: `pdex doctor --fix`, `pdex up` and `pdex drill` put it back");
    Ok(())
}
