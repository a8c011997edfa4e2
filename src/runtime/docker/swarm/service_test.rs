//! What follows from a service and its tasks, on documents as the API gives them.

use serde_json::{Value, json};

use super::*;

fn service(mode: &Value, run: &str) -> Service {
    let document = json!({
        "ID": "s1",
        "Spec": {
            "Name": "shop-web-1",
            "Labels": { "io.pdex.run": run, "com.docker.compose.service": "web" },
            "TaskTemplate": { "ContainerSpec": { "Image": "web:1" } },
            "Mode": mode,
        },
    });
    serde_json::from_value(document).unwrap()
}

fn task(id: &str, slot: i64, state: &str, second: u32, code: i64) -> Task {
    let document = json!({
        "ID": id,
        "ServiceID": "s1",
        "Slot": slot,
        "CreatedAt": format!("2026-11-26T15:02:{second:02}.5Z"),
        "Spec": { "ContainerSpec": { "Labels": { "io.pdex.run": "r1" } } },
        "Status": { "State": state, "ContainerStatus": { "ContainerID": "c", "ExitCode": code } },
    });
    serde_json::from_value(document).unwrap()
}

/// The runs of a one-shot are counted from 0.
fn run(id: &str, number: i64, state: &str, code: i64) -> Task {
    let mut task = task(id, number, state, u32::try_from(number).unwrap() + 1, code);
    task.job_iteration = Some(bollard::models::ObjectVersion::default());
    task
}

fn replicated(count: u32) -> Value {
    json!({ "Replicated": { "Replicas": count } })
}

fn job(count: u32) -> Value {
    json!({ "ReplicatedJob": { "MaxConcurrent": 1, "TotalCompletions": count } })
}

/// `state` and the code and mark of the end.
fn check(mode: &Value, tasks: &[Task], state: &State, ended: Option<(i64, &str)>) {
    let held = Held::new(service(mode, "r1"), tasks);
    assert_eq!(held.state(), *state, "{tasks:#?}");
    let found = held.end();
    assert_eq!(found.as_ref().map(|end| (end.exit.code, end.mark.as_str())), ended, "{tasks:#?}");
}

fn exited(code: i64) -> State {
    State::Exited(Exit { code, out_of_memory: false })
}

const UP: State = State::Running { health: None };
const COMING: State = State::Running { health: Some(Health::Starting) };

#[test]
fn a_service_runs_when_all_its_containers_do() {
    let two = replicated(2);
    check(&two, &[], &COMING, None);
    check(&two, &[task("a", 1, "running", 1, 0), task("b", 2, "preparing", 1, 0)], &COMING, None);
    check(&two, &[task("a", 1, "running", 1, 0), task("b", 2, "running", 1, 0)], &UP, None);
}

#[test]
fn a_container_that_ended_counts_until_the_next_one_runs() {
    let one = replicated(1);
    let failed = task("a", 1, "failed", 1, 3);
    check(&one, std::slice::from_ref(&failed), &exited(3), Some((3, "a")));
    let next = |state| [failed.clone(), task("b", 1, state, 2, 0)];
    check(&one, &next("ready"), &State::Restarting, Some((3, "a")));
    check(&one, &next("running"), &UP, None);
    check(&one, &[task("a", 1, "rejected", 1, 0)], &exited(125), Some((125, "a")));
    // One that was taken away did not end by itself.
    check(&one, &[task("a", 1, "shutdown", 1, 143), task("b", 1, "pending", 2, 0)], &COMING, None);
}

#[test]
fn tasks_of_an_earlier_start_and_of_other_services_do_not_count() {
    let mut old = task("a", 1, "failed", 1, 3);
    old.spec.as_mut().unwrap().container_spec.as_mut().unwrap().labels = None;
    let mut foreign = task("b", 1, "failed", 1, 3);
    foreign.service_id = Some("s2".to_owned());
    check(&replicated(1), &[old, foreign, task("c", 1, "running", 2, 0)], &UP, None);
}

#[test]
fn a_one_shot_ends_with_its_last_run() {
    check(&job(1), &[run("a", 0, "running", 0)], &UP, None);
    check(&job(1), &[run("a", 0, "complete", 0)], &exited(0), Some((0, "a")));
    check(&job(1), &[run("a", 0, "failed", 7)], &exited(7), Some((7, "a")));
    let first = run("a", 0, "complete", 0);
    check(&job(2), &[first.clone(), run("b", 1, "running", 0)], &UP, None);
    check(&job(2), &[first, run("b", 1, "complete", 0)], &exited(0), Some((0, "b")));
}

#[test]
fn what_was_never_started_has_not_ended_and_what_was_stopped_has() {
    let held = Held::new(service(&replicated(0), ""), &[]);
    assert_eq!((held.state(), held.end(), held.is_up()), (State::Created, None, false));
    let mut stopped = service(&replicated(0), "r1");
    let held = Held::new(stopped.clone(), &[]);
    assert_eq!(held.state(), exited(-1), "nobody saw how");
    let labels = stopped.spec.as_mut().unwrap().labels.as_mut().unwrap();
    labels.insert(ENDED.to_owned(), "143 t9".to_owned());
    let held = Held::new(stopped, &[]);
    assert_eq!((held.state(), held.end().unwrap().mark), (exited(143), "t9".to_owned()));
}

#[test]
fn what_is_being_replaced_fits_nothing_until_it_has_come_to_its_end() {
    let spec = |action: &str| -> ServiceSpec {
        serde_json::from_value(json!({ "UpdateConfig": { "FailureAction": action } })).unwrap()
    };
    let status =
        |state: &str| -> ServiceUpdateStatus { serde_json::from_value(json!({ "State": state })).unwrap() };
    assert!(is_settled(&spec("rollback"), None));
    for (state, action, settled) in [
        ("completed", "rollback", true),
        ("rollback_completed", "rollback", true),
        ("updating", "rollback", false),
        ("updating", "continue", true),
        ("paused", "continue", false),
        ("rollback_started", "rollback", false),
        ("rollback_paused", "rollback", false),
    ] {
        assert_eq!(is_settled(&spec(action), Some(&status(state))), settled, "{state} {action}");
    }
}

#[test]
fn containers_are_counted_without_gaps() {
    let tasks =
        [task("a", 1, "running", 1, 0), task("b", 2, "shutdown", 2, 0), task("c", 3, "running", 3, 0)];
    let held = Held::new(service(&replicated(2), "r1"), &tasks);
    let id = |place| held.newest(place).and_then(|task| task.id.as_deref());
    assert_eq!([id(1), id(2), id(3)], [Some("a"), Some("c"), None]);
    let held = Held::new(service(&replicated(0), "r1"), &tasks[1..2]);
    assert_eq!(
        held.newest(1).and_then(|task| task.id.as_deref()),
        Some("b"),
        "of what was stopped the last is told"
    );
}
