//! A bad connection to the engine: an `up` over it converges, or ends within bounds, in a documented code and with a message; and
//! the next over a good one finishes what was begun.

use std::time::{Duration, Instant};

use crate::proxy::{Act, Fault, Proxy};
use crate::stage::{Said, Stage, eventually};

const STACK: &str = r#"
services:
  job: { image: IMAGE, command: [wait, "700", then, exit, "0"], network_mode: none, x-pdex: { job: true } }
  server:
    image: IMAGE
    command: [wait, "300", then, serve, "80"]
    network_mode: none
    stop_signal: SIGKILL
    healthcheck: { test: [CMD, /actor, answers], interval: 30s }
    depends_on: { job: { condition: service_completed_successfully } }
  top: { image: IMAGE, command: [stay], network_mode: none, stop_signal: SIGKILL, depends_on: { server: { condition: service_healthy } } }
"#;

const SERVICES: &[&str] = &["job", "server", "top"];

/// An `up` through a proxy with a fault, giving up on answers after three seconds.
fn up(stage: &mut Stage, fault: Fault) -> Said {
    let path = stage.folder.path().join("proxy.sock");
    let _ = std::fs::remove_file(&path);
    let _proxy = Proxy::at(&path, fault);
    stage.host = Some(format!("unix://{}", path.display()));
    let child = stage.command(&["up"]).env("COMPOSE_HTTP_TIMEOUT", "3").spawn().unwrap();
    let said = Said::of(child);
    stage.host = None;
    said
}

fn converges(name: &str, fault: Fault) {
    let Some(mut stage) = Stage::set(name) else { return };
    stage.define(STACK);
    up(&mut stage, fault).ends(0, &[]);
    stage.has_converged(SERVICES);
}

/// The engine is called lost, in time and with words; the next run finishes it.
fn is_lost(name: &str, fault: Fault) {
    let Some(mut stage) = Stage::set(name) else { return };
    stage.define(STACK);
    let said = up(&mut stage, fault).ends(4, &["error: ", "no answer within 3s", "hint: `docker info`"]);
    assert!(said.took < Duration::from_secs(40), "{said:#?}");
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(SERVICES);
}

#[test]
fn a_slow_connection_only_takes_longer() {
    converges("wire-slow", Fault::always(" /", Act::Delay(Duration::from_millis(60))));
}

#[test]
fn a_stream_of_events_that_is_cut_again_and_again_is_done_without() {
    converges("wire-events-cut", Fault::always("/events", Act::CutMidway));
}

#[test]
fn a_stream_of_events_that_breaks_off_is_taken_up_again() {
    converges("wire-events-break", Fault::always("/events", Act::CutAfter(Duration::from_millis(300))));
}

#[test]
fn a_stream_of_events_that_says_nothing_is_done_without() {
    converges("wire-events-mute", Fault::always("/events", Act::Stall));
}

#[test]
fn an_answer_cut_off_while_making_a_container_is_asked_for_again() {
    converges("wire-create-cut", Fault::once("/containers/create", Act::Cut));
    converges("wire-create-half", Fault::once("/containers/create", Act::CutMidway));
}

#[test]
fn an_answer_cut_off_while_starting_a_container_is_asked_for_again() {
    converges("wire-start-cut", Fault::once("/start", Act::Cut));
    converges("wire-start-half", Fault::once("/start", Act::CutMidway));
}

#[test]
fn an_answer_that_never_comes_is_given_up() {
    converges("wire-create-stall", Fault::once("/containers/create", Act::Stall));
    is_lost("wire-start-stall", Fault::always("/start", Act::Stall));
    is_lost("wire-inspect-stall", Fault::always("/json", Act::StallMidway));
}

#[test]
fn an_engine_that_stalls_from_the_first_word_is_called_silent() {
    let Some(mut stage) = Stage::set("wire-silent") else { return };
    stage.define(STACK);
    let said = up(&mut stage, Fault::always(" /", Act::Stall));
    said.ends(4, &["error: no answer within 3s", "hint: `docker info`"]);
    let said = up(&mut stage, Fault::always("/containers/json", Act::StallMidway));
    said.ends(4, &["error: no answer within 3s", "hint: `docker info`"]);
}

/// The first signal ends the run in order, which takes a while where the engine does not answer; the second ends it at once.
#[test]
fn a_second_signal_ends_at_once_what_hangs_after_the_first() {
    use rustix::process::{Pid, Signal, kill_process};

    let Some(mut stage) = Stage::set("wire-signal") else { return };
    let text = |wait: u32| {
        format!(
            "services:\n  job: {{ image: IMAGE, command: [wait, \"{wait}\", then, exit, \"0\"], network_mode: none, x-pdex: {{ job: true }} }}\n  \
             top: {{ image: IMAGE, command: [stay], network_mode: none, stop_signal: SIGKILL, environment: {{ N: \"{wait}\" }}, \
             depends_on: {{ job: {{ condition: service_completed_successfully }} }} }}\n"
        )
    };
    stage.define(&text(1));
    stage.run(&["up"]).ends(0, &[]);
    stage.define(&text(60_000));
    let path = stage.folder.path().join("proxy.sock");
    let _proxy = Proxy::at(&path, Fault::always("DELETE /", Act::Stall));
    let direct = stage.host.replace(format!("unix://{}", path.display()));
    let mut child = stage.command(&["up"]).spawn().unwrap();
    stage.host = direct;
    let aside = format!("{}.pdex-next", stage.container("top"));
    eventually("one waits aside to take the other's place", || stage.containers().contains(&aside));
    // The engine shows a container before pdex has its answer; the old job is removed some calls later.
    let job = stage.container("job");
    eventually("the old job is gone", || !stage.containers().contains(&job));
    let id = Pid::from_child(&child);
    kill_process(id, Signal::INT).unwrap();
    // It removes what stands aside, and is not answered.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(1) {
        assert!(child.try_wait().unwrap().is_none(), "it ends in order: {:?}", Said::of(child));
    }
    kill_process(id, Signal::INT).unwrap();
    let said = Said::of(child).ends(130, &["ended at once", "`pdex up` goes on from here"]);
    assert!(said.took < Duration::from_secs(2), "{said:#?}");
    stage.define(&text(1));
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(&["job", "top"]);
}
