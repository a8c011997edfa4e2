//! A document or row that was refused, and why.

use std::fmt;

/// More than this many rejects of `PokéAPI` fail a run: the source has changed in a way nobody has looked at.
pub const LIMIT: usize = 10;

/// What was refused and the reason, as recorded in `etl_rejects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// Whose it is: a slug of the table `sources`.
    pub source: &'static str,
    /// The document (`move/71`) or row (`pokemon pikachu`).
    pub resource: String,
    pub reason: String,
}

impl Reject {
    /// A reject of `PokéAPI`, whose data is loaded.
    pub fn new(resource: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self::of("pokeapi", resource, reason)
    }

    pub fn of(source: &'static str, resource: impl Into<String>, reason: impl fmt::Display) -> Self {
        Self { source, resource: resource.into(), reason: reason.to_string() }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            "pokeapi" => {}
            source => write!(f, "{source} ")?,
        }
        write!(f, "{}: {}", self.resource, self.reason)
    }
}
