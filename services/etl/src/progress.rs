//! What a run says while it works: events for whoever watches, as lines of JSON with `--json`. Decides nothing.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event<'a> {
    /// A phase has begun.
    Phase { phase: &'a str },
    /// So many of the documents of one kind are there.
    Fetched { source: &'a str, what: &'a str, done: usize, total: usize },
    /// A table was staged and applied.
    Loaded { table: &'a str, changed: usize, done: usize, total: usize },
    /// A document or row was refused.
    Rejected { source: &'a str, resource: &'a str, reason: &'a str },
    /// The last event of a run that succeeded.
    Done { source: &'a str, changed: u64, rejects: usize, disagreements: usize, duration_ms: u128 },
    /// The last event of a run that failed.
    Failed { error: &'a str, exit_code: u8 },
}

/// Where events go.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(&Event<'_>) + Send + Sync>);

impl Progress {
    pub fn new(listener: impl Fn(&Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Nobody listens.
    pub fn silent() -> Self {
        Self::new(|_| {})
    }

    pub fn tell(&self, event: &Event<'_>) {
        (self.0)(event);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
