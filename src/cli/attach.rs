//! A person, or a pipe, connected to a process in a container.

use std::io::{self, IsTerminal as _, Write as _};

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;

use super::{context, terminal};
use crate::runtime::operate::{Attached, Operate, ProcessId, Terms};

/// A terminal is passed on where there is one on both sides and nobody says otherwise.
pub(crate) fn terms(no_tty: bool, detached: bool) -> Terms {
    let terminal = !no_tty && !detached && io::stdin().is_terminal() && io::stdout().is_terminal();
    Terms { terminal, input: !detached, remove: false }
}

/// Passes on what is typed and what is printed, until the process prints no more.
pub(crate) async fn converse<R: Operate>(
    runtime: &R,
    process: &ProcessId,
    attached: Attached<'_>,
    terms: Terms,
) -> anyhow::Result<()> {
    let _raw = terms.terminal.then(terminal::Raw::enter).transpose()?;
    let Attached { mut output, mut input } = attached;
    let printing = async {
        while let Some(piece) = output.next().await {
            let piece = piece.map_err(|e| context::engine_error(&e))?;
            if piece.error {
                io::stderr().write_all(&piece.bytes)?;
            } else {
                io::stdout().write_all(&piece.bytes)?;
                io::stdout().flush()?;
            }
        }
        anyhow::Ok(())
    };
    // Apart from the printing: a process may read only once what it printed is taken.
    let typing = async {
        if terms.input {
            let mut typed = terminal::input();
            while let Some(bytes) = typed.recv().await {
                // A process that reads no more goes on printing.
                if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
                    break;
                }
            }
            let _ = input.shutdown().await;
        }
        std::future::pending::<()>().await;
    };
    let resizing = async {
        if terms.terminal
            && let Ok(mut resizes) = terminal::resizes()
        {
            loop {
                if let Some((rows, columns)) = terminal::size() {
                    // A process that has just ended has no size.
                    let _ = runtime.resize(process, rows, columns).await;
                }
                resizes.recv().await;
            }
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        printed = printing => printed,
        () = typing => Ok(()),
        () = resizing => Ok(()),
    }
}
