//! Findings that are known and accepted, kept in a file. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Issue;

/// Raised when a file of before cannot be read any more.
const VERSION: u32 = 1;

/// Accepted findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    version: u32,
    accepted: BTreeSet<Entry>,
}

/// What tells one finding from all others, wherever its line moves to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    about: String,
}

impl Entry {
    fn of(issue: &Issue) -> Self {
        Self {
            rule: issue.rule.id.to_owned(),
            service: issue.service.as_ref().map(ToString::to_string),
            about: issue.key.clone(),
        }
    }
}

/// Why a text is no baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    #[error("it is no baseline: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("it has version {0}, this program reads {VERSION}")]
    Version(u32),
}

impl Baseline {
    /// Accepts everything that was found.
    pub fn of(issues: &[Issue]) -> Self {
        Self { version: VERSION, accepted: issues.iter().map(Entry::of).collect() }
    }

    /// From the text of a file.
    pub fn read(text: &str) -> Result<Self, BaselineError> {
        let read: Self = serde_json::from_str(text)?;
        if read.version == VERSION { Ok(read) } else { Err(BaselineError::Version(read.version)) }
    }

    /// As the text of a file.
    pub fn written(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Marks what is accepted. Tells how many entries are for nothing that is still found.
    pub fn apply(&self, issues: &mut [Issue]) -> usize {
        let mut used = BTreeSet::new();
        for issue in issues {
            let entry = Entry::of(issue);
            issue.accepted = self.accepted.contains(&entry);
            if issue.accepted {
                used.insert(entry);
            }
        }
        self.accepted.len() - used.len()
    }

    /// How many findings it accepts.
    pub fn len(&self) -> usize {
        self.accepted.len()
    }

    /// Whether it accepts none.
    pub fn is_empty(&self) -> bool {
        self.accepted.is_empty()
    }
}
