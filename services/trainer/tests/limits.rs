//! The program on a machine that has too little: no room for its files, no memory for its rows, and an interrupt in the middle.
//! What it had before must still be there, whole.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its input has failed")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The job on the shipped Pokédex with few battles; `limits` is what the shell says before it becomes the program.
fn job(folder: &Path, limits: &str, settings: &[(&str, &str)]) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits} exec \"$0\""), env!("CARGO_BIN_EXE_trainer")]);
    for name in ["XDG_STATE_HOME", "MLFLOW_TRACKING_URI"] {
        command.env_remove(name);
    }
    let few = [
        ("ML_POKEDEX", "shipped"),
        ("ML_SCENARIO_TYPE", "best_move"),
        ("ML_BATTLES_PER_MATCHUP", "2"),
        ("ML_TUNE_HYPERPARAMS", "false"),
        ("ML_THREADS", "1"),
    ];
    command.envs(few).envs(settings.iter().copied()).env("MODEL_DIR", folder).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The model's two files.
fn model(folder: &Path) -> BTreeMap<&'static str, Vec<u8>> {
    let names = ["battle_winner.json", "battle_winner.metadata.json"];
    names.into_iter().map(|name| (name, std::fs::read(folder.join(name)).unwrap())).collect()
}

/// Files that a run began and did not finish.
fn unfinished(folder: &Path) -> Vec<String> {
    let names = |folder: &Path| {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let mut all = names(folder);
    all.extend(names(&folder.join("dataset")));
    all.retain(|name| name.starts_with('.') || name.contains("tmp"));
    all
}

#[test]
fn without_room_or_memory_or_time_the_old_model_stays() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let first = job(folder, "", &[]).output().unwrap();
    assert!(first.status.success(), "{}", told(&first));
    let before = model(folder);
    let other = [("ML_SEED", "43")];

    // As a full disk, only sooner: no file may be larger than 100 KiB.
    let full = job(folder, "trap '' XFSZ; ulimit -f 200;", &other).output().unwrap();
    assert_eq!(full.status.code(), Some(1), "{}", told(&full));
    assert!(
        told(&full).contains("battles.parquet") && told(&full).contains("File too large"),
        "{}",
        told(&full)
    );
    assert_eq!((model(folder), unfinished(folder)), (before.clone(), vec![]));

    // Enough to begin with, too little for the rows.
    let poor = job(folder, "ulimit -v 80000;", &other).output().unwrap();
    assert!(!poor.status.success());
    assert!(told(&poor).contains("alloc"), "{}", told(&poor));
    assert_eq!(model(folder), before);

    // Killed while the search is at work; another run takes its fits over and ends as if nothing had been.
    let search = [("ML_SEED", "43"), ("ML_TUNE_HYPERPARAMS", "true")];
    let mut killed = job(folder, "", &search).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while fits(folder) < 2 {
        assert!(
            begin.elapsed() < Duration::from_mins(5) && killed.try_wait().unwrap().is_none(),
            "no fit was noted"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(model(folder), before);
    let resumed = job(folder, "", &search).output().unwrap();
    assert!(resumed.status.success() && told(&resumed).contains("search resumed"), "{}", told(&resumed));
    assert_ne!(model(folder), before);
}

/// Fits that the search has noted.
fn fits(folder: &Path) -> usize {
    let Ok(journals) = std::fs::read_dir(folder.join("search")) else { return 0 };
    let texts = journals.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    texts.map(|text| text.lines().count()).sum()
}
