//! Pieces that come from the engine, as something a tar can be read from on another thread.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, Bytes};
use tokio::sync::mpsc::Receiver;

/// Ends when its sender is gone.
pub(super) struct Pieces {
    receiver: Receiver<Bytes>,
    current: Bytes,
    /// Whether nobody wants it any more.
    stop: Arc<AtomicBool>,
}

impl Pieces {
    pub(super) fn new(first: Bytes, receiver: Receiver<Bytes>, stop: Arc<AtomicBool>) -> Self {
        Self { receiver, current: first, stop }
    }
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(io::Error::other("interrupted"));
        }
        while self.current.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let length = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..length]);
        Ok(length)
    }
}
