//! The person's terminal: handed over to a process whole, and given back as it was.

use std::io::{self, Read as _};

use bytes::Bytes;
use rustix::termios::{self, OptionalActions, Termios};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Read at once from the input.
const CHUNK: usize = 16 * 1024;

/// The terminal of the standard input, given back as it was when this is dropped.
pub(crate) struct Kept {
    before: Termios,
}

impl Kept {
    /// As it is now.
    pub(crate) fn now() -> io::Result<Self> {
        Ok(Self { before: termios::tcgetattr(io::stdin())? })
    }
}

/// Every key goes to the process as it is pressed, until this is dropped.
pub(crate) struct Raw {
    _kept: Kept,
}

impl Raw {
    /// Takes over the terminal of the standard input.
    pub(crate) fn enter() -> io::Result<Self> {
        let kept = Kept::now()?;
        let mut raw = kept.before.clone();
        raw.make_raw();
        termios::tcsetattr(io::stdin(), OptionalActions::Now, &raw)?;
        Ok(Self { _kept: kept })
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to be given back.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// Rows and columns of the terminal of the standard output.
pub(crate) fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(io::stdout()).ok()?;
    Some((size.ws_row, size.ws_col)).filter(|(rows, columns)| *rows > 0 && *columns > 0)
}

/// Tells when the size has changed.
pub(crate) fn resizes() -> io::Result<Signal> {
    signal(SignalKind::window_change())
}

/// What is typed or piped in; ends with it. Read on a thread of its own, which a read that never returns may keep: it ends with
/// the program. No more is read than is taken.
pub(crate) fn input() -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        loop {
            match io::stdin().lock().read(&mut buffer) {
                Ok(0) => return,
                Ok(read) => {
                    if sender.blocking_send(Bytes::copy_from_slice(&buffer[..read])).is_err() {
                        return;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    receiver
}
