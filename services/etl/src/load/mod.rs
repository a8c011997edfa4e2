//! Writes facts into PostgreSQL: everything in one transaction, nothing where nothing changed, one run at a time. Knows no source.

mod ledger;
mod read;
mod rows;
mod tables;

use dex::store::StoreError;
use tokio_postgres::{Client, Transaction};

use crate::counts::{Counts, WrongCounts};
use crate::facts::Facts;
use crate::progress::{Event, Progress};
use crate::reconcile::Comparison;
use crate::reject::Reject;
use crate::snapshot::content_hash;

pub use ledger::{Freshness, LastRun, Lock, Run, Source, freshness, last_run, table_rows};
pub use read::read;
use tables::TABLES;
pub use tables::{Change, What};

/// Why facts were not loaded; the data is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("another run of the etl has held the database for {seconds} s")]
    Busy { seconds: u64 },
    #[error("after loading: {0}; rolled back")]
    Counts(#[from] WrongCounts),
    #[error("loading table {table} failed; rolled back")]
    Table { table: &'static str, source: tokio_postgres::Error },
    #[error("the run cannot be recorded")]
    Ledger(#[source] tokio_postgres::Error),
    #[error("the database cannot be counted")]
    Count(#[source] tokio_postgres::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the data cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// Names of the tables, parents first.
pub fn table_names() -> impl Iterator<Item = &'static str> {
    TABLES.iter().map(|table| table.name)
}

/// How a load is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Only these tables; empty is all of them.
    pub only: Vec<String>,
    pub progress: Progress,
}

impl Default for Plan {
    fn default() -> Self {
        Self { only: Vec::new(), progress: Progress::silent() }
    }
}

/// What goes along with facts into the record of the run.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    pub rejects: Vec<Reject>,
    pub comparison: Comparison,
    pub documents: Vec<(&'static str, crate::fetch::Seen)>,
}

/// What a run did to the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub counts: Counts,
    /// Rows inserted, updated or deleted; 0 is `unchanged`.
    pub changed: u64,
    /// Each of them, in the order of the tables.
    pub changes: Vec<Change>,
}

/// Makes the tables equal to the facts and finishes the run, or leaves everything as it was.
pub async fn load(
    client: &mut Client,
    run: &Run,
    facts: &Facts,
    findings: &Findings,
    expected: &Counts,
    plan: &Plan,
) -> Result<Loaded, LoadError> {
    let sha256 = content_hash(facts)?;
    let transaction = client.transaction().await.map_err(LoadError::Ledger)?;
    let changes = apply(&transaction, facts, plan).await?;
    let counts = count(&transaction).await.map_err(LoadError::Count)?;
    counts.check(expected)?;
    let loaded = Loaded { counts, changed: changes.len() as u64, changes };
    run.succeed(&transaction, &loaded, &sha256, findings).await?;
    transaction.commit().await.map_err(LoadError::Ledger)?;
    Ok(loaded)
}

/// What loading would change: done as [`load`] does it, then taken back.
pub async fn preview(
    client: &mut Client,
    facts: &Facts,
    expected: &Counts,
    plan: &Plan,
) -> Result<Loaded, LoadError> {
    let transaction = client.transaction().await.map_err(LoadError::Ledger)?;
    let changes = apply(&transaction, facts, plan).await?;
    let counts = count(&transaction).await.map_err(LoadError::Count)?;
    transaction.rollback().await.map_err(LoadError::Ledger)?;
    counts.check(expected)?;
    Ok(Loaded { counts, changed: changes.len() as u64, changes })
}

/// Stages the facts, deletes vanished rows from the children up, then inserts and updates from the parents down.
async fn apply(transaction: &Transaction<'_>, facts: &Facts, plan: &Plan) -> Result<Vec<Change>, LoadError> {
    let failed = |table| move |source| LoadError::Table { table, source };
    let wanted: Vec<_> = TABLES
        .iter()
        .filter(|table| plan.only.is_empty() || plan.only.iter().any(|only| only == table.name))
        .collect();
    let mut changes = Vec::new();
    for table in &wanted {
        table.stage(transaction, facts).await.map_err(failed(table.name))?;
    }
    for table in wanted.iter().rev() {
        changes.extend(table.delete_vanished(transaction).await.map_err(failed(table.name))?);
    }
    for (done, table) in wanted.iter().enumerate() {
        let upserted = table.upsert(transaction).await.map_err(failed(table.name))?;
        let event =
            Event::Loaded { table: table.name, changed: upserted.len(), done: done + 1, total: wanted.len() };
        plan.progress.tell(&event);
        changes.extend(upserted);
    }
    Ok(changes)
}

/// Counts what the database holds.
pub async fn count(client: &impl tokio_postgres::GenericClient) -> Result<Counts, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM types), (SELECT count(*) FROM type_effectiveness),
                    (SELECT count(*) FROM species), (SELECT count(*) FROM pokemon), (SELECT count(*) FROM moves),
                    count(DISTINCT move_id), count(*) FILTER (WHERE method = 'level-up'),
                    count(*) FILTER (WHERE method = 'machine'), count(*) FILTER (WHERE method = 'tutor'),
                    (SELECT count(*) FROM evolutions), (SELECT count(*) FROM machines),
                    (SELECT count(*) FROM move_later_values)
             FROM learnsets",
            &[],
        )
        .await?;
    Ok(Counts {
        types: row.try_get(0)?,
        type_effectiveness: row.try_get(1)?,
        species: row.try_get(2)?,
        pokemon: row.try_get(3)?,
        moves: row.try_get(4)?,
        learnable_moves: row.try_get(5)?,
        level_up: row.try_get(6)?,
        machine: row.try_get(7)?,
        tutor: row.try_get(8)?,
        evolutions: row.try_get(9)?,
        machines: row.try_get(10)?,
        later_values: row.try_get(11)?,
    })
}
