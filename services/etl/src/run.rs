//! One import: wait, lock, migrate, choose the source, load, and record what happened.

use std::time::Duration;

use dex::schema::{self, SchemaError};
use dex::store;
use tokio_postgres::Client;

use crate::counts::Counts;
use crate::facts::Facts;
use crate::live;
use crate::load::{self, Findings, LoadError, Loaded, Lock, Plan, Run, Source};
use crate::progress::Event;
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

/// What an import did, or would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub source: Source,
    pub migrations: Vec<i32>,
    pub loaded: Loaded,
    pub rejects: usize,
    pub disagreements: usize,
}

/// How an import is to be done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub plan: Plan,
    /// Change nothing: tell only what would change.
    pub dry_run: bool,
}

/// Waits for the database and brings its schema up to date; returns the versions applied.
pub async fn migrate(database: &store::Settings, wait: Duration) -> Result<Vec<i32>, RunError> {
    let mut client = wait::for_database(database, wait).await?;
    Ok(schema::migrate(&mut client).await?)
}

/// Imports once with the counts the games have.
pub async fn run(settings: &Settings, snapshot: &[u8], expected: &Counts) -> Result<Summary, RunError> {
    run_with(settings, snapshot, expected, &Options::default()).await
}

/// Imports once, as the options say.
pub async fn run_with(
    settings: &Settings,
    snapshot: &[u8],
    expected: &Counts,
    options: &Options,
) -> Result<Summary, RunError> {
    let progress = &options.plan.progress;
    progress.tell(&Event::Phase { phase: "database" });
    let mut client = wait::for_database(&settings.database, settings.database_wait).await?;
    let lock = Lock::take(&client, settings.lock_wait).await?;
    let migrations = if options.dry_run {
        schema::require_expected(&client).await?;
        Vec::new()
    } else {
        schema::migrate(&mut client).await?
    };
    let mut import = Import { client, lock, settings, snapshot, expected, options };
    let (source, (loaded, findings)) = match settings.choice {
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
    let disagreements = findings.comparison.disagreements.len();
    Ok(Summary { source, migrations, loaded, rejects: findings.rejects.len(), disagreements })
}

struct Import<'a> {
    client: Client,
    lock: Lock,
    settings: &'a Settings,
    snapshot: &'a [u8],
    expected: &'a Counts,
    options: &'a Options,
}

impl Import<'_> {
    async fn from(&mut self, origin: Source) -> Result<(Loaded, Findings), RunError> {
        if self.options.dry_run {
            let (facts, findings) =
                self.read(origin).await.map_err(|source| RunError::Source { origin, source })?;
            let loaded = load::preview(&mut self.client, &facts, self.expected, &self.options.plan).await?;
            return Ok((loaded, findings));
        }
        self.recorded(origin).await
    }

    /// One row of `etl_runs`, from start to end.
    async fn recorded(&mut self, origin: Source) -> Result<(Loaded, Findings), RunError> {
        let run = Run::start(&self.client, &self.lock, origin).await?;
        let (facts, findings) = match self.read(origin).await {
            Ok(read) => read,
            Err(source) => {
                self.fail(&run, &chain(&source), source.rejects()).await;
                return Err(RunError::Source { origin, source });
            }
        };
        let progress = &self.options.plan.progress;
        for reject in &findings.rejects {
            tracing::warn!("rejected {reject}");
            let (resource, reason) = (&reject.resource, &reject.reason);
            progress.tell(&Event::Rejected { source: reject.source, resource, reason });
        }
        progress.tell(&Event::Phase { phase: "load" });
        let plan = &self.options.plan;
        match load::load(&mut self.client, &run, &facts, &findings, self.expected, plan).await {
            Ok(loaded) => Ok((loaded, findings)),
            Err(error) => {
                self.fail(&run, &chain(&error), &findings.rejects).await;
                Err(error.into())
            }
        }
    }

    /// Records a failure. Where even that fails, the first one is what the user has to know; the next run closes this one.
    async fn fail(&mut self, run: &Run, error: &str, rejects: &[crate::reject::Reject]) {
        if let Err(unrecorded) = run.fail(&mut self.client, error, rejects).await {
            tracing::warn!("the failure cannot be recorded: {}", chain(&unrecorded));
        }
    }

    async fn read(&self, origin: Source) -> Result<(Facts, Findings), SourceError> {
        match origin {
            Source::Snapshot => {
                let (facts, rejects) = sift(Snapshot::decode(self.snapshot)?.facts);
                let (facts, rejects) = source::check(facts, rejects, self.expected)?;
                Ok((facts, Findings { rejects, ..Findings::default() }))
            }
            Source::Live => live::read(&self.settings.live, self.expected, &self.options.plan.progress).await,
        }
    }
}

/// An error with its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
