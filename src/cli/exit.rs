//! Exit codes, and the error that carries one up to `main`.

use std::fmt;

/// Why the program ends as it does. The numbers are part of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Ok,
    Failed,
    /// Bad arguments; `plan` also ends so when there is something to do.
    Usage,
    Unhealthy,
    EngineUnreachable,
    Timeout,
    InvalidDefinition,
    /// `audit`: something is as bad as `--severity` says, or worse.
    AuditFindings,
    /// `generate-load`: a bound of `--slo` did not hold.
    SloBreached,
    Declined,
    Interrupted,
    Terminated,
    /// The code of a command that was run, or of a container that was waited for.
    Passed(u8),
}

impl Exit {
    /// Every reason of pdex's own.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Failed,
        Self::Usage,
        Self::Unhealthy,
        Self::EngineUnreachable,
        Self::Timeout,
        Self::InvalidDefinition,
        Self::AuditFindings,
        Self::SloBreached,
        Self::Declined,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unhealthy => 3,
            Self::EngineUnreachable => 4,
            Self::Timeout => 5,
            Self::InvalidDefinition => 6,
            Self::AuditFindings => 7,
            Self::SloBreached => 8,
            Self::Declined => 9,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::Passed(code) => code,
        }
    }

    /// Of a process in a container; one that no number of this system can say is a failure.
    pub(crate) fn passed(code: i64) -> Self {
        u8::try_from(code).map_or(Self::Failed, Self::Passed)
    }
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

    /// What it says and what it advises, without the words that introduce them.
    pub(crate) fn parts(&self) -> (&str, Option<&str>) {
        let text = self.text.trim_end();
        let text = text.strip_prefix("error: ").unwrap_or(text);
        text.split_once("\n  hint: ").map_or((text, None), |(what, hint)| (what, Some(hint)))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl std::error::Error for Stop {}
