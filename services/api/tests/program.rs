//! The program from outside: arguments, settings, exit codes, signals.
#![expect(clippy::unwrap_used, reason = "a step of a test that fails is a test that fails")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

fn program(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex-api"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program(arguments, environment).output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

const DATABASE: [(&str, &str); 5] = [
    ("POSTGRES_HOST", "127.0.0.1"),
    ("POSTGRES_PORT", "1"),
    ("POSTGRES_DB", "d"),
    ("POSTGRES_USER", "u"),
    ("POSTGRES_PASSWORD", "hunter2"),
];

#[test]
fn bad_usage_and_settings_end_with_2_and_name_each_problem() {
    let with = |more: &[(&'static str, &'static str)]| [&DATABASE[..], more].concat();
    for (arguments, environment, words) in [
        (&["sing"][..], vec![], &["usage: pdex-api"][..]),
        (&[], vec![], &["error: POSTGRES_DB is not set", "error: a key is required and there is none"]),
        (&[], with(&[("DEV_MODE", "false")]), &["a key is required"]),
        (&[], with(&[("DEV_MODE", "si")]), &["DEV_MODE is \"si\""]),
        (&[], with(&[("DEV_MODE", "true"), ("API_BIND", "x")]), &["API_BIND is \"x\""]),
        (&[], with(&[("DEV_MODE", "true"), ("PDEX_LOG", "api=loud")]), &["PDEX_LOG is \"api=loud\""]),
        (&["healthcheck"], vec![("API_BIND", "x")], &["API_BIND is \"x\""]),
    ] {
        let (code, _, stderr) = run(arguments, &environment);
        assert_eq!(code, Some(2), "{arguments:?} {environment:?}: {stderr}");
        assert!(words.iter().all(|w| stderr.contains(w)), "{stderr}");
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

#[test]
fn a_port_in_use_ends_with_1_and_names_it() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let bind = taken.local_addr().unwrap().to_string();
    let environment = [&DATABASE[..], &[("DEV_MODE", "true"), ("API_BIND", &bind)]].concat();
    let (code, _, stderr) = run(&[], &environment);
    assert_eq!(code, Some(1));
    assert!(stderr.contains(&format!("error: cannot listen on {bind}: ")), "{stderr}");
}

#[test]
fn what_is_asked_for_is_printed() {
    let (code, stdout, _) = run(&["version"], &[]);
    assert_eq!((code, stdout.as_str()), (Some(0), concat!("pdex-api ", env!("CARGO_PKG_VERSION"), "\n")));
    let (code, stdout, _) = run(&["openapi"], &[]);
    let document: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &document["info"]["title"]), (Some(0), &"PredictionDex API".into()));
}

/// The program, serving on a port of its own; killed when the test fails.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    bind: String,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(more: &[(&str, &str)]) -> Running {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let bind = free.local_addr().unwrap().to_string();
    drop(free);
    let models = concat!(env!("CARGO_TARGET_TMPDIR"), "/no-models");
    let own = [("DEV_MODE", "true"), ("API_BIND", bind.as_str()), ("MODEL_DIR", models)];
    let mut child = program(&["serve"], &[&DATABASE[..], &own, more].concat()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    log.read_line(&mut line).unwrap();
    assert!(line.contains("\"listening\""), "{line}");
    Running { child, log, bind }
}

#[test]
fn it_lives_without_a_database_and_stops_on_sigterm() {
    let mut running = start(&[]);
    let mut stream = TcpStream::connect(&running.bind).unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");

    let (code, _, stderr) = run(&["healthcheck"], &[("API_BIND", &running.bind)]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("503") && stderr.contains("Failing: pokedex, model, database."), "{stderr}");

    let pid = running.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_eq!(running.child.wait().unwrap().code(), Some(0));
    let mut log = String::new();
    running.log.read_to_string(&mut log).unwrap();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let messages: Vec<_> = lines.iter().map(|line| line["fields"]["message"].as_str().unwrap()).collect();
    assert!(messages.contains(&"database unusable; trying again"), "{messages:?}");
    assert_eq!(messages.last(), Some(&"stopped"));
    assert!(!log.contains("hunter2"), "{log}");
}

/// The status of a read with a key: 401 when it is nobody's, 503 when it is let in, since there is no Pokédex.
fn status(bind: &str, key: &str) -> u16 {
    let mut stream = TcpStream::connect(bind).unwrap();
    let request = format!("GET /types HTTP/1.1\r\nhost: x\r\nx-api-key: {key}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer[9..12].parse().unwrap()
}

#[track_caller]
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed().as_secs() < 20, "not in time: {what}");
    }
}

#[test]
fn keys_are_read_again_on_a_signal_and_when_their_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let publish = |text: &str| {
        let fresh = folder.path().join("fresh");
        std::fs::write(&fresh, text).unwrap();
        std::fs::rename(fresh, &path).unwrap();
    };
    let file = |key: &str| {
        format!(r#"{{"keys": [{{"name": "a", "sha256": "{}"}}]}}"#, dex::model::sha256_hex(key.as_bytes()))
    };
    publish(&file("first"));
    let path_text = path.to_str().unwrap();
    let mut running =
        start(&[("API_KEY_REQUIRED", "true"), ("API_KEYS_FILE", path_text), ("API_KEY", "own")]);
    let bind = running.bind.clone();
    let pid = running.child.id().to_string();
    let hang_up = || assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    assert_eq!((status(&bind, "first"), status(&bind, "second")), (503, 401));

    publish(&file("second"));
    hang_up();
    eventually("the second key", || status(&bind, "second") == 503);
    assert_eq!((status(&bind, "first"), status(&bind, "own")), (401, 503));

    publish("{");
    hang_up();
    let mut line = String::new();
    while !line.contains("file of keys refused") {
        line.clear();
        assert!(running.log.read_line(&mut line).unwrap() > 0, "the log ended");
    }
    assert!(line.contains("keys.json is not a file of keys: EOF"), "{line}");
    assert_eq!((status(&bind, "second"), status(&bind, "third")), (503, 401));

    publish(&file("third"));
    eventually("the third key, without a signal", || status(&bind, "third") == 503);
    assert_eq!(status(&bind, "second"), 401);
}
