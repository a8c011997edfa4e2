//! Ctrl-C and its kin, once and twice, in each phase; outputs that are closed; no terminal, no home.

use std::io::{BufReader, Read as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Said, Stage, eventually, wait_for_line};

const STACK: &str = r#"
services:
  first: { image: IMAGE, command: [wait, "1500", then, exit, "0"], network_mode: none, stop_signal: SIGKILL, x-pdex: { job: true } }
  second:
    image: IMAGE
    command: [wait, "1500", then, serve, "80"]
    network_mode: none
    stop_signal: SIGKILL
    healthcheck: { test: [CMD, /actor, answers], interval: 30s }
    depends_on: { first: { condition: service_completed_successfully } }
"#;

/// Signals a run when it says the words; its code and what it said after.
fn signal_at(stage: &Stage, words: &str, signal: Signal) -> (Option<i32>, String, Duration) {
    let mut child = stage.command(&["up", "--progress", "plain"]).spawn().unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    wait_for_line(&mut errors, words);
    let began = Instant::now();
    send(&child, signal);
    let mut rest = String::new();
    errors.read_to_string(&mut rest).unwrap();
    let said = Said::of(child);
    (said.code, rest, began.elapsed())
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn a_signal_ends_an_up_in_every_phase_and_the_next_goes_on() {
    let Some(stage) = Stage::set("signalled") else { return };
    stage.define(STACK);
    for (words, signal, code) in [
        ("waiting for first", Signal::INT, 130),
        ("first  · running", Signal::INT, 130),
        ("second · started, waiting", Signal::TERM, 143),
    ] {
        let (ended, rest, took) = signal_at(&stage, words, signal);
        assert_eq!(ended, Some(code), "{words}: {rest}");
        assert!(rest.contains("interrupted after") && rest.contains("`pdex up` goes on from here"), "{rest}");
        assert!(took < Duration::from_secs(3), "at once: {took:?}");
    }
    stage.run(&["up"]).ends(0, &[]);
    stage.has_converged(&["first", "second"]);
}

#[test]
fn a_signal_during_image_work_ends_it() {
    let Some(stage) = Stage::set("signalled-image") else { return };
    // An address that swallows what is sent to it: the engine waits for an answer.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let registry = silent.local_addr().unwrap();
    stage.define(&format!("services: {{ a: {{ image: \"{registry}/x:1\" }} }}\n"));
    let (code, rest, _) = signal_at(&stage, "pulling", Signal::INT);
    assert_eq!(code, Some(130), "{rest}");
    assert!(rest.contains("interrupted after"), "{rest}");
}

#[test]
fn a_signal_ends_an_up_that_waits_for_a_silent_engine() {
    let Some(mut stage) = Stage::set("signalled-twice") else { return };
    // An engine that takes requests and never answers them.
    let path = stage.folder.path().join("silent.sock");
    let silent = std::os::unix::net::UnixListener::bind(&path).unwrap();
    stage.define(STACK);
    stage.host = Some(format!("unix://{}", path.display()));
    let child = stage.command(&["up"]).spawn().unwrap();
    let connection = silent.accept().unwrap();
    send(&child, Signal::INT);
    let said = Said::of(child).ends(130, &["interrupted before anything was changed"]);
    assert!(said.took < Duration::from_secs(3), "{said:#?}");
    drop(connection);
    stage.host = None;
}

#[test]
fn a_signal_during_a_down_ends_it_and_the_next_goes_on() {
    let Some(stage) = Stage::set("signalled-down") else { return };
    // Without a handler for it, the first process of a container ignores SIGTERM: each takes the whole of its grace.
    stage.define(
        "services:\n  a: { image: IMAGE, command: [stay], network_mode: none, stop_grace_period: 4s }\n  \
         b: { image: IMAGE, command: [stay], network_mode: none, stop_grace_period: 4s, depends_on: [a] }\n",
    );
    stage.run(&["up"]).ends(0, &[]);
    let child = stage.command(&["down"]).spawn().unwrap();
    let stopping = || {
        stage.docker(&[
            "events",
            "--since",
            "30s",
            "--until",
            "0s",
            "--filter",
            "event=kill",
            "--format",
            "{{.Actor.Attributes.name}}",
        ])
    };
    eventually("b is being stopped", || stopping().contains(&stage.container("b")));
    send(&child, Signal::INT);
    Said::of(child).ends(130, &["interrupted; `pdex down` goes on from here"]);
    stage.run(&["down", "--timeout", "0"]).ends(0, &[]);
    assert!(stage.containers().is_empty());
}

#[test]
fn closed_outputs_do_not_stop_an_up() {
    let Some(stage) = Stage::set("closed") else { return };
    let text = |n: u32| {
        format!(
            "services: {{ a: {{ image: IMAGE, command: [stay], network_mode: none, stop_signal: SIGKILL, environment: {{ N: \"{n}\" }} }} }}\n"
        )
    };
    for (n, redirection) in
        [(0, ">&-"), (1, "2>&-"), (2, ">&- 2>&-"), (3, "| true"), (4, "2>&1 | true"), (5, ">/dev/full")]
    {
        stage.define(&text(n));
        let line = format!("\"$0\" \"$@\" {redirection}");
        let mut shell = std::process::Command::new("sh");
        shell.current_dir(stage.folder.path()).arg("-c").arg(&line).arg(env!("CARGO_BIN_EXE_pdex"));
        shell.args(["-f", "stack.yaml", "-p", &stage.project, "up"]).stdin(Stdio::null());
        Said::of(shell.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
        // Behind a pipe whose reader has gone, pdex may still be at work when the shell is done.
        let environment = || {
            stage.docker(&[
                "ps",
                "-a",
                "--filter",
                &format!("name={}", stage.container("a")),
                "--format",
                "{{.Names}}",
            ])
        };
        eventually("it is there", || environment().trim() == stage.container("a"));
        eventually("nothing is left to do", || stage.run(&["plan"]).code == Some(0));
        stage.has_converged(&["a"]);
    }
}

#[test]
fn neither_a_home_nor_an_environment_is_needed() {
    let Some(stage) = Stage::set("bare") else { return };
    stage.define(
        "services: { a: { image: IMAGE, command: [stay], network_mode: none, stop_signal: SIGKILL } }\n",
    );
    let child = stage.command(&["up"]).env_clear().spawn().unwrap();
    Said::of(child).ends(0, &[]);
    let child = stage.command(&["down"]).env_clear().env("HOME", "/is/not/there").spawn().unwrap();
    Said::of(child).ends(0, &[]);
}
