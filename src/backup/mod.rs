//! What a backup holds of a stack, and what of a stack a restore puts in its place. Plain data that follows from the definition
//! and from what an engine holds; nobody is asked, nothing is read or written.

pub mod choice;
pub mod exchange;
pub mod manifest;
pub mod marks;

pub use choice::{Choice, choose};
pub use exchange::{Exchange, exchange};
pub use manifest::Manifest;

/// Something that was done, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// A container holds still while its data are copied.
    Paused(String),
    Resumed(String),
    /// One part is in the file: what, of which service, bytes.
    Saved {
        what: String,
        service: String,
        size: u64,
    },
    /// One part stands ready beside what it will replace.
    Ready {
        what: String,
        service: String,
    },
    /// One thing has taken the place of another.
    Replaced(String),
    /// What was replaced could not be taken away.
    Left {
        what: String,
        why: String,
    },
}
