//! Writes a Pokédex into PostgreSQL: everything in one transaction, nothing where nothing changed, one run at a time. Knows
//! no source.

mod ledger;
mod tables;

use dex::pokedex::Pokedex;
use tokio_postgres::{Client, Transaction};

use crate::counts::{Counts, WrongCounts};
use crate::reject::Reject;
use crate::snapshot::content_hash;

pub use ledger::{LastRun, Lock, Run, Source, last_run};
use tables::{TABLES, Table};

/// Why a Pokédex was not loaded; the data is as it was before.
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
    #[error("the data cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

/// What a run did to the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub counts: Counts,
    /// Rows inserted, updated or deleted; 0 is `unchanged`.
    pub changed: u64,
}

/// Makes the tables equal to the Pokédex and finishes the run, or leaves everything as it was.
pub async fn load(
    client: &mut Client,
    run: &Run,
    dex: &Pokedex,
    rejects: &[Reject],
    expected: &Counts,
) -> Result<Loaded, LoadError> {
    let sha256 = content_hash(dex)?;
    let transaction = client.transaction().await.map_err(LoadError::Ledger)?;
    for table in TABLES {
        table
            .stage(&transaction, dex)
            .await
            .map_err(|source| LoadError::Table { table: table.name, source })?;
    }
    let changed = apply_staged(&transaction).await?;
    let counts = count(&transaction).await.map_err(LoadError::Count)?;
    counts.check(expected)?;
    let loaded = Loaded { counts, changed };
    run.succeed(&transaction, &loaded, &sha256, rejects).await?;
    transaction.commit().await.map_err(LoadError::Ledger)?;
    Ok(loaded)
}

/// Deletes vanished rows from the children up, then inserts and updates from the parents down.
async fn apply_staged(transaction: &Transaction<'_>) -> Result<u64, LoadError> {
    let failed = |table: &'static Table| move |source| LoadError::Table { table: table.name, source };
    let mut changed = 0;
    for table in TABLES.iter().rev() {
        changed += transaction.execute(&table.delete_vanished(), &[]).await.map_err(failed(table))?;
    }
    for table in TABLES {
        changed += transaction.execute(&table.upsert(), &[]).await.map_err(failed(table))?;
    }
    Ok(changed)
}

/// Counts what the database holds.
pub async fn count(client: &impl tokio_postgres::GenericClient) -> Result<Counts, tokio_postgres::Error> {
    let row = client
        .query_one(
            "SELECT (SELECT count(*) FROM types), (SELECT count(*) FROM type_effectiveness),
                    (SELECT count(*) FROM species), (SELECT count(*) FROM pokemon), (SELECT count(*) FROM moves),
                    count(DISTINCT move_id), count(*) FILTER (WHERE method = 'level-up'),
                    count(*) FILTER (WHERE method = 'machine'), count(*) FILTER (WHERE method = 'tutor')
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
    })
}
