//! Watches the file of keys: a new one counts within two seconds, or at once on the signal. A file that is wrong leaves the keys
//! in use where they are, and says so once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::Signal;
use tokio::time::sleep;

use super::{Once, Published, with_causes};
use crate::keys::Keys;
use crate::state::Api;

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Runs for the life of the process. The keys of `path` as it was are in use; `again` tells to read it whether it looks
/// changed or not.
pub async fn keys(api: Api, path: PathBuf, mut again: Signal) {
    let mut once = Once::default();
    // Not known to be what was read at the start: the first look reads again, which changes nothing when nothing changed.
    let mut seen = None;
    loop {
        match Published::at(&path) {
            Ok(published) if seen.as_ref() == Some(&published) => {}
            // Also when there is none: reading says why.
            published => {
                seen = published.ok();
                renew(&api, &path, &mut once).await;
            }
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            _ = again.recv() => seen = None,
        }
    }
}

async fn renew(api: &Api, path: &Path, once: &mut Once) {
    let file = path.to_owned();
    let cause = match tokio::task::spawn_blocking(move || Keys::read(&file)).await {
        Ok(Ok(keys)) => {
            tracing::info!(path = %path.display(), keys = keys.len(), "keys read");
            api.gate().renew_keys(keys);
            once.ends();
            return;
        }
        Ok(Err(error)) => with_causes(&error),
        Err(panic) => panic.to_string(),
    };
    if once.begins(&cause) {
        tracing::error!(cause, "file of keys refused; those before stay in use");
    }
}
