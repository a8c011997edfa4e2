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

/// Rows that break what no constraint can say, as `text` lines.
const ORPHANS: &str = "
    SELECT 'type ' || slug || ': ' || names || ' rows of the chart as attacker, 18 are complete'
    FROM (SELECT t.slug, count(e.*) AS names FROM types t LEFT JOIN type_effectiveness e ON e.attack_type_id = t.id
          GROUP BY t.slug) AS chart WHERE names <> 18
    UNION ALL SELECT 'pokemon ' || slug || ': it has no type' FROM pokemon p
        WHERE NOT EXISTS (SELECT FROM pokemon_types t WHERE t.pokemon_id = p.id)
    UNION ALL SELECT 'pokemon ' || slug || ': it learns no move' FROM pokemon p
        WHERE NOT EXISTS (SELECT FROM learnsets l WHERE l.pokemon_id = p.id)
    UNION ALL SELECT 'species ' || slug || ': it has no base form' FROM species s
        WHERE NOT EXISTS (SELECT FROM pokemon p WHERE p.species_id = s.id AND p.form = 'base')
    UNION ALL SELECT 'moves ' || slug || ': nobody vouches for it' FROM moves WHERE source = 'unknown'
    UNION ALL SELECT 'pokemon ' || slug || ': nobody vouches for it' FROM pokemon WHERE source = 'unknown'
    UNION ALL SELECT 'learnsets ' || concat_ws(' ', pokemon_id, method, level, move_id) || ': nobody vouches for it'
        FROM learnsets WHERE source = 'unknown'";

/// Connects once and compares schema version, counts and rules; the Pokédex must load as the other services load it.
pub async fn check(settings: &store::Settings, expected: &Counts) -> Result<Report, CheckError> {
    let client = store::connect(settings).await?;
    schema::require_expected(&client).await?;
    let counts = load::count(&client).await.map_err(CheckError::Count)?;
    counts.check(expected)?;
    let facts = load::read(&client).await?;
    let mut broken = rules::broken(&facts);
    let orphans = client.query(ORPHANS, &[]).await.map_err(CheckError::Count)?;
    broken.extend(orphans.iter().map(|row| row.get::<_, String>(0)));
    if !broken.is_empty() {
        return Err(CheckError::Broken(broken));
    }
    Ok(Report { schema_version: schema::EXPECTED, counts, last_run: load::last_run(&client).await? })
}
