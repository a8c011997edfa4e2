//! What reaches the process inside: the signals of a `run`, and the commands that are run before a stop.

use rustix::process::{Pid, Signal, kill_process};

use crate::stage::{Said, Stage, eventually};

/// Its own process would ignore signals; `init` passes them on to one that does not.
fn stack(init: bool) -> String {
    format!("services: {{ a: {{ image: IMAGE, command: [stay], init: {init}, network_mode: none }} }}\n")
}

/// Runs the service and, once it runs, sends the signals: each when the one before has had no effect.
fn signalled(stage: &Stage, signals: &[Signal]) -> Said {
    let child = stage.command(&["run", "--rm", "-T", "a"]).spawn().unwrap();
    let listed = ["ps", "--filter", &format!("name={}", stage.project), "--format", "{{.Names}}"];
    eventually("it runs", || !stage.docker(&listed).trim().is_empty());
    let project = format!("label=com.docker.compose.project={}", stage.project);
    let kills = ["events", "--since", "1m", "--until", "0s", "--filter", "event=kill", "--filter", &project];
    for (before, signal) in signals.iter().enumerate() {
        kill_process(Pid::from_child(&child), *signal).unwrap();
        eventually("the engine has it", || stage.docker(&kills).lines().count() > before);
    }
    let said = Said::of(child);
    assert_eq!(stage.containers(), [""; 0], "the one-off container is gone: {said:#?}");
    said
}

#[test]
fn a_signal_to_a_run_is_the_containers() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let Some(stage) = Stage::set(&format!("run-{code}")) else { return };
        stage.define(&stack(true));
        signalled(&stage, &[signal]).ends(code, &[]);
    }
}

#[test]
fn a_second_signal_to_a_run_ends_a_container_that_ignores_the_first() {
    let Some(stage) = Stage::set("run-twice") else { return };
    stage.define(&stack(false));
    signalled(&stage, &[Signal::INT, Signal::TERM]).ends(137, &[]);
}

#[test]
fn what_is_to_be_done_before_a_stop_is_done_by_every_command_that_stops() {
    let Some(stage) = Stage::set("pre-stop") else { return };
    let out = stage.folder.path().join("out");
    for (command, number) in [("stop", 1), ("down", 2)] {
        std::fs::create_dir_all(&out).unwrap();
        stage.define(&format!(
            "services:\n  a:\n    image: IMAGE\n    command: [stay]\n    network_mode: none\n    stop_signal: SIGKILL\n    volumes: [\"./out:/out\"]\n    \
             pre_stop: [{{ command: [/actor, write, /out/said, \"{number}\"] }}]\n"
        ));
        stage.run(&["up"]).ends(0, &[]);
        stage.run(&[command]).ends(0, &["stopped container"]);
        assert_eq!(std::fs::read_to_string(out.join("said")).unwrap(), number.to_string(), "{command}");
    }
}
