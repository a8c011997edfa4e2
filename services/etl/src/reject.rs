//! A document or row that was refused, and why.

use std::fmt;

/// More than this many rejects fail a run: the source has changed in a way nobody has looked at.
pub const LIMIT: usize = 10;

/// What was refused and the reason, as recorded in `etl_rejects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The document (`move/71`) or row (`pokemon pikachu`).
    pub resource: String,
    pub reason: String,
}

impl Reject {
    pub fn new(resource: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { resource: resource.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.resource, self.reason)
    }
}
