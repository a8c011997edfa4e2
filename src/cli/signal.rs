//! The user's wish to stop, from the keyboard or from a supervisor.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::exit::Exit;

/// Every SIGINT and SIGTERM since [`listen`].
#[derive(Debug, Clone)]
pub(crate) struct Signals {
    /// How many there were, and what the last one stands for.
    seen: watch::Receiver<(u32, Exit)>,
}

/// From now on signals do not end the program by themselves. Where they cannot be had, none is ever seen.
pub(crate) fn listen() -> Signals {
    let (tell, seen) = watch::channel((0, Exit::Ok));
    // Here and not in the task: it runs for the first time when something else waits, which may be after the first signal.
    let handlers =
        signal(SignalKind::interrupt()).and_then(|int| Ok((int, signal(SignalKind::terminate())?)));
    tokio::spawn(async move {
        let Ok((mut int, mut term)) = handlers else { return std::future::pending().await };
        loop {
            let exit = tokio::select! {
                _ = int.recv() => Exit::Interrupted,
                _ = term.recv() => Exit::Terminated,
            };
            tell.send_modify(|(count, last)| {
                *count += 1;
                *last = exit;
            });
        }
    });
    Signals { seen }
}

impl Signals {
    /// Resolves when so many have come; at once when they have.
    pub(crate) async fn nth(&self, number: u32) -> Exit {
        let mut seen = self.seen.clone();
        match seen.wait_for(|(count, _)| *count >= number).await {
            Ok(seen) => seen.1,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Resolves with the first SIGINT or SIGTERM. Where signals cannot be had it never does.
pub(crate) async fn interrupt() -> Exit {
    listen().nth(1).await
}
