//! The record of runs, and the lock under which one run at a time works.

use std::fmt;
use std::time::Duration;

use serde_json::json;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient, Transaction};

use super::{Findings, LoadError, Loaded};
use crate::reject::Reject;

/// Key of the advisory lock that a run holds for its whole session ("pdex-etl" in ASCII).
const LOCK_KEY: i64 = 0x7064_6578_2d65_746c;

/// Where a run's data came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Snapshot,
    Live,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Snapshot => "snapshot",
            Self::Live => "live",
        })
    }
}

/// Proof that this session holds the lock; PostgreSQL releases it with the session, however that ends.
#[derive(Debug)]
pub struct Lock(());

impl Lock {
    /// Takes the lock, waiting for another run to end, but no longer than told.
    pub async fn take(client: &Client, longest_wait: Duration) -> Result<Self, LoadError> {
        let free = client
            .query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK_KEY])
            .await
            .map_err(LoadError::Ledger)?;
        if free.get(0) {
            return Ok(Self(()));
        }
        tracing::info!("another run holds the database; waiting for it to end");
        let milliseconds = longest_wait.as_millis().max(1);
        client
            .batch_execute(&format!("SET lock_timeout = {milliseconds}"))
            .await
            .map_err(LoadError::Ledger)?;
        match client.execute("SELECT pg_advisory_lock($1)", &[&LOCK_KEY]).await {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
                return Err(LoadError::Busy { seconds: longest_wait.as_secs() });
            }
            Err(error) => return Err(LoadError::Ledger(error)),
        }
        client.batch_execute("RESET lock_timeout").await.map_err(LoadError::Ledger)?;
        Ok(Self(()))
    }
}

/// One row of `etl_runs`, being worked on.
#[derive(Debug)]
pub struct Run {
    id: i64,
}

impl Run {
    /// Opens a run; runs that were killed are closed as failed, which only the holder of the lock can know.
    pub async fn start(client: &Client, _lock: &Lock, source: Source) -> Result<Self, LoadError> {
        client
            .execute(
                "UPDATE etl_runs SET status = 'failed', error = 'interrupted', finished_at = clock_timestamp()
                 WHERE status = 'running'",
                &[],
            )
            .await
            .map_err(LoadError::Ledger)?;
        let row = client
            .query_one(
                "INSERT INTO etl_runs (source, status) VALUES ($1, 'running') RETURNING id",
                &[&source.to_string()],
            )
            .await
            .map_err(LoadError::Ledger)?;
        Ok(Self { id: row.get(0) })
    }

    /// Closes the run with the transaction that loaded its data.
    pub(super) async fn succeed(
        &self,
        transaction: &Transaction<'_>,
        loaded: &Loaded,
        sha256: &str,
        findings: &Findings,
    ) -> Result<(), LoadError> {
        let status = if loaded.changed == 0 { "unchanged" } else { "loaded" };
        let counts =
            json!({ "rows": serde_json::to_value(loaded.counts)?, "changed": loaded.changed }).to_string();
        transaction
            .execute(
                "UPDATE etl_runs SET status = $2, counts = $3::text::jsonb, snapshot_sha256 = $4,
                        finished_at = clock_timestamp() WHERE id = $1",
                &[&self.id, &status, &counts, &sha256],
            )
            .await
            .map_err(LoadError::Ledger)?;
        self.record(transaction, &findings.rejects).await?;
        self.record_documents(transaction, findings).await?;
        self.record_disagreements(transaction, findings).await
    }

    /// What the sources gave this time replaces what they gave before; a document that did not change keeps its row.
    async fn record_documents(
        &self,
        transaction: &Transaction<'_>,
        findings: &Findings,
    ) -> Result<(), LoadError> {
        if findings.documents.is_empty() {
            return Ok(());
        }
        let column = |of: fn(&crate::fetch::Seen) -> Option<&str>| -> Vec<Option<&str>> {
            findings.documents.iter().map(|(_, seen)| of(seen)).collect()
        };
        let sources: Vec<&str> = findings.documents.iter().map(|(source, _)| *source).collect();
        let paths = column(|seen| Some(&seen.path));
        transaction
            .execute(
                "INSERT INTO etl_documents AS old (run_id, source, path, sha256, etag, last_modified)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
                 ON CONFLICT (source, path) DO UPDATE SET run_id = excluded.run_id, sha256 = excluded.sha256,
                     etag = excluded.etag, last_modified = excluded.last_modified
                 WHERE (old.sha256, old.etag, old.last_modified)
                     IS DISTINCT FROM (excluded.sha256, excluded.etag, excluded.last_modified)",
                &[
                    &self.id,
                    &sources,
                    &paths,
                    &column(|seen| Some(&seen.sha256)),
                    &column(|seen| seen.etag.as_deref()),
                    &column(|seen| seen.last_modified.as_deref()),
                ],
            )
            .await
            .map_err(LoadError::Ledger)?;
        transaction
            .execute(
                "DELETE FROM etl_documents WHERE source = ANY ($1) AND (source, path) NOT IN
                     (SELECT * FROM unnest($1::text[], $2::text[]))",
                &[&sources, &paths],
            )
            .await
            .map(drop)
            .map_err(LoadError::Ledger)
    }

    async fn record_disagreements(
        &self,
        transaction: &Transaction<'_>,
        findings: &Findings,
    ) -> Result<(), LoadError> {
        let all = &findings.comparison.disagreements;
        let kinds: Vec<&str> = all.iter().map(|d| d.kind.name()).collect();
        let subjects: Vec<&str> = all.iter().map(|d| d.subject.as_str()).collect();
        let pokeapi: Vec<Option<&str>> = all.iter().map(|d| d.pokeapi.as_deref()).collect();
        let pokepedia: Vec<Option<&str>> = all.iter().map(|d| d.pokepedia.as_deref()).collect();
        transaction
            .execute(
                "INSERT INTO etl_disagreements (run_id, decided, kind, subject, pokeapi, pokepedia)
                 SELECT $1, 'pokeapi', * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[])",
                &[&self.id, &kinds, &subjects, &pokeapi, &pokepedia],
            )
            .await
            .map(drop)
            .map_err(LoadError::Ledger)
    }

    /// Closes the run as failed, with what was refused.
    pub async fn fail(&self, client: &mut Client, error: &str, rejects: &[Reject]) -> Result<(), LoadError> {
        let transaction = client.transaction().await.map_err(LoadError::Ledger)?;
        let error = error.replace('\0', "\u{fffd}");
        transaction
            .execute(
                "UPDATE etl_runs SET status = 'failed', error = $2, finished_at = clock_timestamp() WHERE id = $1",
                &[&self.id, &error],
            )
            .await
            .map_err(LoadError::Ledger)?;
        self.record(&transaction, rejects).await?;
        transaction.commit().await.map_err(LoadError::Ledger)
    }

    async fn record(&self, client: &impl GenericClient, rejects: &[Reject]) -> Result<(), LoadError> {
        // PostgreSQL's text holds every character but this one.
        let printable = |text: &String| text.replace('\0', "\u{fffd}");
        let resources: Vec<String> = rejects.iter().map(|reject| printable(&reject.resource)).collect();
        let reasons: Vec<String> = rejects.iter().map(|reject| printable(&reject.reason)).collect();
        let sources: Vec<&str> = rejects.iter().map(|reject| reject.source).collect();
        client
            .execute(
                "INSERT INTO etl_rejects (run_id, source, resource, reason)
                 SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[])",
                &[&self.id, &sources, &resources, &reasons],
            )
            .await
            .map(drop)
            .map_err(LoadError::Ledger)
    }
}

/// The newest finished run, for `etl check`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastRun {
    pub status: String,
    pub source: String,
    pub finished_at: String,
    pub error: Option<String>,
}

/// The newest finished run; `None` before the first.
pub async fn last_run(client: &Client) -> Result<Option<LastRun>, LoadError> {
    let row = client
        .query_opt(
            "SELECT status, source, to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), error
             FROM etl_runs WHERE finished_at IS NOT NULL ORDER BY finished_at DESC, id DESC LIMIT 1",
            &[],
        )
        .await
        .map_err(LoadError::Ledger)?;
    Ok(row.map(|row| LastRun {
        status: row.get(0),
        source: row.get(1),
        finished_at: row.get(2),
        error: row.get(3),
    }))
}

/// How fresh the data is: the last run that succeeded.
#[derive(Debug, Clone, PartialEq)]
pub struct Freshness {
    pub last_success_epoch_s: f64,
    pub duration_s: f64,
    pub rejects: i64,
    pub disagreements: i64,
    pub failures_since: i64,
}

/// The last run that succeeded; `None` before the first.
pub async fn freshness(client: &Client) -> Result<Option<Freshness>, LoadError> {
    let row = client
        .query_opt(
            "SELECT last_success_epoch_s, duration_s, rejects, disagreements, failures_since FROM etl_freshness",
            &[],
        )
        .await
        .map_err(LoadError::Ledger)?;
    Ok(row.map(|row| Freshness {
        last_success_epoch_s: row.get(0),
        duration_s: row.get(1),
        rejects: row.get(2),
        disagreements: row.get(3),
        failures_since: row.get(4),
    }))
}

/// Rows of each table of the domain.
pub async fn table_rows(client: &Client) -> Result<Vec<(String, i64)>, LoadError> {
    let rows = client
        .query("SELECT table_name, row_count FROM table_rows ORDER BY table_name", &[])
        .await
        .map_err(LoadError::Count)?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
