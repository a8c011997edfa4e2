//! Writes facts into PostgreSQL: everything in one transaction, nothing where nothing changed, one run at a time. Knows no source.

mod foreign_keys;
mod ledger;
mod orphans;
mod read;
mod rows;
mod steps;
mod tables;

use dex::store::StoreError;
use tokio_postgres::{Client, Transaction};

use crate::counts::{Counts, WrongCounts};
use crate::facts::Facts;
use crate::progress::Progress;
use crate::reconcile::Comparison;
use crate::reject::Reject;
use crate::snapshot::content_hash;

use foreign_keys::ForeignKeys;
pub use ledger::{Freshness, LastRun, Lock, Run, Source, freshness, last_run, table_rows};
pub use orphans::orphans;
pub use read::read;
pub use steps::{Change, What};
use tables::{TABLES, create_stages};

/// Why facts were not loaded; the data is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("another run of the etl has held the database for {seconds} s")]
    Busy { seconds: u64 },
    #[error("after loading: {0}; rolled back")]
    Counts(#[from] WrongCounts),
    #[error("loading table {table} failed; rolled back")]
    Table { table: &'static str, source: tokio_postgres::Error },
    #[error("after loading, {} rows stand alone; rolled back; the first: {}", .0.len(), .0.first().map_or("", String::as_str))]
    Orphans(Vec<String>),
    #[error("the staging tables cannot be made; nothing was changed")]
    Stage(#[source] tokio_postgres::Error),
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
    let counts = judge(&transaction, expected).await?;
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
    let counts = judge(&transaction, expected).await?;
    transaction.rollback().await.map_err(LoadError::Ledger)?;
    Ok(Loaded { counts, changed: changes.len() as u64, changes })
}

/// What the tables hold now, which is refused where it is not as much as it must be or where a row stands alone.
async fn judge(transaction: &Transaction<'_>, expected: &Counts) -> Result<Counts, LoadError> {
    let counts = count(transaction).await.map_err(LoadError::Count)?;
    counts.check(expected)?;
    let orphans = orphans(transaction).await.map_err(LoadError::Count)?;
    if orphans.is_empty() { Ok(counts) } else { Err(LoadError::Orphans(orphans)) }
}

/// Stages the facts, deletes vanished rows from the children up, then updates and inserts from the parents down.
async fn apply(transaction: &Transaction<'_>, facts: &Facts, plan: &Plan) -> Result<Vec<Change>, LoadError> {
    let failed = |table| move |source| LoadError::Table { table, source };
    let wanted: Vec<_> = TABLES
        .iter()
        .filter(|table| plan.only.is_empty() || plan.only.iter().any(|only| only == table.name))
        .collect();
    create_stages(transaction, &wanted).await.map_err(LoadError::Stage)?;
    let mut keys = Vec::new();
    for table in &wanted {
        let rows = table.stage(transaction, facts).await.map_err(failed(table.name))?;
        if let Some(taken) = ForeignKeys::take(transaction, table, rows).await.map_err(failed(table.name))? {
            keys.push(taken);
        }
    }
    let changes = steps::run(transaction, &wanted, &plan.progress).await?;
    for taken in keys {
        taken.put_back(transaction).await.map_err(failed(taken.table))?;
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
