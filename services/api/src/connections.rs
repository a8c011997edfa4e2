//! The open connections: how many there may be, and which one makes room when a new one finds no place. An attacker who holds
//! idle ones, or sends heads a byte at a time, holds them only until somebody else comes.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Every open connection.
pub(crate) struct Connections {
    open: Mutex<Vec<Arc<Connection>>>,
    most: usize,
    start: Instant,
}

/// One connection.
pub(crate) struct Connection {
    /// Requests being answered.
    busy: AtomicUsize,
    /// When it last was busy, in milliseconds of [`Connections::start`].
    idle_since_ms: AtomicU64,
    /// Told to close.
    displaced: Notify,
}

/// A connection's place, given back on drop.
pub(crate) struct Place {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

impl Connections {
    pub(crate) fn new(most: usize) -> Self {
        Self { open: Mutex::default(), most: most.max(1), start: Instant::now() }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A place for a new connection, and whether the one that was idle longest was told to close for it. `None` when every
    /// connection is busy, or may be because the service is `behind` with reading requests.
    pub(crate) fn enter(self: &Arc<Self>, behind: bool) -> Option<(Place, bool)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let full = open.len() >= self.most;
        if full && behind {
            return None;
        }
        if full {
            let idle = open.iter().enumerate().filter(|(_, c)| c.busy.load(Ordering::Relaxed) == 0);
            let longest = idle.min_by_key(|(_, c)| c.idle_since_ms.load(Ordering::Relaxed));
            let i = longest.map(|(i, _)| i)?;
            open.swap_remove(i).displaced.notify_one();
        }
        let connection = Arc::new(Connection {
            busy: AtomicUsize::new(0),
            idle_since_ms: AtomicU64::new(self.now_ms()),
            displaced: Notify::new(),
        });
        open.push(Arc::clone(&connection));
        Some((Place { connections: Arc::clone(self), connection }, full))
    }
}

impl Place {
    /// Returns when the connection has to make room.
    pub(crate) async fn displaced(&self) {
        self.connection.displaced.notified().await;
    }

    /// Marks the connection as answering until the guard is dropped.
    pub(crate) fn answering(&self) -> Answering {
        self.connection.busy.fetch_add(1, Ordering::Relaxed);
        Answering { connections: Arc::clone(&self.connections), connection: Arc::clone(&self.connection) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.connections.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(i) = open.iter().position(|other| Arc::ptr_eq(other, &self.connection)) {
            open.swap_remove(i);
        }
    }
}

/// A request being answered on a connection.
pub(crate) struct Answering {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.connection.idle_since_ms.store(self.connections.now_ms(), Ordering::Relaxed);
        self.connection.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a refused connection is told before it is closed.
pub(crate) const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\n\
    retry-after: 1\r\nconnection: close\r\ncontent-length: 148\r\n\r\n\
    {\"type\":\"urn:pdex:problem:overloaded\",\"title\":\"The service is at its limit\",\"status\":503,\
    \"detail\":\"Too many connections.\",\"request_id\":\"connection\"}";

/// For that to be written.
pub(crate) const REFUSAL_WITHIN: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn the_one_that_was_idle_longest_makes_room() {
        let connections = Arc::new(Connections::new(2));
        let (first, _) = connections.enter(false).unwrap();
        let (second, _) = connections.enter(false).unwrap();
        first.connection.idle_since_ms.store(10, Ordering::Relaxed);
        second.connection.idle_since_ms.store(5, Ordering::Relaxed);
        let (third, displaced) = connections.enter(false).unwrap();
        assert!(displaced && second.displaced().now_or_never().is_some());
        assert!(first.displaced().now_or_never().is_none());
        let [one, two] = [first.answering(), third.answering()];
        assert!(connections.enter(false).is_none(), "both are busy");
        drop((one, two));
        assert!(connections.enter(true).is_none(), "both may have sent something");
        assert!(connections.enter(false).is_some());
    }

    #[test]
    fn places_come_back() {
        let connections = Arc::new(Connections::new(1));
        for _ in 0..3 {
            let (place, displaced) = connections.enter(false).unwrap();
            assert!(!displaced);
            drop(place);
        }
        assert!(connections.open.lock().unwrap().is_empty());
    }

    #[test]
    fn the_refusal_has_the_length_it_says() {
        let text = std::str::from_utf8(REFUSAL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        assert!(serde_json::from_str::<serde_json::Value>(body).is_ok());
    }
}
