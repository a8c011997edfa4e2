//! From a source to facts that kept every rule and have the right counts, and what the witness says of them.

use crate::counts::{Counts, WrongCounts};
use crate::facts::Facts;
use crate::fetch::FetchError;
use crate::pokeapi::{Client, crawl};
use crate::reconcile::Comparison;
use crate::reject::{LIMIT, Reject};
use crate::rules;
use crate::snapshot::SnapshotError;
use crate::transform;
use crate::validate::sift;

/// Why a source gave no facts.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error("PokéAPI did not finish within {seconds} s")]
    Slow { seconds: u64 },
    #[error("{} rejects, {LIMIT} are allowed; the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
    TooManyRejects(Vec<Reject>),
    #[error("{wrong}{}", first_of(.rejects))]
    Counts { wrong: WrongCounts, rejects: Vec<Reject> },
    #[error("{} rules of the domain are broken; the first: {}", .broken.len(), .broken.first().map_or("", String::as_str))]
    Rules { broken: Vec<String>, rejects: Vec<Reject> },
    #[error(
        "PokéAPI and Poképédia disagree about {} of {} rows: one of them is not what it was; `etl diff` shows each",
        .0.differing(),
        .0.compared
    )]
    Disagreement(Box<Comparison>),
}

impl SourceError {
    /// What was refused before it failed.
    pub fn rejects(&self) -> &[Reject] {
        match self {
            Self::TooManyRejects(rejects) | Self::Counts { rejects, .. } | Self::Rules { rejects, .. } => {
                rejects
            }
            Self::Disagreement(comparison) => &comparison.rejects,
            _ => &[],
        }
    }
}

/// The facts of an instance, and what was refused on the way.
pub async fn read(client: &Client, expected: &Counts) -> Result<(Facts, Vec<Reject>), SourceError> {
    let documents = crawl(client).await?;
    let (facts, mut rejects) = transform::facts(&documents);
    let (facts, broken) = sift(facts);
    rejects.extend(broken);
    check(facts, rejects, expected)
}

/// Fails over the limit of rejects, with wrong counts, or where a rule of the whole is broken.
pub fn check(
    facts: Facts,
    rejects: Vec<Reject>,
    expected: &Counts,
) -> Result<(Facts, Vec<Reject>), SourceError> {
    if rejects.len() > LIMIT {
        return Err(SourceError::TooManyRejects(rejects));
    }
    if let Err(wrong) = Counts::of(&facts).check(expected) {
        return Err(SourceError::Counts { wrong, rejects });
    }
    let broken = rules::broken(&facts);
    if broken.is_empty() { Ok((facts, rejects)) } else { Err(SourceError::Rules { broken, rejects }) }
}

fn first_of(rejects: &[Reject]) -> String {
    rejects.first().map(|reject| format!(" ({} rejected, first {reject})", rejects.len())).unwrap_or_default()
}
