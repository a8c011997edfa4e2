//! From a source to a Pokédex that kept every rule and has the right counts.

use crate::counts::{Counts, WrongCounts};
use crate::pokeapi::{Client, FetchError, crawl};
use crate::reject::{LIMIT, Reject};
use crate::snapshot::SnapshotError;
use crate::transform;
use crate::validate::sift;
use dex::pokedex::Pokedex;

/// Why a source gave no Pokédex.
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
}

impl SourceError {
    /// What was refused before it failed.
    pub fn rejects(&self) -> &[Reject] {
        match self {
            Self::TooManyRejects(rejects) | Self::Counts { rejects, .. } => rejects,
            _ => &[],
        }
    }
}

/// The Pokédex of an instance, and what was refused on the way.
pub async fn read(client: &Client, expected: &Counts) -> Result<(Pokedex, Vec<Reject>), SourceError> {
    let documents = crawl(client).await?;
    let (dex, mut rejects) = transform::pokedex(&documents);
    let (dex, broken) = sift(dex);
    rejects.extend(broken);
    check(dex, rejects, expected)
}

/// Fails over the limit of rejects or with wrong counts.
pub fn check(
    dex: Pokedex,
    rejects: Vec<Reject>,
    expected: &Counts,
) -> Result<(Pokedex, Vec<Reject>), SourceError> {
    if rejects.len() > LIMIT {
        return Err(SourceError::TooManyRejects(rejects));
    }
    match Counts::of(&dex).check(expected) {
        Ok(()) => Ok((dex, rejects)),
        Err(wrong) => Err(SourceError::Counts { wrong, rejects }),
    }
}

fn first_of(rejects: &[Reject]) -> String {
    rejects.first().map(|reject| format!(" ({} rejected, first {reject})", rejects.len())).unwrap_or_default()
}
