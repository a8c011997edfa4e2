//! A stack that has data takes on the production profile, is lost, comes back from its backup, and takes the profile off again.

use crate::stage::{Stage, docker};

/// What is counted in each database: rows that the ETL loaded and the trainer recorded.
const COUNTED: [(&str, &str); 3] = [
    ("letsgo_db", "SELECT count(*) FROM learnsets"),
    ("mlflow", "SELECT count(*) FROM runs"),
    ("mlflow", "SELECT count(*) FROM model_versions"),
];

fn counts(stage: &Stage) -> Vec<u32> {
    let database = stage.container("db");
    let count = |(name, query): (&str, &str)| {
        let said = docker(&["exec", &database, "psql", "-XAt", "-U", "letsgo_user", "-d", name, "-c", query]);
        said.text.trim().parse().unwrap_or_else(|_| panic!("{query}: {}", said.text))
    };
    COUNTED.map(count).to_vec()
}

#[test]
fn a_stack_that_has_data_keeps_them_in_production_and_back() {
    if std::env::var("PDEX_TEST_PRODUCTION").is_err() {
        eprintln!("skipped: `make test-production` runs the production profile on Docker");
        return;
    }
    let stage = Stage::new("switch");
    assert!(stage.without_profile(&["up"]).ok);
    let before = counts(&stage);
    assert!(before.iter().all(|&count| count > 0), "{before:?}");
    assert!(stage.pdex(&["up"]).ok);
    assert_eq!(counts(&stage), before, "in production");
    assert!(stage.pdex(&["validate"]).ok);
    let backup = stage.file("kept").display().to_string();
    assert!(stage.pdex(&["backup", "--out", &backup]).ok);
    assert!(stage.pdex(&["down", "-v", "--yes", "--no-backup"]).ok);
    std::fs::remove_dir_all(stage.file("models")).unwrap();
    assert!(stage.pdex(&["restore", &backup, "--yes"]).ok);
    assert!(stage.pdex(&["up"]).ok);
    assert_eq!(counts(&stage), before, "from the backup");
    assert!(stage.pdex(&["validate"]).ok);
    assert!(stage.without_profile(&["up", "--remove-orphans"]).ok);
    assert_eq!(counts(&stage), before, "without the profile");
    assert!(stage.without_profile(&["validate"]).ok);
}
