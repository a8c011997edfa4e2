//! Containers that end, and what is said of it: killed, out of memory, flapping, gone before anyone looked; images and networks
//! that are not there.

use crate::stage::{Said, Stage, eventually};

fn slow(condition: &str) -> String {
    format!(
        "  slow: {{ image: IMAGE, command: [wait, \"2500\", then, exit, \"0\"], network_mode: none, x-pdex: {{ job: true }}, depends_on: {{ quick: {{ condition: {condition} }} }} }}\n"
    )
}

#[test]
fn a_container_killed_after_it_was_ready_fails_the_run_that_waits_for_others() {
    let Some(stage) = Stage::set("killed-ready") else { return };
    stage.define(&format!(
        "services:\n  quick:\n    image: IMAGE\n    command: [say, at your service, then, serve, \"80\"]\n    network_mode: none\n    \
         healthcheck: {{ test: [CMD, /actor, answers], interval: 30s }}\n{}",
        slow("service_healthy")
    ));
    let child = stage.command(&["up"]).spawn().unwrap();
    eventually("the slow one runs", || runs(&stage, "slow"));
    stage.docker(&["kill", &stage.container("quick")]);
    Said::of(child).ends(
        3,
        &[
            "error: quick: ended with exit code 137 (SIGKILL) after it was ready [up/killed]",
            "| at your service",
            "hint: something outside killed it: `docker kill`",
        ],
    );
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(&["quick", "slow"]);
}

fn runs(stage: &Stage, service: &str) -> bool {
    let running = stage.docker(&["ps", "--filter", "status=running", "--format", "{{.Names}}"]);
    running.lines().any(|name| name == stage.container(service))
}

#[test]
fn running_out_of_memory_is_told_with_the_limit() {
    let Some(stage) = Stage::set("memory") else { return };
    stage.define(
        "services:\n  server:\n    image: IMAGE\n    command: [wait, \"100\", then, eat, \"400\", then, stay]\n    network_mode: none\n    \
         mem_limit: 24m\n    memswap_limit: 24m\n    healthcheck: { test: [CMD, /actor, answers], interval: 30s }\n  \
         job:\n    image: IMAGE\n    command: [eat, \"400\"]\n    network_mode: none\n    x-pdex: { job: true }\n    \
         deploy: { resources: { limits: { memory: 32M } } }\n    memswap_limit: 32m\n",
    );
    stage.run(&["up"]).ends(
        1,
        &[
            "error: server: ran out of memory: its limit is 24 MiB",
            "error: job: ran out of memory: its limit is 32 MiB",
            "[up/out-of-memory]",
            "hint: raise deploy.resources.limits.memory",
        ],
    );
}

#[test]
fn a_job_that_ends_before_anyone_looks_is_done_and_one_that_fails_so_is_told() {
    let Some(stage) = Stage::set("at-once") else { return };
    let job = |name: &str, code: u32| {
        format!(
            "  {name}: {{ image: IMAGE, command: [say, {name}, then, exit, \"{code}\"], network_mode: none, x-pdex: {{ job: true }} }}\n"
        )
    };
    let jobs: Vec<String> = (0..6).map(|n| job(&format!("good{n}"), 0)).collect();
    stage.define(&format!("services:\n{}", jobs.concat()));
    stage.run(&["up"]).ends(0, &[]);
    stage.define(&format!("services:\n{}{}", jobs.concat(), job("bad", 3)));
    stage.run(&["up"]).ends(1, &["error: bad: ended with exit code 3", "  | bad"]);
}

#[test]
fn a_service_that_flaps_is_given_up_and_told() {
    let Some(stage) = Stage::set("flaps") else { return };
    stage.define(
        "services:\n  db:\n    image: IMAGE\n    command: [say, no configuration, then, wait, \"50\", then, exit, \"2\"]\n    network_mode: none\n    \
         restart: always\n    healthcheck: { test: [CMD, /actor, answers], interval: 30s }\n  \
         api: { image: IMAGE, command: [stay], network_mode: none, depends_on: { db: { condition: service_healthy } } }\n",
    );
    stage.run(&["up"]).ends(
        3,
        &[
            "error: db: ended with exit code 2 before it was ready (3 times)",
            "| no configuration",
            "skipped: api: it needs db",
            "hint: `pdex logs db`",
        ],
    );
}

#[test]
fn a_service_that_never_gets_ready_shows_what_its_test_said() {
    let Some(stage) = Stage::set("unready") else { return };
    stage.define(
        "services:\n  db:\n    image: IMAGE\n    command: [stay]\n    stop_signal: SIGKILL\n    network_mode: none\n    \
         healthcheck: { test: [CMD, /actor, there, /nothing], interval: 1s, retries: 1 }\n",
    );
    stage.run(&["up", "--timeout", "3"]).ends(
        5,
        &[
            "error: db: still not ready when the time was up: health test ended with 1",
            "`pdex up` goes on from here",
        ],
    );
}

#[test]
fn an_image_that_is_nowhere_is_told_with_where_it_was_sought() {
    let Some(stage) = Stage::set("no-image") else { return };
    stage.define("services:\n  a: { image: \"127.0.0.1:1/nobody/nothing:1\" }\n");
    stage.run(&["up"]).ends(
        1,
        &[
            "error: a: image 127.0.0.1:1/nobody/nothing:1 is not on the engine, and 127.0.0.1:1 does not answer",
            "hint: check the network",
        ],
    );
    stage.run(&["up", "--offline"]).ends(1, &["is not there, and no registry may be asked"]);
}

#[test]
fn a_program_that_is_not_in_its_image_is_told() {
    let Some(stage) = Stage::set("no-program") else { return };
    stage.define("services:\n  a: { image: IMAGE, entrypoint: [/nope], network_mode: none }\n");
    stage.run(&["up"]).ends(
        1,
        &["error: a: the program /nope is not in its image", "hint: look at command and entrypoint"],
    );
}

#[test]
fn a_network_that_goes_away_under_a_run_is_told_and_made_again() {
    let Some(stage) = Stage::set("no-network") else { return };
    stage.define(
        "services:\n  first: { image: IMAGE, command: [wait, \"2500\", then, exit, \"0\"], network_mode: none }\n  \
         late: { image: IMAGE, command: [stay], stop_signal: SIGKILL, networks: [own], depends_on: { first: { condition: service_completed_successfully } } }\n\
         networks: { own: {} }\n",
    );
    let child = stage.command(&["up"]).spawn().unwrap();
    eventually("the late one is made", || stage.containers().contains(&stage.container("late")));
    stage.docker(&["network", "rm", &format!("{}_own", stage.project)]);
    Said::of(child).ends(1, &["error: late: ", "[up/network-gone]", "hint: `pdex up` makes it again"]);
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(&["first", "late"]);
}
