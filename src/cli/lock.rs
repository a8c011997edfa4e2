//! One `up`, `down` or `stop` at a time on one project: an advisory lock on a file, which the system frees however the holder
//! ends.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

use super::exit::{Exit, Stop};

/// Held as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Takes the project's lock, or says who has it.
pub(crate) fn take(project: &str, command: &str) -> Result<Lock, Stop> {
    let folder: PathBuf = std::env::temp_dir().join(format!("pdex-{}", rustix::process::geteuid().as_raw()));
    let path = folder.join(format!("{project}.lock"));
    let cannot = |e: std::io::Error| Stop::new(Exit::Failed, format!("{}: {e}", path.display()), None);
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(cannot)?;
    let options = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = options.map_err(cannot)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        // Without its words the message is only less telling.
        let _ = file.read_to_string(&mut holder);
        let end = holder.split_whitespace().next_back().map_or(String::new(), |id| format!(" (`kill {id}`)"));
        return Err(Stop::new(
            Exit::Failed,
            format!("another pdex is at work on project {project}{}", said(&holder)),
            Some(&format!("wait until it is done, or end it{end}")),
        ));
    }
    let words = format!("`pdex {command}`, process {}\n", std::process::id());
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(words.as_bytes()))
        .map_err(cannot)?;
    Ok(Lock { _file: file })
}

/// The holder's words; they are not there yet in the instant after it took the lock.
fn said(holder: &str) -> String {
    if holder.trim().is_empty() { String::new() } else { format!(": {}", holder.trim()) }
}

#[cfg(test)]
mod tests {
    use super::take;

    #[test]
    fn the_second_is_told_who_is_first() {
        let project = format!("lock-test-{}", std::process::id());
        let first = take(&project, "up").unwrap();
        let refused = take(&project, "down").unwrap_err();
        assert!(refused.text.contains("`pdex up`, process"), "{}", refused.text);
        drop(first);
        take(&project, "down").unwrap();
    }
}
