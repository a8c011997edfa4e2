//! Clocks that are wrong, and caches that cannot take any more, on the built program and real servers.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use etl::run::run;
use etl::snapshot::SHIPPED;
use tokio::process::Command;
use tokio::time::Instant;

use super::diff::shared_sites;
use super::sources::{fixture_sites, settings};
use super::support::web::{self, Reply};
use super::support::{Database, FIXTURE_COUNTS, fixture, texts};

/// A server twenty years ahead of us, or behind, asks for a pause until a date: what counts is how far that is from its own now.
#[tokio::test]
async fn a_date_to_come_back_at_is_read_against_the_servers_clock() {
    let Some(database) = Database::create().await else { return };
    for day in ["Wed, 01 Feb 2006", "Thu, 01 Feb 2046"] {
        let site = Arc::new(fixture());
        let web = web::serve(move |request| match request.number {
            1 => Reply {
                headers: format!("Date: {day} 10:00:00 GMT\r\nRetry-After: {day} 10:00:03 GMT\r\n"),
                ..Reply::of(503, "text/plain", "busy")
            },
            _ => web::pokeapi(&site, request),
        })
        .await;
        let begin = Instant::now();
        run(&settings(&database, &web, None), SHIPPED, &FIXTURE_COUNTS).await.unwrap();
        let passed = begin.elapsed();
        let right = Duration::from_secs(3)..Duration::from_secs(20);
        assert!(right.contains(&passed), "{day}: three seconds were asked for, {passed:?} passed");
    }
    database.drop_it().await;
}

/// Documents that were kept by a clock that was ahead would stay fresh for as long as it was wrong.
#[tokio::test]
async fn documents_kept_in_the_future_are_asked_for() {
    let Some(database) = Database::create().await else { return };
    let (pokeapi, _) = fixture_sites().await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(&database, &pokeapi, None);
    settings.live.cache = Some(folder.path().to_owned());
    run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
    let first = pokeapi.count();
    let mut files = 0;
    for shelf in std::fs::read_dir(folder.path()).unwrap() {
        for file in std::fs::read_dir(shelf.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(&path, text.replacen("\"checked_at_s\":", "\"checked_at_s\":9", 1)).unwrap();
            files += 1;
        }
    }
    assert_eq!(files, first, "a file for each document");
    let again = run(&settings, SHIPPED, &FIXTURE_COUNTS).await.unwrap();
    assert_eq!((again.loaded.changed, pokeapi.count()), (0, 2 * first));
    let asked = pokeapi.asked.lock().unwrap().clone();
    assert!(
        asked[first..].iter().all(|request| request.if_none_match.is_some()),
        "only whether they changed"
    );
    database.drop_it().await;
}

/// The program with its cache on a file system of its own, which ends with it; `None` where this machine gives us none.
async fn on_a_disk(
    options: &str,
    folder: &Path,
    environment: &[(&str, String)],
) -> Option<std::process::Output> {
    let script = "mount -t tmpfs -o \"$1\" none \"$2\" || exit 99; exec \"$3\" run";
    let output = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", script, "sh", options])
        .arg(folder)
        .arg(env!("CARGO_BIN_EXE_etl"))
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .envs(environment.iter().map(|(name, value)| (*name, value.as_str())))
        .output()
        .await;
    match output {
        Ok(output) if output.status.code() != Some(99) => Some(output),
        other => {
            eprintln!("skipped: no file system can be mounted here: {other:?}");
            None
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_full_or_read_only_is_said_once_and_everything_loads() {
    let Some(database) = Database::create().await else { return };
    let Some((pokeapi, pokepedia)) = shared_sites(|_, body| body).await else { return };
    let folder = tempfile::tempdir().unwrap();
    let db = &database.settings;
    let environment = [
        ("POSTGRES_HOST", db.host.clone()),
        ("POSTGRES_PORT", db.port.to_string()),
        ("POSTGRES_DB", db.database.clone()),
        ("POSTGRES_USER", db.user.clone()),
        ("POSTGRES_PASSWORD", db.password.expose().to_owned()),
        ("ETL_SOURCE", "live".to_owned()),
        ("POKEAPI_BASE_URL", format!("{}/api/v2", pokeapi.origin)),
        ("POKEPEDIA_BASE_URL", pokepedia.origin.clone()),
        ("POKEPEDIA_INTERVAL_MS", "0".to_owned()),
        ("ETL_CACHE_DIR", folder.path().display().to_string()),
    ];
    for (options, words) in [("size=256k", "No space left on device"), ("ro", "Read-only file system")] {
        let Some(output) = on_a_disk(options, folder.path(), &environment).await else { return };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        // Once for each of the two sources.
        assert_eq!(stderr.matches(words).count(), 2, "{stderr}");
        assert!(stderr.contains("going on without"), "{stderr}");
    }
    let client = database.connect().await;
    assert_eq!(texts(&client, "SELECT status FROM etl_runs ORDER BY id").await, ["loaded", "unchanged"]);
    database.drop_it().await;
}
