//! The platform's data: saved, lost and restored, letter by letter; and what a restore leaves that is killed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Stack, docker, finds_nothing, get, request, text};

/// What a person would miss: odds, rows, runs with their numbers, and the registered model's versions.
#[derive(Debug, PartialEq)]
struct Treasures {
    odds: Vec<Value>,
    rows: String,
    runs: Value,
    registered: Value,
}

fn treasures(stack: &Stack) -> Treasures {
    let predict = format!("{}/predict/battle", stack.url("API"));
    let pairs = [("Pikachu", "Onix"), ("Starmie", "Golem"), ("Mewtwo", "Magikarp")];
    let battle = |(a, b): (&str, &str)| {
        let battle = json!({"pokemon_a": a, "pokemon_b": b});
        request(reqwest::Method::POST, &predict, Some(&battle))
    };
    // What the ETL notes of its own runs grows with each `up`.
    let count = "SELECT relname, (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I', relname), \
                 false, true, '')))[1]::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \
                 AND relname NOT LIKE 'etl%' ORDER BY 1";
    let container = stack.container("db");
    let rows = docker(&["exec", &container, "psql", "-U", "letsgo_user", "-d", "letsgo_db", "-Atc", count]);
    assert!(rows.lines().any(|line| line == "pokemon|188"), "{rows}");
    let mlflow = format!("{}/api/2.0/mlflow", stack.url("MLFLOW"));
    let known = get(&format!("{mlflow}/experiments/search?max_results=100"));
    let ids: Vec<&Value> =
        known["experiments"].as_array().unwrap().iter().map(|one| &one["experiment_id"]).collect();
    let wanted = json!({"experiment_ids": ids, "max_results": 1000});
    let runs = request(reqwest::Method::POST, &format!("{mlflow}/runs/search"), Some(&wanted));
    assert!(!runs["runs"].as_array().unwrap().is_empty(), "{runs}");
    let registered = get(&format!("{mlflow}/registered-models/search"));
    Treasures { odds: pairs.map(battle).into(), rows, runs, registered }
}

/// Every database as `pg_dump` writes it, less the word that is another in each dump, and less what a constraint checks: PostgreSQL
/// writes the same condition in another way once it has read its own.
fn dumps(stack: &Stack) -> Vec<String> {
    let dump = |database| {
        let container = stack.container("db");
        let whole = docker(&["exec", &container, "pg_dump", "-U", "letsgo_user", "--create", database]);
        let own = whole
            .lines()
            .filter(|line| !line.starts_with("\\restrict ") && !line.starts_with("\\unrestrict "));
        let condition = |line: &'_ str| line.split_once(" CHECK (").map_or(line, |(name, _)| name).to_owned();
        own.map(condition).collect::<Vec<_>>().join("\n")
    };
    ["letsgo_db", "mlflow"].map(dump).into()
}

fn models(stack: &Stack) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut open) = (BTreeMap::new(), vec![stack.folder.path().join("models")]);
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    assert!(!found.is_empty());
    found
}

/// Digests of the volumes and folders that a backup has: of their files with modes, owners and times.
fn digests(stack: &Stack, file: &Path) -> BTreeMap<String, String> {
    let output = stack.pdex(&["backup", "--json", "--out", &file.display().to_string()]);
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let parts = report["parts"].as_array().unwrap().iter().filter(|part| part["kind"] != "database");
    parts
        .map(|part| {
            let name = part["key"].as_str().or(part["target"].as_str()).unwrap();
            (name.to_owned(), part["sha256"].as_str().unwrap().to_owned())
        })
        .collect()
}

fn restored(stack: &Stack, file: &Path) {
    let output = stack.pdex(&["restore", &file.display().to_string(), "--yes"]);
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("replaced the databases of db"));
}

pub(crate) fn comes_back_after_everything_is_lost(stack: &Stack) {
    let (before, dumped, files) = (treasures(stack), dumps(stack), models(stack));
    let file = kept(stack);
    let digested = digests(stack, &file);
    let names: Vec<&str> = digested.keys().map(String::as_str).collect();
    assert_eq!(names, ["/app/models", "grafana_data", "mlflow_data", "prometheus_data"]);
    assert!(stack.pdex(&["down", "-v", "--yes", "--no-backup", "--timeout", "5"]).status.success());
    fs::remove_dir_all(stack.folder.path().join("models")).unwrap();
    restored(stack, &file);
    // Before anything but the database has run on it.
    assert!(stack.pdex(&["up", "db"]).status.success());
    assert!(dumps(stack) == dumped, "every row of every database, as it was");
    assert_eq!(digests(stack, &stack.folder.path().join("again")), digested);
    assert!(models(stack) == files, "the model's files, byte by byte");
    assert!(stack.pdex(&["up"]).status.success());
    assert_eq!(treasures(stack), before);
    finds_nothing(stack, &["validate"]);
}

fn kept(stack: &Stack) -> PathBuf {
    stack.folder.path().join("kept.pdexbackup")
}

/// Something that is in no backup: in a database, in a volume and in the models' folder.
fn scratch(stack: &Stack) {
    let (db, mlflow) = (stack.container("db"), stack.container("mlflow"));
    let table = "CREATE TABLE scratch (n integer)";
    docker(&["exec", &db, "psql", "-U", "letsgo_user", "-d", "letsgo_db", "-c", table]);
    docker(&["exec", &mlflow, "sh", "-c", "echo scratch > /app/mlruns/scratch"]);
    fs::write(stack.folder.path().join("models/scratch"), "scratch").unwrap();
}

/// Which of these are there.
fn scratched(stack: &Stack) -> [bool; 3] {
    let (db, mlflow) = (stack.container("db"), stack.container("mlflow"));
    let table = "SELECT to_regclass('public.scratch') IS NOT NULL";
    let table = docker(&["exec", &db, "psql", "-U", "letsgo_user", "-d", "letsgo_db", "-Atc", table]);
    let file = docker(&["exec", &mlflow, "sh", "-c", "test -e /app/mlruns/scratch && echo t || echo f"]);
    [table.trim() == "t", file.trim() == "t", stack.folder.path().join("models/scratch").exists()]
}

/// The whole of a restore over a running platform is cut at several points, and each time either all of the old is there or,
/// after the next `pdex restore`, all of the new.
pub(crate) fn survives_a_restore_that_is_killed(stack: &Stack) {
    let before = treasures(stack);
    let file = kept(stack);
    scratch(stack);
    let began = Instant::now();
    restored(stack, &file);
    let whole = began.elapsed();
    let (mut old, mut halves) = (0, 0);
    for percent in [30, 55, 75] {
        assert!(stack.pdex(&["up"]).status.success());
        assert_eq!(scratched(stack), [false; 3]);
        scratch(stack);
        let name = file.display().to_string();
        let mut restore = stack.command(&["restore", &name, "--yes"]);
        let mut restore = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let after = whole * percent / 100;
        std::thread::sleep(after);
        let _ = restore.kill();
        restore.wait().unwrap();
        let half = volumes(stack).contains("_pdex-restoring");
        println!("killed after {after:?} of {whole:?}, between the old and the new: {half}");
        if half {
            halves += 1;
            assert_eq!(stack.pdex(&["up"]).status.code(), Some(1));
            assert!(stack.pdex(&["restore"]).status.success());
        }
        assert!(stack.pdex(&["up"]).status.success());
        let found = scratched(stack);
        assert!(found == [false; 3] || !half && found == [true; 3], "after {after:?}: {found:?}");
        old += usize::from(found == [true; 3]);
        restored(stack, &file);
    }
    println!("{old} of 3 kept the old, {halves} were cut short in between");
    assert!(stack.pdex(&["up"]).status.success());
    assert_eq!(treasures(stack), before);
    finds_nothing(stack, &["validate"]);
    assert!(!volumes(stack).contains("_pdex-") && !volumes(stack).contains(".pdex-"), "{}", volumes(stack));
    let beside = fs::read_dir(stack.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let beside: Vec<_> = beside.map(|name| name.into_string().unwrap()).collect();
    assert!(!beside.iter().any(|name| name.contains(".pdex-")), "{beside:?}");
}

fn volumes(stack: &Stack) -> String {
    let label = format!("label=com.docker.compose.project={}", stack.project);
    docker(&["volume", "ls", "-q", "--filter", &label])
}
