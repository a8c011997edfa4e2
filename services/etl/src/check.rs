//! `etl check`: whether the database holds what a run must leave there. Changes nothing.

use dex::schema::{self, SchemaError};
use dex::store::{self, StoreError};

use crate::counts::{Counts, WrongCounts};
use crate::load::{self, LastRun, LoadError};
use crate::rules;

/// Why the database is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("the tables cannot be counted")]
    Count(#[source] tokio_postgres::Error),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    WrongCounts(#[from] WrongCounts),
    #[error("{} rules are broken:\n{}", .0.len(), .0.join("\n"))]
    Broken(Vec<String>),
}

/// What the database holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub schema_version: i32,
    pub counts: Counts,
    pub last_run: Option<LastRun>,
}

/// Connects once and compares schema version, counts and rules; the Pokédex must load as the other services load it.
pub async fn check(settings: &store::Settings, expected: &Counts) -> Result<Report, CheckError> {
    let client = store::connect(settings).await?;
    schema::require_expected(&client).await?;
    let counts = load::count(&client).await.map_err(CheckError::Count)?;
    counts.check(expected)?;
    let facts = load::read(&client).await?;
    let mut broken = rules::broken(&facts);
    broken.extend(load::orphans(&client).await.map_err(CheckError::Count)?);
    if !broken.is_empty() {
        return Err(CheckError::Broken(broken));
    }
    Ok(Report { schema_version: schema::EXPECTED, counts, last_run: load::last_run(&client).await? })
}
