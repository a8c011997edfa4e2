//! What PostgreSQL itself says, asked with the credentials that its container has.

use super::{Facts, Outcome, PATIENCE};
use crate::runtime::{ExecOrder, Runtime};

/// Pokémon that the whole Let's Go Pokédex has: 153 base forms, 18 Alolan, 15 Mega, 2 partners.
const POKEMON: u32 = 188;
/// Rows by table, as `table count` lines.
const COUNTS: &str = "SELECT 'species', count(*) FROM species UNION ALL SELECT 'pokemon', count(*) FROM pokemon \
                      UNION ALL SELECT 'moves', count(*) FROM moves UNION ALL SELECT 'learnsets', count(*) FROM learnsets";

/// The schema's version, and constraints that are not valid, as `version invalid`.
const SCHEMA: &str = "SELECT (SELECT max(version) FROM schema_migrations), \
                      (SELECT count(*) FROM pg_constraint WHERE NOT convalidated)";
/// The version that the services of this checkout expect.
const SCHEMA_VERSION: u32 = 3;

/// The last run of the ETL that succeeded, in words.
const FRESHNESS: &str = "SELECT 'loaded ' || to_char(last_success_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI') || ' UTC from ' || source \
                         || ' in ' || round(duration_s::numeric, 1) || ' s, ' || rejects || ' rejects, ' || disagreements \
                         || ' disagreements, ' || failures_since || ' failures since' FROM etl_freshness";

pub(super) async fn row_counts<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    Ok(judge_counts(&ask(facts, COUNTS).await?))
}

pub(super) async fn schema<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    Ok(judge_schema(&ask(facts, SCHEMA).await?))
}

pub(super) async fn freshness<R: Runtime>(facts: &Facts<'_, R>) -> Result<Outcome, String> {
    Ok(judge_freshness(&ask(facts, FRESHNESS).await?))
}

/// Asks the database itself, with the credentials its container has.
async fn ask<R: Runtime>(facts: &Facts<'_, R>, query: &str) -> Result<String, String> {
    let container = facts.container("db").ok_or("it has no container")?;
    let line = format!("psql -X -A -t -F ' ' -U \"$POSTGRES_USER\" -d \"$POSTGRES_DB\" -c \"{query}\"");
    let argv = ["/bin/sh".to_owned(), "-c".to_owned(), line];
    let outcome = facts
        .runtime
        .exec(&container.id, &ExecOrder::of(&argv), PATIENCE)
        .await
        .map_err(|e| e.to_string())?;
    if outcome.code != 0 {
        return Err(format!("psql ended with {}: {}", outcome.code, outcome.output));
    }
    Ok(outcome.output)
}

fn judge_counts(output: &str) -> Outcome {
    let pokemon = output.lines().find_map(|line| line.strip_prefix("pokemon ")?.trim().parse::<u32>().ok());
    let evidence = output.lines().collect::<Vec<_>>().join(", ");
    if pokemon == Some(POKEMON) {
        Outcome::Passed(evidence)
    } else {
        Outcome::failed(format!("{evidence}; {POKEMON} Pokémon are expected"), "pdex up --rerun etl")
    }
}

fn judge_schema(output: &str) -> Outcome {
    let mut words = output.split_whitespace().map(str::parse::<u32>);
    let (Some(Ok(version)), Some(Ok(invalid))) = (words.next(), words.next()) else {
        return Outcome::failed(format!("no version in `{}`", output.trim()), "pdex up --rerun etl");
    };
    let evidence = format!("version {version}, {invalid} constraints not validated");
    if version == SCHEMA_VERSION && invalid == 0 {
        return Outcome::Passed(evidence);
    }
    Outcome::failed(format!("{evidence}; version {SCHEMA_VERSION} and 0 are expected"), "pdex up --rerun etl")
}

/// Data that is there is served even when a later run failed; that one did is worth knowing.
fn judge_freshness(output: &str) -> Outcome {
    match output.trim() {
        "" => Outcome::failed("no run of the etl has succeeded", "pdex up --rerun etl"),
        told if told.ends_with(" 0 failures since") => Outcome::Passed(told.to_owned()),
        told => Outcome::failed(told, "pdex logs etl"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Failed { .. })
    }

    #[test]
    fn counts_must_be_those_of_the_games() {
        assert!(!failed(&judge_counts("species 153\npokemon 188\nmoves 226")));
        assert!(failed(&judge_counts("species 153\npokemon 187\nmoves 226")));
        assert!(failed(&judge_counts("")));
    }

    #[test]
    fn the_schema_is_the_one_of_this_checkout() {
        assert!(!failed(&judge_schema("3 0\n")));
        for output in ["2 0", "4 0", "3 1", "", "x"] {
            assert!(failed(&judge_schema(output)), "{output}");
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/services/dex/migrations");
        let migrations = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(usize::try_from(SCHEMA_VERSION).unwrap(), migrations, "a migration came");
    }

    #[test]
    fn freshness_is_told_and_a_failure_since_is_not_passed_over() {
        assert!(!failed(&judge_freshness(
            "loaded 2026-01-26 03:00 UTC from live in 5.1 s, 0 rejects, 0 failures since\n"
        )));
        assert!(failed(&judge_freshness(
            "loaded 2026-01-26 03:00 UTC from live in 5.1 s, 0 rejects, 1 failures since"
        )));
        assert!(failed(&judge_freshness("")));
    }
}
