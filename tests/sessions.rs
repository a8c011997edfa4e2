//! Sessions: the built program against the simulated engine, whose clock jumps and whose state lasts from one command to the
//! next. Each file of `tests/sessions`, and of `tests/failures` and `tests/doctor`, which the README shows, says what it shows, gives a definition,
//! and then commands with what a person sees: exit code, error output (`!`), standard output (`|`). `PDEX_SESSIONS=update cargo test --test sessions` writes them anew; read the
//! difference before committing it.

#![expect(
    clippy::disallowed_methods,
    reason = "the program is tested from outside, and the switch is a variable"
)]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

#[path = "sessions/player.rs"]
mod player;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use player::{DEFINITION, SESSION, play, run};

#[test]
fn every_session_reads_as_it_is_written() {
    let update = std::env::var("PDEX_SESSIONS").is_ok_and(|v| v == "update");
    let files: Vec<PathBuf> =
        ["tests/sessions", "tests/failures", "tests/doctor"].into_iter().flat_map(sessions).collect();
    assert!(files.len() > 50, "the sessions are there");
    let mut wrong = String::new();
    for file in files {
        let written = std::fs::read_to_string(&file).unwrap();
        let Some(played) = play(&written) else {
            eprintln!("skipped: {}", file.display());
            continue;
        };
        if update {
            std::fs::write(&file, played).unwrap();
        } else if written != played {
            let _ = writeln!(wrong, "{}:\n{}", file.display(), difference(&written, &played));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn sessions(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = folder.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "session")).collect();
    files.sort();
    files
}

/// The first lines that differ, with what was expected and what came.
fn difference(written: &str, played: &str) -> String {
    let pairs = written.lines().zip(played.lines()).enumerate();
    let first = pairs.into_iter().find(|(_, (a, b))| a != b);
    first.map_or_else(
        || "one ends before the other".to_owned(),
        |(number, (a, b))| format!("  line {}\n  - {a}\n  + {b}", number + 1),
    )
}

#[test]
fn the_first_up_writes_its_secrets_for_the_user_alone_and_never_again() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(".env.example", "# pdex:generate\nSECRET=\n");
    write(
        "stack/predictiondex.yaml",
        "x-pdex: { project_directory: .. }\nname: first\nservices:\n  a: { image: \"a:1\", environment: { S: \"${SECRET:?}\" } }\n",
    );
    let up = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command
            .current_dir(folder.path())
            .env_clear()
            .env("TMPDIR", folder.path())
            .args(["--runtime=sim:engine.json", "up"]);
        command.stdin(Stdio::null()).output().unwrap()
    };
    let first = up();
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(String::from_utf8_lossy(&first.stderr).starts_with("wrote "));
    let path = folder.path().join(".env");
    let secret = std::fs::read_to_string(&path).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!String::from_utf8_lossy(&first.stderr).contains(secret.trim().trim_start_matches("SECRET=")));
    assert!(up().status.success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
}

#[test]
fn a_run_killed_at_any_instant_is_finished_by_the_next() {
    let stack = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions/first-up.session"),
    );
    let stack = stack.unwrap();
    let (head, _) = stack.split_once(SESSION).unwrap();
    let (_, definition) = head.split_once(DEFINITION).unwrap();
    let end = |die: Option<u32>| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.yaml"), definition).unwrap();
        run(folder.path(), &["up"]);
        // Every container is replaced, which has the most steps to be killed between.
        std::fs::write(folder.path().join("stack.yaml"), definition.replace("sim.log", "sim.changed"))
            .unwrap();
        let mut killed = true;
        if let Some(calls) = die {
            let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
            command
                .current_dir(folder.path())
                .env_clear()
                .env("TMPDIR", folder.path())
                .args(["-f", "stack.yaml"]);
            command.arg(format!("--runtime=sim:engine.json:die={calls}")).args(["up", "--force-recreate"]);
            killed = !command.output().unwrap().status.success();
        }
        let finished = run(folder.path(), &["up"]);
        assert!(finished.starts_with("exit 0"), "killed after {die:?} calls: {finished}");
        (run(folder.path(), &["ps"]), run(folder.path(), &["plan"]), killed)
    };
    let (ps, plan, _) = end(None);
    assert!(plan.starts_with("exit 0"), "{plan}");
    let mut deaths = 0;
    for calls in 1.. {
        let (ps_after, plan_after, killed) = end(Some(calls));
        assert_eq!((&ps_after, &plan_after), (&ps, &plan), "killed after {calls} calls");
        if !killed {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20, "it was killed {deaths} times");
}

#[test]
fn a_rotation_killed_at_any_instant_is_finished_by_the_next() {
    let session = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions/secrets.session");
    let session = std::fs::read_to_string(session).unwrap();
    let (head, _) = session.split_once(SESSION).unwrap();
    let (_, definition) = head.split_once(DEFINITION).unwrap();
    let mut deaths = 0;
    for calls in 1.. {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.yaml"), definition).unwrap();
        run(folder.path(), &["up"]);
        let values = || {
            ["password", "key"].map(|name| std::fs::read(folder.path().join("secrets").join(name)).unwrap())
        };
        let before = values();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command
            .current_dir(folder.path())
            .env_clear()
            .env("TMPDIR", folder.path())
            .args(["-f", "stack.yaml"]);
        command.arg(format!("--runtime=sim:engine.json:die={calls}")).args(["secrets", "rotate"]);
        let killed = !command.output().unwrap().status.success();
        let finished = run(folder.path(), &["secrets", "rotate"]);
        assert!(finished.starts_with("exit 0"), "killed after {calls} calls: {finished}");
        assert!(values().iter().zip(&before).all(|(new, old)| new != old), "killed after {calls} calls");
        let left = folder.path().join("secrets").read_dir().unwrap().count();
        assert_eq!(left, 2, "killed after {calls} calls: nothing is left aside");
        if !killed {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 5, "it was killed {deaths} times");
}

/// The definition of a session.
fn definition_of(session: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sessions").join(session);
    let session = std::fs::read_to_string(path).unwrap();
    let (head, _) = session.split_once(SESSION).unwrap();
    head.split_once(DEFINITION).unwrap().1.to_owned()
}

/// Runs a command on an engine that kills it at the call after so many. Whether that came before its end.
fn is_killed(folder: &Path, calls: u32, arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.current_dir(folder).env_clear().env("TMPDIR", folder).args(["-f", "stack.yaml"]);
    command.arg(format!("--runtime=sim:engine.json:die={calls}")).args(arguments);
    !command.output().unwrap().status.success()
}

#[test]
fn a_restore_killed_at_any_instant_leaves_the_old_or_is_finished_by_the_next() {
    let definition = definition_of("backup.session");
    let (mut deaths, mut halves) = (0, 0);
    for calls in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let engine = folder.path().join("engine.json");
        let read = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(&engine).unwrap()).unwrap();
        std::fs::write(folder.path().join("stack.yaml"), &definition).unwrap();
        run(folder.path(), &["up"]);
        assert!(run(folder.path(), &["backup", "--out", "kept"]).starts_with("exit 0"));
        let mut changed = read();
        changed["contents"]["shop_pages"]["files"]["index"] = "changed".into();
        std::fs::write(&engine, changed.to_string()).unwrap();
        let killed = is_killed(folder.path(), calls, &["restore", "kept"]);
        let half = read()["volumes"].get("shop_pdex-restoring").is_some();
        if half {
            halves += 1;
            let refused = run(folder.path(), &["up"]);
            assert!(
                refused.starts_with("exit 1") && refused.contains("`pdex restore` finishes it"),
                "{refused}"
            );
            let finished = run(folder.path(), &["restore"]);
            assert!(finished.starts_with("exit 0"), "killed after {calls} calls: {finished}");
        }
        let index = read()["contents"]["shop_pages"]["files"]["index"].clone();
        assert!(index == "hello" || !half && index == "changed", "killed after {calls} calls: {index}");
        let up = run(folder.path(), &["up"]);
        assert!(up.starts_with("exit 0"), "killed after {calls} calls: {up}");
        let again = run(folder.path(), &["restore", "kept"]);
        assert!(again.starts_with("exit 0"), "killed after {calls} calls: {again}");
        let left = read();
        let volumes: Vec<&String> = left["volumes"].as_object().unwrap().keys().collect();
        assert_eq!(volumes, ["shop_cache", "shop_pages", "shop_tables"], "killed after {calls} calls");
        if !killed {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 20 && halves > 5, "it was killed {deaths} times, {halves} of them half-way");
}

#[test]
fn a_backup_killed_at_any_instant_leaves_no_half_a_file_and_nobody_paused() {
    let definition = definition_of("backup.session");
    let mut deaths = 0;
    for calls in 1.. {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.yaml"), &definition).unwrap();
        run(folder.path(), &["up"]);
        let killed = is_killed(folder.path(), calls, &["backup", "--out", "kept"]);
        let there = folder.path().join("kept").exists();
        assert!(!there || run(folder.path(), &["restore", "--plan", "kept"]).starts_with("exit 0"));
        let next = run(folder.path(), &["backup", "--out", "next"]);
        assert!(next.starts_with("exit 0"), "killed after {calls} calls: {next}");
        assert!(!run(folder.path(), &["ps"]).contains("paused"), "killed after {calls} calls");
        let mut names = folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name());
        assert!(
            !names.any(|name| name.as_encoded_bytes().starts_with(b".pdex")),
            "killed after {calls} calls"
        );
        if !killed {
            break;
        }
        deaths += 1;
    }
    assert!(deaths > 10, "it was killed {deaths} times");
}
