//! `pdex generate-load` from outside: what it writes, what it refuses, how it ends; against a server of the test's own.

#![expect(clippy::disallowed_methods, reason = "the program is tested from outside")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

mod proxy;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

fn pdex(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.env_clear().arg("generate-load").args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A server that answers every request so, on a thread that lives as long as the test; its address.
fn server(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || serve(stream, answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &str) {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|read| read > 0) {
        if stream.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
const BROKEN: &str = "HTTP/1.1 500 No\r\ncontent-length: 2\r\n\r\n{}";
const NO_MODEL: &str = "HTTP/1.1 503 No\r\ncontent-length: 32\r\n\r\n{\"detail\":\"no model was loaded\"}\n";

#[test]
fn a_seed_writes_the_same_bytes_every_time() {
    let folder = tempfile::tempdir().unwrap();
    let trace = |name: &str, seed: &str| {
        let path = folder.path().join(name);
        let path = path.to_str().unwrap();
        let output = pdex(&["--dry-run", "--trace-out", path, "--seed", seed, "--duration", "2"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        std::fs::read(path).unwrap()
    };
    let first = trace("a", "7");
    assert!(first.len() > 10_000);
    assert_eq!(first, trace("b", "7"));
    assert_ne!(first, trace("c", "8"));
}

#[test]
fn a_run_is_told_as_table_document_and_page_and_can_be_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(file("s.yaml"), "mode: constant\nrate: 100\nduration: 1s\nrequests:\n  - get: /a\n")
        .unwrap();
    let target = server(OK);
    let run =
        ["--target", &target, "--scenario", &file("s.yaml"), "--html", &file("r.html"), "--slo", "errors<1%"];
    let output = pdex(&run);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("GET /a") && table.contains("✓ errors<1%: 0.00 %"), "{table}");
    assert!(std::fs::read_to_string(file("r.html")).unwrap().contains("<svg"));
    let output = pdex(&[&run[..], &["--json"]].concat());
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["requests"]["right"], 100, "{document:#}");
    assert!(document["latency_ms"]["p99"].is_number(), "{document:#}");
    let dry = ["--scenario", &file("s.yaml"), "--dry-run", "--trace-out", &file("t.jsonl")];
    assert!(pdex(&dry).status.success());
    let output = pdex(&["--target", &target, "--replay", &file("t.jsonl"), "--json"]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&document["mode"], &document["requests"]["right"]),
        (&"replayed constant".into(), &100.into())
    );
}

#[test]
fn the_most_that_is_answered_is_found_without_a_rate() {
    let target = server(OK);
    let output = pdex(&["--mode", "saturate", "--duration", "1s", "--target", &target, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["mode"], &document["http"]), (&"saturate".into(), &"HTTP/1.1".into()));
    assert!(document["requests"]["right"].as_u64().unwrap() > 64, "each several times: {document:#}");
    assert_eq!(document["connections_opened"], 32, "each is kept: {document:#}");
}

#[test]
fn the_end_says_what_came_of_it() {
    let short = ["--mode", "constant", "--duration", "300ms", "--rate", "50", "--target"];
    for (target, slo, code) in [
        (server(OK), "p50<10s", 0),
        (server(OK), "p50<1us", 8),
        (server(BROKEN), "errors<1%", 8),
        (server(BROKEN), "", 1),
    ] {
        let mut arguments = [&short[..], &[target.as_str()]].concat();
        if !slo.is_empty() {
            arguments.extend(["--slo", slo]);
        }
        let output = pdex(&arguments);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{slo}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
    }
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let scenario = file("s.yaml", "rate: 5\nrequests:\n  - get: /a\n  - put: /b\n");
    let endless = file("e.yaml", "mode: saturate\nrate: 5\nrequests: [{ get: /a }]\n");
    let trace = file("t.jsonl", "{}\n");
    let free = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let (no_model, well) = (server(NO_MODEL), server(OK));
    let in_tls = well.replace("http:", "https:");
    for (arguments, code, words) in [
        (vec!["--mode", "slow"], 2, "invalid value 'slow'"),
        (vec!["--duration", "0"], 2, "no time at all"),
        (vec!["--duration", "99999h"], 2, "too long"),
        (vec!["--rate=-1"], 2, "rate"),
        (vec!["--rate=0"], 2, "rate"),
        (vec!["--slo", "p99=5ms"], 2, "p99=5ms"),
        (vec!["--target", "ftp://127.0.0.1"], 2, "only http and https"),
        (vec!["--target", "https://127.0.0.1", "--ca", "/nowhere"], 2, "/nowhere: No such file"),
        (vec!["--target", &well, "--ca", "/nowhere"], 2, "https:// where"),
        (vec!["--target", &in_tls], 1, "http:// where"),
        (vec!["--http", "3"], 2, "invalid value '3'"),
        (vec!["--http", "2", "--target", &well], 1, "leave out --http 2"),
        (vec!["--streams", "8", "--target", &well], 2, "--http 2"),
        (vec!["--mode", "saturate", "--rate", "5"], 2, "rate: in --mode saturate"),
        (vec!["--scenario", &endless], 2, "rate: in --mode saturate"),
        (vec!["--mode", "saturate", "--slo", "rate>=95%"], 2, "rate>=95%"),
        (vec!["--mode", "saturate", "--dry-run"], 2, "--dry-run"),
        (vec!["--scenario", &scenario], 2, "s.yaml: line 4"),
        (vec!["--replay", &trace], 2, "t.jsonl: line 1"),
        (vec!["--replay", "/nowhere", "--target", &free], 2, "No such file"),
        (vec!["--trace-out", "x"], 2, "--dry-run"),
        (vec!["--mode", "burst", "--users", "5", "--target", &free], 2, "--rate"),
        (vec!["--target", &free], 1, "refused"),
        (vec!["--target", &no_model], 3, "no model was loaded"),
        (vec!["--target", "http://192.0.2.1:8000"], 2, "--i-own-this-target"),
        (vec!["--target", "http://0.0.0.0:8000"], 2, "--i-own-this-target"),
    ] {
        let output = pdex(&arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains("error: ") && said.contains(words), "{arguments:?}: {said}");
        assert_eq!(text(&output.stdout), "", "{arguments:?}");
    }
}

/// A child that is ended when the test is, whatever becomes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_keyboard_ends_a_run_with_its_summary() {
    let target = server(OK);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
    command.env_clear().args(["generate-load", "--mode", "constant", "--rate", "50", "--duration", "30s"]);
    command.args(["--progress", "tty", "--target", &target]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    // Its first line on the error output says that it sends.
    let mut first = [0; 1];
    running.0.stderr.as_mut().unwrap().read_exact(&mut first).unwrap();
    let process = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let mut said = String::new();
    running.0.stdout.as_mut().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("interrupted") && said.contains("/s achieved"), "{said}");
}

#[test]
fn nothing_is_written_where_it_was_not_asked_for() {
    assert!(!Path::new("x").exists(), "--trace-out without --dry-run writes no file");
}
