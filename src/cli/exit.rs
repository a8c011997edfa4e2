//! Exit codes, and the error that carries one up to `main`.

use std::fmt;

/// Why the program ends as it does. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    Ok = 0,
    Failed = 1,
    /// Bad arguments; `plan` also ends so when there is something to do.
    Usage = 2,
    Unhealthy = 3,
    EngineUnreachable = 4,
    Timeout = 5,
    InvalidDefinition = 6,
    Declined = 9,
    Interrupted = 130,
    Terminated = 143,
}

/// An error that a person has to read: complete sentences are made where it is raised.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    /// Ready to print, `error: …` with hints; may have several lines.
    pub(crate) text: String,
}

impl Stop {
    /// One error with the next step.
    pub(crate) fn new(exit: Exit, what: impl fmt::Display, hint: Option<&str>) -> Self {
        let mut text = format!("error: {what}");
        if let Some(hint) = hint {
            text.push_str("\n  hint: ");
            text.push_str(hint);
        }
        Self { exit, text }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl std::error::Error for Stop {}
