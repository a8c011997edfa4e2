//! Loading into a real PostgreSQL: idempotence, rollback, exclusion, migrations, and what other services read back.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::time::Duration;

use dex::schema::{self, SchemaError};
use dex::store::{self, StoreError};
use etl::counts::{Counts, EXPECTED};
use etl::load::{Findings, LoadError, Lock, Plan, Source};
use etl::run::{RunError, Summary, run};
use etl::settings::Choice;
use etl::snapshot::{SHIPPED, Snapshot};
use support::{Database, FIXTURE_COUNTS, fixture, serve, texts};

const NOWHERE: &str = "http://127.0.0.1:1/api/v2";

/// Every row of every table of the Pokédex with the transaction that wrote it last.
const VERSIONS: &str = "
    SELECT 't' || t.xmin || row(t.*)::text FROM types t UNION ALL SELECT 'e' || e.xmin || row(e.*)::text FROM type_effectiveness e
    UNION ALL SELECT 's' || s.xmin || row(s.*)::text FROM species s UNION ALL SELECT 'p' || p.xmin || row(p.*)::text FROM pokemon p
    UNION ALL SELECT 'y' || y.xmin || row(y.*)::text FROM pokemon_types y UNION ALL SELECT 'm' || m.xmin || row(m.*)::text FROM moves m
    UNION ALL SELECT 'c' || c.xmin || row(c.*)::text FROM move_stat_changes c
    UNION ALL SELECT 'l' || l.xmin || row(l.*)::text FROM learnsets l UNION ALL SELECT 'v' || v.xmin || row(v.*)::text FROM evolutions v
    UNION ALL SELECT 'h' || h.xmin || row(h.*)::text FROM machines h
    UNION ALL SELECT 'a' || a.xmin || row(a.*)::text FROM move_later_values a ORDER BY 1";
const RUNS: &str = "SELECT concat_ws(' ', source, status, error) FROM etl_runs ORDER BY id";

async fn import(database: &Database) -> Result<Summary, RunError> {
    run(&database.run_settings(Choice::Snapshot, NOWHERE), SHIPPED, &EXPECTED).await
}

/// The shipped snapshot after a change.
fn changed(change: impl FnOnce(&mut dex::pokedex::Pokedex)) -> Vec<u8> {
    let mut snapshot = Snapshot::decode(SHIPPED).unwrap();
    change(&mut snapshot.facts.pokedex);
    snapshot.encode().unwrap().into_bytes()
}

#[tokio::test]
async fn what_is_read_back_is_what_was_loaded() {
    let Some(database) = Database::create().await else { return };
    let summary = import(&database).await.unwrap();
    assert_eq!(summary.migrations, (1..=schema::EXPECTED).collect::<Vec<_>>());
    assert_eq!((summary.loaded.counts, summary.source), (EXPECTED, Source::Snapshot));
    let client = database.connect().await;
    assert_eq!(store::load(&client).await.unwrap(), Snapshot::decode(SHIPPED).unwrap().facts.pokedex);
    let report = etl::check::check(&database.settings, &EXPECTED).await.unwrap();
    assert_eq!(report.last_run.unwrap().status, "loaded");
    database.drop_it().await;
}

#[tokio::test]
async fn a_second_run_writes_nothing() {
    let Some(database) = Database::create().await else { return };
    import(&database).await.unwrap();
    let client = database.connect().await;
    let before = texts(&client, VERSIONS).await;
    let summary = import(&database).await.unwrap();
    assert_eq!((summary.loaded.changed, summary.migrations.len()), (0, 0));
    assert_eq!(texts(&client, VERSIONS).await, before);
    assert_eq!(texts(&client, RUNS).await, ["snapshot loaded", "snapshot unchanged"]);
    let hashes = texts(&client, "SELECT DISTINCT snapshot_sha256 FROM etl_runs").await;
    assert_eq!(hashes.len(), 1, "equal data, equal hash");
    database.drop_it().await;
}

#[tokio::test]
async fn only_what_differs_is_written() {
    let Some(database) = Database::create().await else { return };
    import(&database).await.unwrap();
    let client = database.connect().await;
    // Rows that are wrong, missing, too many, and types in the other order, which is unique only at the end.
    client
        .batch_execute(
            "UPDATE moves SET power = 1 WHERE slug = 'surf'; DELETE FROM learnsets WHERE pokemon_id = 25 AND method = 'machine';
             INSERT INTO moves SELECT 9999, 'hyper-surf', name_en, name_fr, type_id, category, power, accuracy, pp, priority,
                 min_hits, max_hits, drain, healing, crit_rate, flinch_chance, ailment, ailment_chance, stat_chance, effect_class,
                 target FROM moves WHERE slug = 'surf';
             INSERT INTO learnsets VALUES (129, 9999, 'tutor', 0);
             UPDATE pokemon_types SET type_id = (SELECT sum(type_id) FROM pokemon_types WHERE pokemon_id = 1) - type_id
                 WHERE pokemon_id = 1",
        )
        .await
        .unwrap();
    let machines = 19;
    let summary = import(&database).await.unwrap();
    assert_eq!(summary.loaded.changed, 1 + machines + 1 + 1 + 2);
    assert_eq!(store::load(&client).await.unwrap(), Snapshot::decode(SHIPPED).unwrap().facts.pokedex);
    database.drop_it().await;
}

#[tokio::test]
async fn wrong_counts_leave_yesterdays_data() {
    let Some(database) = Database::create().await else { return };
    import(&database).await.unwrap();
    let client = database.connect().await;
    let before = texts(&client, VERSIONS).await;

    let short = changed(|dex| drop(dex.pokemon.pop()));
    let settings = database.run_settings(Choice::Snapshot, NOWHERE);
    let error = run(&settings, &short, &EXPECTED).await.unwrap_err();
    assert!(matches!(error, RunError::Source { .. }), "{error:?}");
    // Counted in memory the data passes; counted in the database, inside the transaction, it does not.
    let mut facts = Snapshot::decode(SHIPPED).unwrap().facts;
    facts.pokedex.pokemon[0].stats.hp = 99;
    let mut writer = database.connect().await;
    let lock = Lock::take(&writer, Duration::from_secs(1)).await.unwrap();
    let started = etl::load::Run::start(&writer, &lock, Source::Snapshot).await.unwrap();
    let impossible = Counts { pokemon: 189, ..EXPECTED };
    let (findings, plan) = (Findings::default(), Plan::default());
    let error =
        etl::load::load(&mut writer, &started, &facts, &findings, &impossible, &plan).await.unwrap_err();
    assert_eq!(error.to_string(), "after loading: wrong counts: 188 pokemon instead of 189; rolled back");

    assert_eq!(texts(&client, VERSIONS).await, before);
    database.drop_it().await;
}

#[tokio::test]
async fn rows_that_break_a_rule_are_recorded_and_few_are_bearable() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, NOWHERE);
    let spoilt = changed(|dex| {
        dex.moves[0].pp = 99;
        dex.moves[1].type_ = dex.moves[2].type_;
    });
    let error = run(&settings, &spoilt, &EXPECTED).await.unwrap_err();
    assert!(matches!(error, RunError::Source { .. }), "{error:?}");
    let client = database.connect().await;
    let rejects =
        texts(&client, "SELECT resource || ': ' || reason FROM etl_rejects ORDER BY id LIMIT 1").await;
    assert_eq!(rejects, ["move pound: its PP is not 1 to 40"]);

    // A surplus row that breaks a rule is refused and the rest is whole.
    let surplus = changed(|dex| {
        let twice = dex.moves[0].clone();
        dex.moves.insert(1, twice);
    });
    let summary = run(&settings, &surplus, &EXPECTED).await.unwrap();
    assert_eq!((summary.rejects, summary.loaded.counts), (1, EXPECTED));
    let recorded = texts(
        &client,
        "SELECT resource FROM etl_rejects WHERE run_id = (SELECT max(id) FROM etl_runs WHERE status = 'loaded')",
    )
    .await;
    assert_eq!(recorded, ["move pound"]);
    database.drop_it().await;
}

#[tokio::test]
async fn runs_at_the_same_time_take_turns() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, NOWHERE);
    let runs = (0..4).map(|_| run(&settings, SHIPPED, &EXPECTED));
    let summaries: Vec<Summary> = futures_util::future::try_join_all(runs).await.unwrap();
    let writers = summaries.iter().filter(|summary| summary.loaded.changed > 0).count();
    assert_eq!(writers, 1, "one loads, the others find nothing to do");
    assert_eq!(summaries.iter().filter(|s| !s.migrations.is_empty()).count(), 1);
    database.drop_it().await;
}

#[tokio::test]
async fn a_run_does_not_wait_for_ever_for_another() {
    let Some(database) = Database::create().await else { return };
    let holder = database.connect().await;
    let _held = Lock::take(&holder, Duration::from_secs(1)).await.unwrap();
    let mut settings = database.run_settings(Choice::Snapshot, NOWHERE);
    settings.lock_wait = Duration::from_millis(100);
    let error = run(&settings, SHIPPED, &EXPECTED).await.unwrap_err();
    assert!(matches!(error, RunError::Load(LoadError::Busy { .. })) && error.is_timeout(), "{error:?}");
    drop(holder);
    settings.lock_wait = Duration::from_secs(30);
    run(&settings, SHIPPED, &EXPECTED).await.unwrap();
    database.drop_it().await;
}

#[tokio::test]
async fn a_killed_run_is_closed_by_the_next() {
    let Some(database) = Database::create().await else { return };
    import(&database).await.unwrap();
    let killed = database.connect().await;
    let lock = Lock::take(&killed, Duration::from_secs(1)).await.unwrap();
    etl::load::Run::start(&killed, &lock, Source::Live).await.unwrap();
    drop(killed);
    import(&database).await.unwrap();
    let client = database.connect().await;
    assert_eq!(
        texts(&client, RUNS).await,
        ["snapshot loaded", "live failed interrupted", "snapshot unchanged"]
    );
    database.drop_it().await;
}

#[tokio::test]
async fn live_data_loads_and_auto_falls_back_to_the_snapshot() {
    let Some(database) = Database::create().await else { return };
    let instance = serve(fixture(), |_, _| None).await;
    let live = run(&database.run_settings(Choice::Live, &instance.base_url), SHIPPED, &FIXTURE_COUNTS)
        .await
        .unwrap();
    assert_eq!((live.source, live.loaded.counts), (Source::Live, FIXTURE_COUNTS));

    // The instance answers, but with another number of Pokémon than the games have.
    let auto =
        run(&database.run_settings(Choice::Auto, &instance.base_url), SHIPPED, &EXPECTED).await.unwrap();
    assert_eq!((auto.source, auto.loaded.counts), (Source::Snapshot, EXPECTED));
    let live = run(&database.run_settings(Choice::Live, NOWHERE), SHIPPED, &EXPECTED).await.unwrap_err();
    assert!(matches!(live, RunError::Source { origin: Source::Live, .. }), "{live:?}");

    let client = database.connect().await;
    let runs = texts(&client, "SELECT source || ' ' || status FROM etl_runs ORDER BY id").await;
    assert_eq!(runs, ["live loaded", "live failed", "snapshot loaded", "live failed"]);
    database.drop_it().await;
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    let Some(database) = Database::create().await else { return };
    let mut client = database.connect().await;
    assert_eq!(schema::version(&client).await.unwrap(), 0);
    assert_eq!(schema::migrate(&mut client).await.unwrap().len(), schema::checksums().len());
    assert_eq!(schema::version(&client).await.unwrap(), schema::EXPECTED);
    assert_eq!(schema::migrate(&mut client).await.unwrap(), Vec::<i32>::new());
    client.execute("UPDATE schema_migrations SET sha256 = 'other' WHERE version = 1", &[]).await.unwrap();
    let error = schema::migrate(&mut client).await.unwrap_err();
    assert!(
        matches!(&error, SchemaError::Changed { version: 1, applied, .. } if applied == "other"),
        "{error:?}"
    );
    database.drop_it().await;
}

#[tokio::test]
async fn readers_name_what_the_database_lacks() {
    let Some(database) = Database::create().await else { return };
    let mut client = database.connect().await;
    let error = store::load(&client).await.unwrap_err();
    assert!(matches!(error, StoreError::Schema(SchemaError::Older { found: 0 })), "{error:?}");
    schema::migrate(&mut client).await.unwrap();
    assert!(matches!(store::load(&client).await.unwrap_err(), StoreError::Empty));
    client
        .execute("INSERT INTO schema_migrations VALUES ($1, 'later', 'x')", &[&(schema::EXPECTED + 1)])
        .await
        .unwrap();
    for error in [
        schema::migrate(&mut client).await.unwrap_err(),
        schema::require_expected(&client).await.unwrap_err(),
    ] {
        assert!(matches!(error, SchemaError::Newer { .. }), "{error:?}");
    }
    database.drop_it().await;
}

/// The schema itself refuses what the domain forbids, whoever writes.
#[tokio::test]
async fn constraints_hold_without_the_etl() {
    let Some(database) = Database::create().await else { return };
    import(&database).await.unwrap();
    let client = database.connect().await;
    for statement in [
        "UPDATE pokemon SET hp = 0 WHERE id = 1",
        "UPDATE pokemon SET slug = 'pikachu' WHERE id = 1",
        "UPDATE pokemon SET form = 'base' WHERE id = 10100",
        "UPDATE pokemon SET species_id = 999 WHERE id = 1",
        "UPDATE pokemon_types SET type_id = 12 WHERE pokemon_id = 1",
        "INSERT INTO pokemon_types VALUES (25, 3, 1)",
        "UPDATE type_effectiveness SET halves = 3",
        "UPDATE moves SET power = 40 WHERE slug = 'recover'",
        "UPDATE moves SET max_hits = 1 WHERE min_hits = 2",
        "INSERT INTO move_stat_changes VALUES (1, 'charm', 1)",
        "INSERT INTO learnsets VALUES (1, 1, 'machine', 5)",
        "DELETE FROM moves WHERE slug = 'tackle'",
        "INSERT INTO etl_runs (source, status) VALUES ('snapshot', 'loaded')",
    ] {
        let error = client.batch_execute(statement).await.expect_err(statement);
        let class = error.code().unwrap().code();
        assert!(class.starts_with("23"), "{statement}: {error:?}");
    }
    database.drop_it().await;
}
