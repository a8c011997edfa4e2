//! Both live sources into the database, what they leave there, and what they ask a second time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use etl::counts::EXPECTED;
use etl::load::{Plan, Source};
use etl::pokeapi::Client;
use etl::run::{Options, run, run_with};
use etl::settings::{Choice, Settings};
use etl::snapshot::{SHIPPED, Snapshot};

use super::dump::dump;
use super::support::web::{self, Reply, Web};
use super::support::{Database, FIXTURE_COUNTS, brisk, fixture, live, texts};

/// The fixture's `PokéAPI` and pages that say what it says.
pub(crate) async fn fixture_sites() -> (Web, Web) {
    let pokeapi = web::serve(|request| web::pokeapi(&fixture(), request)).await;
    let client = Client::new(&format!("{}/api/v2", pokeapi.origin), brisk()).unwrap();
    let (facts, _) = etl::source::read(&client, &FIXTURE_COUNTS).await.unwrap();
    let pages = web::pokepedia(&facts.pokedex);
    let pokepedia = web::serve(move |request| match pages.get(&request.path) {
        Some(page) => web::validated(request, Reply::html(page.clone())),
        None => Reply::of(404, "text/html", "x"),
    })
    .await;
    pokeapi.asked.lock().unwrap().clear();
    (pokeapi, pokepedia)
}

pub(crate) fn settings(database: &Database, pokeapi: &Web, pokepedia: Option<&Web>) -> Settings {
    let mut settings = database.run_settings(Choice::Live, "");
    let pokepedia = pokepedia.map(|web| web.origin.as_str());
    settings.live = live(&format!("{}/api/v2", pokeapi.origin), pokepedia);
    settings
}

pub(crate) fn shared() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let found = root.join("pokeapi/api/v2").is_dir() && root.join("pokepedia/site").is_dir();
    if !found {
        eprintln!("skipped: {} is not there", root.display());
    }
    found.then_some(root)
}

/// `PokéAPI`'s listings as their server pages them; links may stay absolute, the client re-bases them.
pub(crate) fn shared_pokeapi(root: &Path, request: &web::Request) -> Reply {
    let mut request = request.clone();
    // Some moves are asked by name.
    for (name, id) in [("pika-papow", "732"), ("struggle", "165"), ("veevee-volley", "741")] {
        request.path = request.path.replace(&format!("/move/{name}"), &format!("/move/{id}"));
    }
    web::file(root, "json", &request)
}

#[tokio::test]
async fn the_live_sources_and_the_snapshot_leave_the_same_content() {
    let (Some(database), Some(root)) = (Database::create().await, shared()) else { return };
    let (api_root, site_root) = (root.join("pokeapi"), root.join("pokepedia/site"));
    let pokeapi = web::serve(move |request| shared_pokeapi(&api_root, request)).await;
    let pokepedia = web::serve(move |request| web::file(&site_root, "html", request)).await;
    let from_live = run(&settings(&database, &pokeapi, Some(&pokepedia)), SHIPPED, &EXPECTED).await.unwrap();
    assert_eq!((from_live.source, from_live.rejects), (Source::Live, 0));
    let client = database.connect().await;
    let live_content = dump(&client).await;
    let documents =
        texts(&client, "SELECT source || ' ' || count(*) FROM etl_documents GROUP BY source ORDER BY 1")
            .await;
    assert_eq!(documents.len(), 2, "{documents:?}");
    database.drop_it().await;

    let other = Database::create().await.unwrap();
    run(&other.run_settings(Choice::Snapshot, "http://127.0.0.1:1"), SHIPPED, &EXPECTED).await.unwrap();
    let snapshot_content = dump(&other.connect().await).await;
    assert!(live_content == snapshot_content, "the contents differ");
    assert_eq!(snapshot_content.len(), 7188);
    // Over what the snapshot left, the live sources find nothing to do.
    let again = run(&settings(&other, &pokeapi, Some(&pokepedia)), SHIPPED, &EXPECTED).await.unwrap();
    assert_eq!(again.loaded.changed, 0);
    other.drop_it().await;
}

#[tokio::test]
async fn a_second_run_asks_only_whether_anything_changed() {
    let Some(database) = Database::create().await else { return };
    let (pokeapi, pokepedia) = fixture_sites().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&database, &pokeapi, Some(&pokepedia));
    settings.live.cache = Some(folder.path().to_owned());

    run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
    let (first, pages) = (pokeapi.count(), pokepedia.count());
    run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
    assert_eq!(pokeapi.count(), first, "fresh documents are not asked for");

    settings.live.cache_fresh_for = Duration::ZERO;
    let refreshed = run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
    assert_eq!(refreshed.loaded.changed, 0);
    let asked = pokeapi.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2 * first);
    assert!(asked[first..].iter().all(|request| request.if_none_match.is_some()), "every one is conditional");
    assert!(pokepedia.count() > pages);
    let client = database.connect().await;
    let runs = texts(&client, "SELECT DISTINCT run_id::text FROM etl_documents").await;
    assert_eq!(runs, ["1"], "documents that did not change keep the run that saw them first");
    database.drop_it().await;
}

#[tokio::test]
async fn a_killed_crawl_goes_on_where_it_was() {
    let Some(database) = Database::create().await else { return };
    let (pokeapi, _) = fixture_sites().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&database, &pokeapi, None);
    settings.live.cache = Some(folder.path().to_owned());
    let enough = async {
        while pokeapi.count() < 20 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = run(&settings, SHIPPED, &FIXTURE_COUNTS) => panic!("it ended before it was killed"),
        () = enough => {}
    }
    let before = pokeapi.count();
    run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
    let in_flight = 8;
    let whole = super::support::fixture().len();
    assert!(pokeapi.count() <= whole + in_flight + 2, "{} asked, {before} before", pokeapi.count());
    database.drop_it().await;
}

#[tokio::test]
async fn a_dry_run_tells_and_changes_nothing() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    run(&settings, SHIPPED, &EXPECTED).await.unwrap();
    let client = database.connect().await;
    client.batch_execute("UPDATE moves SET power = 1 WHERE slug = 'surf'").await.unwrap();
    let before = dump(&client).await;
    let options = Options { dry_run: true, ..Options::default() };
    let summary = run_with(&settings, SHIPPED, &EXPECTED, &options).await.unwrap();
    let changes: Vec<String> =
        summary.loaded.changes.iter().map(|c| format!("{} {} {}", c.what.name(), c.table, c.key)).collect();
    assert_eq!(changes, ["update moves 57"]);
    assert_eq!(dump(&client).await, before);
    assert_eq!(texts(&client, "SELECT status FROM etl_runs").await, ["loaded"], "no run is recorded");
    database.drop_it().await;
}

#[tokio::test]
async fn only_the_chosen_tables_are_written() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    run(&settings, SHIPPED, &EXPECTED).await.unwrap();
    let client = database.connect().await;
    let spoil = "UPDATE moves SET power = 1 WHERE slug = 'surf'; UPDATE pokemon SET hp = 1 WHERE id = 1";
    client.batch_execute(spoil).await.unwrap();
    let plan = Plan { only: vec!["moves".to_owned()], ..Plan::default() };
    let options = Options { plan, dry_run: false };
    let summary = run_with(&settings, SHIPPED, &EXPECTED, &options).await.unwrap();
    assert_eq!(summary.loaded.changed, 1);
    let left = texts(&client, "SELECT hp::text FROM pokemon WHERE id = 1").await;
    assert_eq!(left, ["1"]);
    database.drop_it().await;
}

#[tokio::test]
async fn disagreements_are_recorded_and_what_was_loaded_is_pokeapis() {
    let Some(database) = Database::create().await else { return };
    let (pokeapi, pokepedia) = fixture_sites().await;
    let client = Client::new(&format!("{}/api/v2", pokeapi.origin), brisk()).unwrap();
    let (mut facts, _) = etl::source::read(&client, &FIXTURE_COUNTS).await.unwrap();
    let expected = facts.clone();
    facts.pokedex.pokemon[0].learnset[0].level = 50;
    let pages = web::pokepedia(&facts.pokedex);
    drop(pokepedia);
    let wrong = web::serve(move |request| match pages.get(&request.path) {
        Some(page) => Reply::html(page.clone()),
        None => Reply::of(404, "text/html", "x"),
    })
    .await;
    let settings = settings(&database, &pokeapi, Some(&wrong));
    let error = run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap_err();
    // One of the few rows of the fixture is more than can be believed.
    let said = super::faults::chain(&error);
    assert!(said.contains("PokéAPI and Poképédia disagree about 1 of "), "{said}");
    let sql = database.connect().await;
    assert_eq!(texts(&sql, "SELECT status FROM etl_runs").await, ["failed"]);
    let testimony = etl::pokepedia::read(
        &wrong.origin,
        brisk(),
        || None,
        &expected.pokedex,
        &etl::progress::Progress::silent(),
    )
    .await
    .unwrap();
    let comparison = etl::reconcile::compare(&expected.pokedex, &testimony);
    assert_eq!(comparison.differing(), 1);
    database.drop_it().await;
}

#[tokio::test]
async fn what_is_read_back_is_what_was_loaded() {
    let Some(database) = Database::create().await else { return };
    let settings = database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    run(&settings, SHIPPED, &EXPECTED).await.unwrap();
    let client = database.connect().await;
    assert_eq!(etl::load::read(&client).await.unwrap(), Snapshot::decode(SHIPPED).unwrap().facts);
    let freshness = etl::load::freshness(&client).await.unwrap().unwrap();
    assert_eq!((freshness.rejects, freshness.failures_since), (0, 0));
    database.drop_it().await;
}

/// Readers cannot write, and the ETL's role cannot change the schema.
#[tokio::test]
async fn roles_may_do_what_they_need_and_no_more() {
    let Some(database) = Database::create().await else { return };
    run(&database.run_settings(Choice::Snapshot, "http://127.0.0.1:1"), SHIPPED, &EXPECTED).await.unwrap();
    for (role, allowed, refused) in [
        ("predictiondex_reader", "SELECT count(*) FROM learnsets", "UPDATE moves SET power = 1"),
        ("predictiondex_reader", "SELECT * FROM etl_freshness", "INSERT INTO types VALUES (1)"),
        ("predictiondex_etl", "UPDATE moves SET pp = pp", "DROP TABLE moves"),
        ("predictiondex_etl", "DELETE FROM etl_rejects", "UPDATE sources SET role = 'authority'"),
    ] {
        let client = database.connect().await;
        client.batch_execute(&format!("SET ROLE {role}")).await.unwrap();
        client.batch_execute(allowed).await.unwrap();
        let error = client.batch_execute(refused).await.expect_err(refused);
        assert_eq!(error.code().unwrap().code(), "42501", "{role}: {refused}");
    }
    database.drop_it().await;
}
