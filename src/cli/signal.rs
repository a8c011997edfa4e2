//! The user's wish to stop, from the keyboard or from a supervisor.

use tokio::signal::unix::{SignalKind, signal};

use super::exit::Exit;

/// Resolves with the first SIGINT or SIGTERM. Where signals cannot be had it never does.
pub(crate) async fn interrupt() -> Exit {
    let (Ok(mut int), Ok(mut term)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => Exit::Interrupted,
        _ = term.recv() => Exit::Terminated,
    }
}
