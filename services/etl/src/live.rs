//! The live sources together: `PokéAPI`'s facts, and `Poképédia`'s word on them. The witness may be absent; then nothing is confirmed
//! and nothing is lost.

use std::time::Duration;

use crate::counts::Counts;
use crate::facts::Facts;
use crate::fetch::{Cache, FetchError};
use crate::load::Findings;
use crate::pokeapi::{Client, Politeness};
use crate::pokepedia;
use crate::progress::{Event, Progress};
use crate::reconcile::{Comparison, compare};
use crate::settings::Live;
use crate::source::{self, SourceError};

/// Reads both sources as they are configured.
pub async fn read(
    live: &Live,
    expected: &Counts,
    progress: &Progress,
) -> Result<(Facts, Findings), SourceError> {
    progress.tell(&Event::Phase { phase: "pokeapi" });
    let politeness = Politeness { interval: live.pokeapi_interval, ..live.politeness.clone() };
    let client = Client::with(&live.pokeapi, politeness, cache(live), progress.clone())?;
    let (facts, rejects) = within(live.pokeapi_budget, source::read(&client, expected)).await?;
    let mut findings = Findings { rejects, ..Findings::default() };
    findings.documents.extend(client.seen().into_iter().map(|seen| ("pokeapi", seen)));
    if let Some(base_url) = &live.pokepedia {
        progress.tell(&Event::Phase { phase: "pokepedia" });
        ask_witness(live, base_url, &facts, &mut findings, progress).await?;
    }
    Ok((facts, findings))
}

async fn ask_witness(
    live: &Live,
    base_url: &str,
    facts: &Facts,
    findings: &mut Findings,
    progress: &Progress,
) -> Result<(), SourceError> {
    let politeness = Politeness { interval: live.pokepedia_interval, ..live.politeness.clone() };
    let reading = pokepedia::read(base_url, politeness, || cache(live), &facts.pokedex, progress);
    let testimony = match tokio::time::timeout(live.pokepedia_budget, reading).await {
        Ok(Ok(testimony)) => testimony,
        Ok(Err(error @ FetchError::BaseUrl { .. })) => return Err(error.into()),
        Ok(Err(error)) => {
            tracing::warn!("Poképédia cannot be read ({error}): PokéAPI's data is loaded unconfirmed");
            return Ok(());
        }
        Err(_) => {
            let seconds = live.pokepedia_budget.as_secs();
            tracing::warn!(
                "Poképédia did not finish within {seconds} s: PokéAPI's data is loaded unconfirmed"
            );
            return Ok(());
        }
    };
    let comparison = compare(&facts.pokedex, &testimony);
    findings.documents.extend(testimony.seen.into_iter().map(|seen| ("pokepedia", seen)));
    findings.rejects.extend(testimony.rejects);
    findings.rejects.extend(comparison.rejects.iter().cloned());
    judge(comparison, findings)
}

fn judge(comparison: Comparison, findings: &mut Findings) -> Result<(), SourceError> {
    if comparison.is_beyond_belief() {
        return Err(SourceError::Disagreement(Box::new(comparison)));
    }
    findings.comparison = comparison;
    Ok(())
}

fn cache(live: &Live) -> Option<Cache> {
    live.cache.as_ref().map(|folder| Cache::new(folder, live.cache_fresh_for))
}

async fn within<T>(
    budget: Duration,
    work: impl Future<Output = Result<T, SourceError>>,
) -> Result<T, SourceError> {
    match tokio::time::timeout(budget, work).await {
        Ok(result) => result,
        Err(_) => Err(SourceError::Slow { seconds: budget.as_secs() }),
    }
}
