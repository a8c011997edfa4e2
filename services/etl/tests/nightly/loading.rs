//! What a load does to the tables beyond their rows: keys that were taken away are back, nothing is locked for nothing, and what the
//! schema or the rules of the whole forbid leaves everything as it was.

use dex::schema;
use dex::store::Password;
use etl::counts::{Counts, EXPECTED};
use etl::facts::Facts;
use etl::load::{Findings, LoadError, Loaded, Lock, Plan, Run, Source};
use etl::run::run;
use etl::settings::Choice;
use etl::snapshot::{SHIPPED, Snapshot};
use std::time::Duration;
use tokio_postgres::Client;

use super::support::{Database, texts};

const KEYS: &str =
    "SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) || ' ' || convalidated
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY 1";

fn shipped() -> Facts {
    Snapshot::decode(SHIPPED).unwrap().facts
}

async fn migrated() -> Option<(Database, Client)> {
    let database = Database::create().await?;
    let mut client = database.connect().await;
    schema::migrate(&mut client).await.unwrap();
    Some((database, client))
}

/// Loads facts that nobody has judged.
async fn load(client: &mut Client, facts: &Facts) -> Result<Loaded, LoadError> {
    let lock = Lock::take(client, Duration::from_secs(1)).await.unwrap();
    let run = Run::start(client, &lock, Source::Snapshot).await.unwrap();
    etl::load::load(client, &run, facts, &Findings::default(), &Counts::of(facts), &Plan::default()).await
}

#[tokio::test]
async fn a_first_load_leaves_every_key_as_the_migrations_made_it() {
    let Some((database, mut client)) = migrated().await else { return };
    let before = texts(&client, KEYS).await;
    assert!(
        before.iter().any(|key| key.starts_with("learnsets learnsets_move_id_fkey FOREIGN KEY")),
        "{before:?}"
    );
    load(&mut client, &shipped()).await.unwrap();
    assert_eq!(texts(&client, KEYS).await, before);
    database.drop_it().await;
}

#[tokio::test]
async fn a_row_without_its_counterpart_is_refused_by_a_first_load_and_by_a_later_one() {
    let Some((database, mut client)) = migrated().await else { return };
    let keys = texts(&client, KEYS).await;
    let mut wrong = shipped();
    wrong.pokedex.pokemon[0].learnset[0].move_id = 9999;
    for (loaded, rows) in [(false, "0"), (true, "5776")] {
        if loaded {
            load(&mut client, &shipped()).await.unwrap();
        }
        let error = load(&mut client, &wrong).await.unwrap_err();
        assert!(matches!(error, LoadError::Table { table: "learnsets", .. }), "{error:?}");
        assert_eq!(texts(&client, "SELECT count(*)::text FROM learnsets").await, [rows]);
        assert_eq!(texts(&client, KEYS).await, keys);
    }
    database.drop_it().await;
}

/// A login that is in the ETL's group and nothing else: enough for every night on a schema that is there.
#[tokio::test]
async fn who_may_not_change_the_schema_loads_all_the_same() {
    let Some((database, client)) = migrated().await else { return };
    let login = format!("etl_login_{}", std::process::id());
    let create = format!("CREATE ROLE {login} LOGIN PASSWORD 'p' IN ROLE predictiondex_etl");
    client.batch_execute(&create).await.unwrap();
    let mut settings = database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    settings.database.user.clone_from(&login);
    settings.database.password = Password::new("p");
    for changed in [7188, 0] {
        let summary = run(&settings, SHIPPED, &EXPECTED).await.unwrap();
        assert_eq!((summary.loaded.counts, summary.loaded.changed), (EXPECTED, changed));
    }
    client.batch_execute(&format!("DROP ROLE {login}")).await.unwrap();
    database.drop_it().await;
}

#[tokio::test]
async fn a_run_without_a_change_locks_no_row() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    for _ in 0..2 {
        run(&settings, SHIPPED, &EXPECTED).await.unwrap();
    }
    let client = database.connect().await;
    for table in ["moves", "learnsets", "pokemon_types"] {
        // A row that a later transaction locked says so in xmax. (Parents of new rows are locked by the keys of these.)
        let query = format!("SELECT count(*)::text FROM {table} WHERE xmax <> 0 AND xmax <> xmin");
        assert_eq!(texts(&client, &query).await, ["0"], "{table}");
    }
    database.drop_it().await;
}

#[tokio::test]
async fn a_pokemon_that_learns_nothing_rolls_the_run_back() {
    let Some((database, mut client)) = migrated().await else { return };
    let mut alone = shipped();
    alone.pokedex.pokemon[9].learnset.clear();
    let error = load(&mut client, &alone).await.unwrap_err();
    let LoadError::Orphans(orphans) = &error else { panic!("{error:?}") };
    assert_eq!(*orphans, ["pokemon caterpie: it learns no move"]);
    assert_eq!(texts(&client, "SELECT count(*)::text FROM pokemon").await, ["0"]);
    database.drop_it().await;
}
