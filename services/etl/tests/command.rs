//! The built command: what it prints where, and its exit codes.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod support;

use std::process::Output;

use support::Database;
use tokio::process::Command;

async fn etl(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_etl"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .await
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn bad_settings_are_one_line_and_exit_2() {
    let database = [("POSTGRES_DB", "d"), ("POSTGRES_USER", "u"), ("POSTGRES_PASSWORD", "hunter2")];
    for (extra, message) in [
        (("POSTGRES_PORT", "http"), "error: POSTGRES_PORT is \"http\", which is not a port (1 to 65535)\n"),
        (("ETL_SOURCE", "web"), "error: ETL_SOURCE is \"web\", which is not snapshot, live or auto\n"),
        (
            ("PDEX_LOG", "etl=loud"),
            "error: PDEX_LOG is \"etl=loud\", which is not a log filter such as info or etl=debug\n",
        ),
        (("POSTGRES_DB", ""), "error: POSTGRES_DB is not set\n"),
    ] {
        let mut environment = database.to_vec();
        environment.push(extra);
        let output = etl(&[], &environment).await;
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), message));
        assert_eq!(text(&output.stdout), "");
    }
    let output = etl(&["export", "--output", "/dev/null"], &[("POKEAPI_BASE_URL", "pokeapi")]).await;
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    assert_eq!(etl(&["exprot"], &[]).await.status.code(), Some(2));
}

#[tokio::test]
async fn a_database_that_never_answers_is_exit_5() {
    let environment = [
        ("POSTGRES_HOST", "127.0.0.1"),
        ("POSTGRES_PORT", "1"),
        ("POSTGRES_DB", "d"),
        ("POSTGRES_USER", "u"),
        ("POSTGRES_PASSWORD", "hunter2"),
        ("ETL_DB_WAIT_S", "0"),
    ];
    let output = etl(&["run"], &environment).await;
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(5), "{stderr}");
    assert!(stderr.starts_with("error: the database did not answer within 0 s: "), "{stderr}");
    assert!(!stderr.contains("hunter2"), "{stderr}");
}

#[tokio::test]
async fn an_export_that_fails_writes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snapshot.json");
    let instance = support::serve(support::fixture(), |_, _| None).await;
    let output =
        etl(&["export", "--output", file.to_str().unwrap()], &[("POKEAPI_BASE_URL", &instance.base_url)])
            .await;
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.starts_with("error: wrong counts: 3 species instead of 153, 6 pokemon instead of 188"),
        "{stderr}"
    );
    assert!(!file.exists());
}

#[tokio::test]
async fn run_and_check_say_what_the_database_holds() {
    let Some(database) = Database::create().await else { return };
    let port = database.settings.port.to_string();
    let environment = [
        ("POSTGRES_HOST", database.settings.host.as_str()),
        ("POSTGRES_PORT", &port),
        ("POSTGRES_DB", &database.settings.database),
        ("POSTGRES_USER", &database.settings.user),
        ("POSTGRES_PASSWORD", database.settings.password.expose()),
    ];
    let empty = etl(&["check"], &environment).await;
    assert_eq!(empty.status.code(), Some(1));
    assert_eq!(
        text(&empty.stderr),
        "error: the database has schema version 0 and this program needs 3: run the etl\n"
    );

    for first_words in
        ["7188 rows changed (source snapshot, 0 rejects, ", "unchanged (source snapshot, 0 rejects, "]
    {
        let output = etl(&[], &environment).await;
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with(first_words), "{}", text(&output.stdout));
        assert_eq!(text(&output.stderr), "");
    }
    let check = etl(&["check"], &environment).await;
    assert_eq!(check.status.code(), Some(0));
    assert!(text(&check.stdout).contains("153 species, 188 pokemon, 226 moves"), "{}", text(&check.stdout));

    let again = etl(&["migrate"], &environment).await;
    assert_eq!((again.status.code(), text(&again.stdout)), (Some(0), "schema version 3: nothing to apply\n"));

    let mut wrong = environment;
    wrong[4].1 = "not-the-password";
    let refused = etl(&[], &wrong).await;
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("password authentication failed"), "{}", text(&refused.stderr));
    database.drop_it().await;
}

#[tokio::test]
async fn migrate_makes_the_schema_and_loads_nothing() {
    let Some(database) = Database::create().await else { return };
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, format!("{}\n", database.settings.password.expose())).unwrap();
    let port = database.settings.port.to_string();
    let environment = [
        ("POSTGRES_HOST", database.settings.host.as_str()),
        ("POSTGRES_PORT", &port),
        ("POSTGRES_DB", &database.settings.database),
        ("POSTGRES_USER", &database.settings.user),
        ("POSTGRES_PASSWORD_FILE", password.to_str().unwrap()),
    ];
    let output = etl(&["migrate"], &environment).await;
    assert_eq!(
        (output.status.code(), text(&output.stdout)),
        (Some(0), "schema version 3: applied 1, 2, 3\n"),
        "{}",
        text(&output.stderr)
    );
    let check = etl(&["check"], &environment).await;
    assert_eq!(check.status.code(), Some(1), "there is no data yet: {}", text(&check.stderr));
    database.drop_it().await;
}
