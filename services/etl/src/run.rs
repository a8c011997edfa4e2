//! One import: wait, lock, migrate, choose the source, load, and record what happened.

use std::time::Duration;

use dex::pokedex::Pokedex;
use dex::schema::{self, SchemaError};
use tokio_postgres::Client;

use crate::counts::Counts;
use crate::load::{self, LoadError, Loaded, Lock, Run, Source};
use crate::pokeapi::{self, Politeness};
use crate::reject::Reject;
use crate::settings::{Choice, Settings};
use crate::snapshot::Snapshot;
use crate::source::{self, SourceError};
use crate::validate::sift;
use crate::wait::{self, WaitError};

/// Why an import failed. The data of an earlier run stays.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Wait(#[from] WaitError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("source {origin}")]
    Source { origin: Source, source: SourceError },
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl RunError {
    /// Whether waiting too long was the reason.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            Self::Wait(WaitError::Timeout { .. })
                | Self::Load(LoadError::Busy { .. })
                | Self::Source { source: SourceError::Slow { .. }, .. }
        )
    }
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub source: Source,
    pub migrations: Vec<i32>,
    pub loaded: Loaded,
    pub rejects: usize,
}

/// Imports once with the counts the games have.
pub async fn run(settings: &Settings, snapshot: &[u8], expected: &Counts) -> Result<Summary, RunError> {
    let mut client = wait::for_database(&settings.database, settings.database_wait).await?;
    let lock = Lock::take(&client, settings.lock_wait).await?;
    let migrations = schema::migrate(&mut client).await?;
    let mut import = Import { client, lock, settings, snapshot, expected };
    let (source, (loaded, rejects)) = match settings.choice {
        Choice::Snapshot => (Source::Snapshot, import.from(Source::Snapshot).await?),
        Choice::Live => (Source::Live, import.from(Source::Live).await?),
        Choice::Auto => match import.from(Source::Live).await {
            Ok(done) => (Source::Live, done),
            Err(RunError::Source { source, .. }) => {
                tracing::warn!(
                    "PokéAPI gave no usable data ({}): the shipped snapshot is loaded instead",
                    chain(&source)
                );
                (Source::Snapshot, import.from(Source::Snapshot).await?)
            }
            Err(error) => return Err(error),
        },
    };
    Ok(Summary { source, migrations, loaded, rejects })
}

struct Import<'a> {
    client: Client,
    lock: Lock,
    settings: &'a Settings,
    snapshot: &'a [u8],
    expected: &'a Counts,
}

impl Import<'_> {
    /// One row of `etl_runs`, from start to end.
    async fn from(&mut self, origin: Source) -> Result<(Loaded, usize), RunError> {
        let run = Run::start(&self.client, &self.lock, origin).await?;
        let read = match origin {
            Source::Snapshot => self.read_snapshot(),
            Source::Live => self.read_live().await,
        };
        let (dex, rejects) = match read {
            Ok(read) => read,
            Err(source) => {
                run.fail(&mut self.client, &chain(&source), source.rejects()).await?;
                return Err(RunError::Source { origin, source });
            }
        };
        for reject in &rejects {
            tracing::warn!("rejected {reject}");
        }
        match load::load(&mut self.client, &run, &dex, &rejects, self.expected).await {
            Ok(loaded) => Ok((loaded, rejects.len())),
            Err(error) => {
                run.fail(&mut self.client, &chain(&error), &rejects).await?;
                Err(error.into())
            }
        }
    }

    fn read_snapshot(&self) -> Result<(Pokedex, Vec<Reject>), SourceError> {
        let (dex, rejects) = sift(Snapshot::decode(self.snapshot)?.pokedex);
        source::check(dex, rejects, self.expected)
    }

    async fn read_live(&self) -> Result<(Pokedex, Vec<Reject>), SourceError> {
        let client = pokeapi::Client::new(&self.settings.pokeapi, Politeness::default())?;
        within(self.settings.live_budget, source::read(&client, self.expected)).await
    }
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

/// An error with its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
