//! The fault matrix: whatever the sources, the database, the disk or the clock do, a run retries, refuses with a reason, or ends with a
//! clear message; and what was loaded yesterday stays.

use std::sync::Arc;
use std::time::Duration;

use etl::counts::EXPECTED;
use etl::run::{RunError, run};
use etl::settings::Choice;
use etl::snapshot::SHIPPED;
use serde_json::{Value, json};

use super::dump::dump;
use super::sources::{fixture_sites, settings};
use super::support::web::{self, Reply, Request, Web};
use super::support::{Database, FIXTURE_COUNTS, Site, fixture, texts};

/// Yesterday's data and a way to see that it stays.
struct Night {
    database: Database,
    before: Vec<String>,
}

impl Night {
    async fn begin() -> Option<Self> {
        let database = Database::create().await?;
        let (pokeapi, _) = fixture_sites().await;
        run(&settings(&database, &pokeapi, None), SHIPPED, &FIXTURE_COUNTS).await.unwrap();
        let before = dump(&database.connect().await).await;
        Some(Self { database, before })
    }

    async fn end(self) {
        let client = self.database.connect().await;
        assert_eq!(dump(&client).await, self.before, "yesterday's data stays");
        let running = texts(&client, "SELECT id::text FROM etl_runs WHERE status = 'running'").await;
        assert_eq!(running, Vec::<String>::new(), "every run is closed");
        self.database.drop_it().await;
    }
}

/// The fixture after a change.
fn changed(change: impl FnOnce(&mut Site)) -> Arc<Site> {
    let mut site = fixture();
    change(&mut site);
    Arc::new(site)
}

/// A `PokéAPI` that answers a request otherwise where told.
async fn faulty(respond: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static) -> Web {
    let site = Arc::new(fixture());
    web::serve(move |request| respond(request, web::pokeapi(&site, request))).await
}

#[tokio::test]
async fn what_passes_is_tried_again_and_loads() {
    let Some(night) = Night::begin().await else { return };
    let third = faulty(|request, reply| match request.number % 3 {
        2 => Reply::of(503, "text/plain", "busy"),
        _ => reply,
    })
    .await;
    let cut = faulty(|request, reply| Reply { is_cut: request.number % 4 == 1, ..reply }).await;
    let truncated = faulty(|request, mut reply| {
        if request.number % 4 == 1 {
            reply.body.truncate(reply.body.len() / 2);
        }
        reply
    })
    .await;
    let login = faulty(|request, reply| match request.number % 4 {
        1 => Reply::html("<html>Please log in</html>"),
        _ => reply,
    })
    .await;
    for (name, web) in [("503", third), ("cut", cut), ("truncated", truncated), ("login page", login)] {
        let mut settings = settings(&night.database, &web, None);
        settings.live.politeness.attempts = 8;
        let summary = run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
        assert_eq!((summary.loaded.changed, summary.rejects), (0, 0), "{name}");
    }
    night.end().await;
}

#[tokio::test]
async fn what_lasts_ends_the_run_with_its_name() {
    let Some(night) = Night::begin().await else { return };
    let is_type_3 = |request: &Request| request.path.ends_with("/type/3");
    for (reply, message) in [
        (Reply::of(503, "text/plain", "busy"), "type/3 answered 503 Service Unavailable"),
        (
            Reply::html("<html>Please log in</html>"),
            "type/3 answered \"text/html; charset=utf-8\" where JSON is expected",
        ),
        (Reply::of(200, "image/png", "x"), "type/3 answered \"image/png\" where JSON is expected"),
        (Reply::json(vec![b'x'; 9 << 20]), "type/3 answered more than 8 MiB"),
        (Reply::json("{\"id\": 3, \"na"), "first type/3: not JSON"),
        (
            Reply::json(b"{\"id\":3,\"name\":\"\xff\xfe\"}".to_vec()),
            "first type/3: invalid unicode code point",
        ),
    ] {
        let web = faulty(move |request, usual| if is_type_3(request) { reply.clone() } else { usual }).await;
        let error = run(&settings(&night.database, &web, None), SHIPPED, &FIXTURE_COUNTS).await.unwrap_err();
        let said = chain(&error);
        assert!(said.contains(message), "{message}: {said}");
    }
    night.end().await;
}

#[tokio::test]
async fn documents_that_break_a_rule_are_refused_by_name() {
    let Some(night) = Night::begin().await else { return };
    let at = |site: &mut Site, path: &str, pointer: &str, value: Value| {
        *site.get_mut(path).unwrap().pointer_mut(pointer).unwrap() = value;
    };
    let cases: Vec<(&str, Arc<Site>)> = vec![
        ("pokemon/26: no stat \"speed\"", {
            changed(|s| drop(s.get_mut("pokemon/26").unwrap()["stats"].as_array_mut().unwrap().pop()))
        }),
        ("move/84: invalid value", changed(|s| at(s, "move/84", "/power", json!(-40)))),
        ("move/84: unknown type \"sound\"", changed(|s| at(s, "move/84", "/type/name", json!("sound")))),
        ("its id or identifier is there twice", changed(|s| at(s, "move/84", "/name", json!("tail-whip")))),
        ("move/39: no name in language en", changed(|s| at(s, "move/39", "/names", json!([])))),
    ];
    for (message, site) in cases {
        let web = web::serve(move |request| web::pokeapi(&site, request)).await;
        let error = run(&settings(&night.database, &web, None), SHIPPED, &FIXTURE_COUNTS).await.unwrap_err();
        assert!(matches!(error, RunError::Source { .. }), "{error:?}");
        let client = night.database.connect().await;
        let refused = texts(
            &client,
            "SELECT source || ' ' || resource || ': ' || reason FROM etl_rejects WHERE run_id = (SELECT max(id) FROM etl_runs)",
        )
        .await;
        assert!(refused.iter().any(|line| line.contains(message)), "{message}: {refused:?}");
    }
    night.end().await;
}

#[tokio::test]
async fn a_page_that_is_no_witness_costs_its_word_and_nothing_else() {
    let Some(night) = Night::begin().await else { return };
    let (pokeapi, good) = fixture_sites().await;
    drop(good);
    for (reply, message) in [
        (
            Reply::html("<html><h3 id=\"Par_CT\">x</h3></html>"),
            "table Par_montée_en_niveau: there is no such table of the games",
        ),
        (Reply::html(b"<html>\xc9volution</html>".to_vec()), "table page: it is not UTF-8"),
        (Reply::of(200, "application/pdf", "x"), "where HTML is expected"),
        (Reply::of(404, "text/html", "x"), "Pikachu/Génération_7: not found"),
    ] {
        let web = web::serve(move |request| {
            if request.path == "/robots.txt" { Reply::of(404, "text/plain", "x") } else { reply.clone() }
        })
        .await;
        let summary =
            run(&settings(&night.database, &pokeapi, Some(&web)), SHIPPED, &FIXTURE_COUNTS).await.unwrap();
        assert_eq!(summary.loaded.changed, 0);
        let client = night.database.connect().await;
        let refused = texts(
            &client,
            "SELECT resource || ': ' || reason FROM etl_rejects WHERE source = 'pokepedia' AND run_id = (SELECT max(id) FROM etl_runs)",
        )
        .await;
        assert!(refused.iter().any(|line| line.contains(message)), "{message}: {refused:?}");
    }
    // And a site that is down is a warning.
    let mut nobody = settings(&night.database, &pokeapi, None);
    nobody.live.pokepedia = Some("http://127.0.0.1:1".to_owned());
    assert_eq!(run(&nobody, SHIPPED, &FIXTURE_COUNTS).await.unwrap().loaded.changed, 0);
    night.end().await;
}

#[tokio::test]
async fn a_cache_that_cannot_be_written_is_no_failure() {
    let Some(night) = Night::begin().await else { return };
    let (pokeapi, _) = fixture_sites().await;
    let mut settings = settings(&night.database, &pokeapi, None);
    // Full, for whoever writes to it; no folder, and a file where the folder should be.
    let file = tempfile::NamedTempFile::new().unwrap();
    for folder in ["/dev/full", "/proc/none", file.path().to_str().unwrap()] {
        settings.live.cache = Some(folder.into());
        assert_eq!(run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap().loaded.changed, 0, "{folder}");
    }
    night.end().await;
}

#[tokio::test]
async fn a_database_that_goes_away_in_the_middle_is_said_and_the_next_run_goes_on() {
    let Some(night) = Night::begin().await else { return };
    let (pokeapi, _) = fixture_sites().await;
    let settings = settings(&night.database, &pokeapi, None);
    let admin = night.database.connect().await;
    let cut = async {
        while pokeapi.count() < 20 {
            tokio::task::yield_now().await;
        }
        let kill = "SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()";
        assert_eq!(texts(&admin, kill).await, ["1"]);
    };
    let (outcome, ()) = tokio::join!(run(&settings, SHIPPED, &FIXTURE_COUNTS), cut);
    let error = outcome.unwrap_err();
    assert!(matches!(error, RunError::Load(_)), "{error:?}");
    assert_eq!(run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap().loaded.changed, 0);
    let runs = texts(&admin, "SELECT concat_ws(' ', status, error) FROM etl_runs ORDER BY id").await;
    assert_eq!(runs, ["loaded", "failed interrupted", "unchanged"]);
    drop(admin);
    night.end().await;
}

#[tokio::test]
async fn a_database_that_comes_late_is_waited_for_and_one_that_does_not_is_said() {
    let Some(night) = Night::begin().await else { return };
    let mut settings = night.database.run_settings(Choice::Snapshot, "http://127.0.0.1:1");
    settings.database.port = 1;
    settings.database_wait = Duration::from_millis(200);
    let error = run(&settings, SHIPPED, &EXPECTED).await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(chain(&error).starts_with("the database did not answer within 0 s: "), "{}", chain(&error));
    night.end().await;
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
