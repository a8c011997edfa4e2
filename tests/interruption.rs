//! Processes of the built program: against each other, against signals, and without an engine. The simulated engine is made to hang,
//! so that the first process is surely at work when something is done to it.

#![expect(clippy::disallowed_methods, reason = "the program is tested from outside")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

const STACK: &str = r#"
name: shop
services:
  db: { image: "postgres:15", volumes: ["data:/data"] }
  api: { image: "api:1", depends_on: [db] }
volumes: { data: {} }
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.yaml"), STACK).unwrap();
    folder
}

fn pdex(folder: &Path, engine: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.current_dir(folder).env_clear().env("TMPDIR", folder).args(["-f", "stack.yaml"]);
    command.args(engine.split_whitespace()).args(arguments).stdin(Stdio::null());
    command
}

/// Exit code and error output, with process numbers left out.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = String::from_utf8_lossy(&output.stderr);
    let words = text.split(' ').map(|word| {
        let number = word.trim_end_matches(['`', ')', '\n']).parse::<u32>().is_ok();
        if number { word.replace(|c: char| c.is_ascii_digit(), "") } else { word.to_owned() }
    });
    (output.status.code(), words.collect::<Vec<_>>().join(" "))
}

/// An `up` that is at work and will stay so: the engine stops answering after `calls`.
struct AtWork {
    child: Child,
    errors: BufReader<std::process::ChildStderr>,
}

impl AtWork {
    fn begin(folder: &Path, calls: u32) -> Self {
        let engine = format!("--runtime=sim:engine.json:hang={calls}");
        let mut child =
            pdex(folder, &engine, &["up"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        // With the first line of image work the run waits for the engine, and for signals.
        while !line.contains("pulling") {
            line.clear();
            assert_ne!(errors.read_line(&mut line).unwrap(), 0, "it goes on until it is ended");
        }
        Self { child, errors }
    }

    /// Exit code and the last line of the error output after a signal.
    fn end(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
        let mut rest = String::new();
        self.errors.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), rest.lines().last().unwrap_or_default().to_owned())
    }
}

/// A test that fails must not leave behind a run that never ends.
impl Drop for AtWork {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_second_run_on_a_project_is_refused_and_told_who_is_at_work() {
    let folder = folder();
    let first = AtWork::begin(folder.path(), 6);
    for command in ["up", "down", "stop"] {
        let output = pdex(folder.path(), "--runtime=sim:engine.json", &[command]).output().unwrap();
        let expected = "error: another pdex is at work on project shop: `pdex up`, process \n  hint: wait until it is done, or end it (`kill `)\n";
        assert_eq!(said(&output), (Some(1), expected.to_owned()), "{command}");
    }
    for command in ["ps", "plan", "logs"] {
        let output = pdex(folder.path(), "--runtime=sim:engine.json", &[command]).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 2)), "looking is allowed: {command}");
    }
    first.end(Signal::KILL);
    let output = pdex(folder.path(), "--runtime=sim:engine.json", &["up"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "who is killed holds nothing: {output:?}");
}

#[test]
fn a_signal_ends_a_run_at_once_with_its_code_and_the_next_goes_on() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for calls in [2, 4, 6, 8, 10] {
            let folder = folder();
            let (exit, last) = AtWork::begin(folder.path(), calls).end(signal);
            assert_eq!(exit, Some(code));
            assert!(last.starts_with("interrupted after "), "{last}");
            assert!(last.ends_with("; `pdex up` goes on from here"), "{last}");
            let output = pdex(folder.path(), "--runtime=sim:engine.json", &["up"]).output().unwrap();
            assert_eq!(output.status.code(), Some(0), "{output:?}");
        }
    }
}

#[test]
fn without_an_engine_every_command_that_needs_one_says_so_and_how_to_get_one() {
    let folder = folder();
    for command in ["up", "plan", "down", "stop", "ps", "logs", "validate"] {
        let engine = "--docker-host unix:///nonexistent/docker.sock";
        let (exit, text) = said(&pdex(folder.path(), engine, &[command]).output().unwrap());
        assert_eq!(exit, Some(4), "{command}: {text}");
        let (error, hint) = text.split_once("\n  hint: ").unwrap();
        assert!(
            error.starts_with(
                "error: the container engine at unix:///nonexistent/docker.sock does not answer: "
            ),
            "{error}"
        );
        assert!(hint.contains("Docker"), "{hint}");
    }
    let output =
        pdex(folder.path(), "--docker-host unix:///nonexistent/docker.sock", &["config"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "the definition alone needs no engine");
}
