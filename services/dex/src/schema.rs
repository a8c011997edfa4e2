//! The database schema: ordered SQL migrations carried by the binary, applied once each and never edited afterwards.
//! Holds no query of the domain.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};
use tokio_postgres::Client;

/// The version a database must have for this program to read or write it.
pub const EXPECTED: i32 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Key of the advisory lock under which migrations are applied ("pdexmigr" in ASCII).
const LOCK_KEY: i64 = 0x7064_6578_6d69_6772;

struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "pokedex", sql: include_str!("../migrations/0001_pokedex.sql") },
    Migration { version: 2, name: "etl_runs", sql: include_str!("../migrations/0002_etl_runs.sql") },
    Migration { version: 3, name: "provenance", sql: include_str!("../migrations/0003_provenance.sql") },
];

/// Why the schema cannot be used or brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error(
        "migration {version} ({name}) was applied with another content (sha-256 {applied}, now {current})"
    )]
    Changed { version: i32, name: &'static str, applied: String, current: String },
    #[error("migration {version} ({name}) failed")]
    Failed { version: i32, name: &'static str, source: tokio_postgres::Error },
    #[error("the database has schema version {found}, which is newer than this program's {EXPECTED}")]
    Newer { found: i32 },
    #[error("the database has schema version {found} and this program needs {EXPECTED}: run the etl")]
    Older { found: i32 },
    #[error("cannot read the schema version")]
    Read(#[source] tokio_postgres::Error),
}

/// Applies what is missing, each migration in its own transaction under an advisory lock; returns the versions applied.
/// Migrations applied before are compared by checksum.
pub async fn migrate(client: &mut Client) -> Result<Vec<i32>, SchemaError> {
    apply(client, MIGRATIONS).await
}

/// The version of the database's schema; 0 before any migration.
pub async fn version(client: &Client) -> Result<i32, SchemaError> {
    if !has_ledger(client).await? {
        return Ok(0);
    }
    let row = client
        .query_one("SELECT coalesce(max(version), 0) FROM schema_migrations", &[])
        .await
        .map_err(SchemaError::Read)?;
    Ok(row.get(0))
}

/// Fails unless the database has exactly the version this program expects.
pub async fn require_expected(client: &Client) -> Result<(), SchemaError> {
    match version(client).await? {
        EXPECTED => Ok(()),
        found if found > EXPECTED => Err(SchemaError::Newer { found }),
        found => Err(SchemaError::Older { found }),
    }
}

async fn apply(client: &mut Client, migrations: &[Migration]) -> Result<Vec<i32>, SchemaError> {
    // Who may not create tables may still find that all is there.
    if !has_ledger(client).await? {
        create_ledger(client).await.map_err(SchemaError::Read)?;
    }
    let mut applied_now = Vec::new();
    for migration in migrations {
        if apply_one(client, migration).await? {
            applied_now.push(migration.version);
        }
    }
    let newest = migrations.last().map_or(0, |m| m.version);
    match version(client).await? {
        found if found > newest => Err(SchemaError::Newer { found }),
        _ => Ok(applied_now),
    }
}

async fn has_ledger(client: &Client) -> Result<bool, SchemaError> {
    let row = client
        .query_one("SELECT to_regclass('schema_migrations') IS NOT NULL", &[])
        .await
        .map_err(SchemaError::Read)?;
    Ok(row.get(0))
}

async fn create_ledger(client: &mut Client) -> Result<(), tokio_postgres::Error> {
    // IF NOT EXISTS alone is not safe against two sessions that create at once.
    let transaction = client.transaction().await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK_KEY]).await?;
    transaction
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations (
                 version integer PRIMARY KEY,
                 name text NOT NULL,
                 sha256 text NOT NULL,
                 applied_at timestamptz NOT NULL DEFAULT now())",
        )
        .await?;
    transaction.commit().await
}

/// Whether the migration was applied by this call.
async fn apply_one(client: &mut Client, migration: &Migration) -> Result<bool, SchemaError> {
    let Migration { version, name, sql } = *migration;
    let failed = |source| SchemaError::Failed { version, name, source };
    let current = checksum(sql);
    let transaction = client.transaction().await.map_err(failed)?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK_KEY]).await.map_err(failed)?;
    let recorded = transaction
        .query_opt("SELECT sha256 FROM schema_migrations WHERE version = $1", &[&version])
        .await
        .map_err(failed)?;
    if let Some(row) = recorded {
        let applied: String = row.get(0);
        return if applied == current {
            Ok(false)
        } else {
            Err(SchemaError::Changed { version, name, applied, current })
        };
    }
    transaction.batch_execute(sql).await.map_err(failed)?;
    transaction
        .execute(
            "INSERT INTO schema_migrations (version, name, sha256) VALUES ($1, $2, $3)",
            &[&version, &name, &current],
        )
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    Ok(true)
}

/// Version and SHA-256 of every migration this program carries.
pub fn checksums() -> BTreeMap<i32, String> {
    MIGRATIONS.iter().map(|m| (m.version, checksum(m.sql))).collect()
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::{EXPECTED, MIGRATIONS, checksum};

    #[test]
    fn versions_count_up_from_one() {
        let versions: Vec<i32> = MIGRATIONS.iter().map(|m| m.version).collect();
        assert_eq!(versions, (1..=EXPECTED).collect::<Vec<_>>());
    }

    #[test]
    fn every_file_of_the_folder_is_embedded_under_its_name() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let embedded: Vec<String> =
            MIGRATIONS.iter().map(|m| format!("{:04}_{}.sql", m.version, m.name)).collect();
        assert_eq!(files, embedded);
    }

    #[test]
    fn checksum_is_sha_256_in_hex() {
        assert_eq!(checksum("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
