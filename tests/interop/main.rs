//! pdex and Docker Compose on one project: what one started, the other lists, handles and takes down, and neither replaces the
//! other's containers. Runs with `PDEX_TEST_DOCKER=1`, this machine's Docker and Compose 2.40.3 (`PDEX_COMPOSE`, or what
//! `python3 bench/peers.py` fetches).

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of a test fail it, and say what is skipped"
)]

mod stage;

use stage::Stage;

const RUNNING: &str =
    "front-1 running, migrate-1 exited 0, store-1 running, worker-1 running, worker-2 running";

#[test]
fn what_pdex_started_compose_handles() {
    let Some(stage) = Stage::set("handled") else { return };
    stage.pdex(&["up"]).ok();
    assert_eq!(stage.states(), RUNNING);
    let before = stage.ids();

    let logs = stage.compose(&["logs", "--no-color"]).ok();
    for (service, line) in [("front-1", "front is here"), ("migrate-1", "migrated")] {
        assert!(logs.lines().any(|l| l.starts_with(service) && l.ends_with(line)), "{logs}");
    }
    assert_eq!(
        stage.compose(&["exec", "-T", "front", "wget", "-qO-", "http://www:8080/hello"]).ok(),
        "hello\n"
    );
    assert_eq!(
        stage.compose(&["exec", "-T", "front", "sh", "-c", "read k </run/secrets/key; echo $k"]).ok(),
        "secret\n"
    );
    assert!(stage.compose(&["port", "front", "8080"]).ok().starts_with("127.0.0.1:"));

    stage.compose(&["stop"]).ok();
    assert!(!stage.states().contains("running"), "{}", stage.states());
    stage.compose(&["start"]).ok();
    assert_eq!(stage.states(), RUNNING);
    assert_eq!(stage.ids(), before);

    stage.compose(&["down", "-v"]).ok();
    assert_eq!(stage.left(), "");
}

#[test]
fn compose_recreates_nothing_of_pdex() {
    let Some(stage) = Stage::set("kept") else { return };
    stage.pdex(&["up"]).ok();
    let before = stage.ids();
    stage.pdex(&["config", "-o", "resolved.yaml"]).ok();
    stage.compose_with("resolved.yaml", &["up", "-d"]).ok();
    assert_eq!(stage.ids(), before, "of the resolved definition");
    stage.compose(&["up", "-d"]).ok();
    assert_eq!(stage.ids(), before, "of the definition itself");
    assert_eq!(stage.states(), RUNNING);
    stage.pdex(&["plan"]).ok();
}

#[test]
fn pdex_has_nothing_to_do_after_compose() {
    let Some(stage) = Stage::set("adopted") else { return };
    stage.compose(&["up", "-d"]).ok();
    let before = stage.ids();
    assert_eq!(stage.states(), RUNNING);
    let plan = stage.pdex(&["plan"]);
    assert_eq!(plan.code, 0, "{plan:#?}");
    let listed: serde_json::Value = serde_json::from_str(&stage.pdex(&["ps", "--json"]).ok()).unwrap();
    assert_eq!(listed["containers"].as_array().unwrap().len(), before.len(), "{listed:#}");
    stage.pdex(&["up"]).ok();
    assert_eq!(stage.ids(), before);

    stage.pdex(&["stop"]).ok();
    assert!(!stage.states().contains("running"), "{}", stage.states());
    stage.pdex(&["up"]).ok();
    assert_eq!(stage.states(), RUNNING);
    assert_eq!(stage.ids(), before);

    stage.pdex(&["down", "-v", "--yes", "--no-backup"]).ok();
    assert_eq!(stage.left(), "");
}

#[test]
fn both_replace_what_was_changed_and_nothing_else() {
    let Some(stage) = Stage::set("changed") else { return };
    stage.pdex(&["up"]).ok();
    let first = stage.ids();
    stage.edit("MODE: first", "MODE: second");
    let plan = stage.pdex(&["plan"]);
    assert_eq!(plan.code, 2, "{plan:#?}");
    stage.compose(&["up", "-d"]).ok();
    let second = stage.ids();
    let replaced = |from: &std::collections::BTreeMap<String, String>| {
        let ids = stage.ids();
        let other = from.iter().filter(|(name, id)| ids.get(*name) != Some(*id));
        other.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(replaced(&first), ["front-1"]);
    stage.pdex(&["plan"]).ok();

    stage.edit("MODE: second", "MODE: third");
    stage.pdex(&["up"]).ok();
    assert_eq!(replaced(&second), ["front-1"]);
    let third = stage.ids();
    stage.compose(&["up", "-d"]).ok();
    assert_eq!(stage.ids(), third);
}

#[test]
fn both_count_the_same_replicas() {
    let Some(stage) = Stage::set("scaled") else { return };
    stage.pdex(&["up", "--scale", "worker=3"]).ok();
    let three = stage.ids();
    assert!(three.contains_key("worker-3"), "{three:?}");
    stage.compose(&["up", "-d", "--scale", "worker=3"]).ok();
    assert_eq!(stage.ids(), three);
    stage.compose(&["up", "-d", "--scale", "worker=1"]).ok();
    assert_eq!(stage.ids().keys().filter(|name| name.starts_with("worker")).count(), 1);
    let kept = stage.ids();
    stage.pdex(&["up"]).ok();
    let two = stage.ids();
    assert_eq!(stage.states(), RUNNING);
    assert!(kept.iter().all(|(name, id)| two.get(name) == Some(id)), "{kept:?} {two:?}");
    stage.compose(&["up", "-d"]).ok();
    assert_eq!(stage.ids(), two);
}
