//! 300,000 lines through `pdex logs -f` from an engine that cuts its stream anywhere: none is lost, and what is not printed yet
//! stays with the engine. The engine is a socket in this test.

#![expect(clippy::disallowed_methods, reason = "the program is tested from outside")]
#![expect(clippy::unwrap_used, reason = "helpers of a test fail it")]

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const LINES: usize = 300_000;
/// Of the program at its largest, in KiB: the binary's own pages, and no backlog of some 30 MB.
const MOST_KIB: u64 = 40 * 1024;
/// What pipes, sockets and buffers between the engine and a reader that does not read may hold.
const MOST_AHEAD: usize = 4 * 1024 * 1024;

/// Of the container whose stream is cut over and over, each time with a few of them.
const CUT_LINES: usize = 120;

/// A line, its length not that of the one before.
fn line(number: usize) -> String {
    format!("line {number} {}", "x".repeat(number % 97))
}

/// An engine with one container, `web`, and how many bytes of its log were taken.
struct Engine {
    folder: tempfile::TempDir,
    sent: Arc<AtomicUsize>,
}

/// What an engine does with the stream of a log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Log {
    /// All of it, to the end.
    Whole,
    /// It breaks off again and again, while the container runs.
    Cut,
}

impl Engine {
    fn start(log: Log) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("stack.yaml"),
            "name: flood\nservices:\n  web: { image: \"web:1\" }\n",
        )
        .unwrap();
        let listener = UnixListener::bind(folder.path().join("engine.sock")).unwrap();
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, count) = (stream.unwrap(), Arc::clone(&count));
                thread::spawn(move || serve(stream, log, &count));
            }
        });
        Self { folder, sent }
    }

    fn follow(&self, output: Stdio) -> Child {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_pdex"));
        command.env_clear().env("TMPDIR", self.folder.path()).args(["-f", &path("stack.yaml")]);
        command.arg(format!("--docker-host=unix://{}", path("engine.sock")));
        command.args(["logs", "-f", "--no-log-prefix", "web"]).stdin(Stdio::null()).stdout(output);
        command.spawn().unwrap()
    }
}

/// Answers requests on a connection until it closes.
fn serve(mut stream: UnixStream, log: Log, sent: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request).unwrap_or_default() == 0 {
            return;
        }
        let mut header = String::new();
        while reader.read_line(&mut header).unwrap_or_default() > 2 {
            header.clear();
        }
        let path = request.split(' ').nth(1).unwrap();
        // The last line is told: it has ended.
        let runs = log == Log::Cut && sent.load(Ordering::Relaxed) < CUT_LINES;
        let state = if runs { "running" } else { "exited" };
        let container = r#"{"Id":"0123456789abcdef","Names":["/flood-web-1"],"Image":"web:1","ImageID":"sha256:1","Command":"web","Created":1767225600,"State":"STATE","Status":"as STATE as can be","Labels":{"com.docker.compose.project":"flood","com.docker.compose.service":"web"}}"#;
        let body = if path.ends_with("/version") {
            r#"{"ApiVersion":"1.41","MinAPIVersion":"1.12","Version":"20.10.0"}"#.to_owned()
        } else if path.contains("/containers/json") {
            format!("[{}]", container.replace("STATE", state))
        } else if path.contains("/0123456789abcdef/json") {
            r#"{"Config":{"Tty":false}}"#.to_owned()
        } else if path.contains("/logs") && log == Log::Cut {
            let _ = cut(&mut stream, path, sent);
            return;
        } else if path.contains("/logs") {
            // A reader that went away is the test's wish.
            let _ = flood(&mut stream, path.contains("since="), sent);
            return;
        } else {
            // Events: none come.
            write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").unwrap();
            let _ = reader.read(&mut [0]);
            return;
        };
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    }
}

/// The log in chunks that end anywhere, frames and lines in their middle. What is asked for after its end is nothing.
fn flood(stream: &mut UnixStream, after: bool, sent: &AtomicUsize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let (mut pending, mut size) = (Vec::new(), 1);
    for number in (0..LINES).filter(|_| !after) {
        let text = format!("2026-01-01T00:00:00.{number:09}Z {}\n", line(number));
        // Every seventh line is two messages of the log, as the engine makes of a long one.
        let cut = if number % 7 == 0 { 40 } else { text.len() };
        for (at, part) in [(0, &text[..cut.min(text.len())]), (1, &text[cut.min(text.len())..])] {
            if part.is_empty() {
                continue;
            }
            let time = if at == 1 { format!("2026-01-01T00:00:00.{number:09}Z ") } else { String::new() };
            let length = u32::try_from(time.len() + part.len()).unwrap();
            pending.extend_from_slice(&[1 + u8::from(number % 2 == 1), 0, 0, 0]);
            pending.extend_from_slice(&length.to_be_bytes());
            pending.extend_from_slice(time.as_bytes());
            pending.extend_from_slice(part.as_bytes());
        }
        while pending.len() >= size {
            let chunk: Vec<u8> = pending.drain(..size).collect();
            write!(stream, "{:x}\r\n", chunk.len())?;
            stream.write_all(&chunk)?;
            stream.write_all(b"\r\n")?;
            sent.fetch_add(chunk.len(), Ordering::Relaxed);
            size = size % 9_973 + 4_001;
        }
    }
    if !pending.is_empty() {
        write!(stream, "{:x}\r\n", pending.len())?;
        stream.write_all(&pending)?;
        stream.write_all(b"\r\n")?;
    }
    stream.write_all(b"0\r\n\r\n")
}

/// Some lines from the time that is asked for, then the half of one, then nothing: the connection is closed. Two lines each have
/// the same time. `told` is how many lines were sent whole so far.
fn cut(stream: &mut UnixStream, path: &str, told: &AtomicUsize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    let since = path.split(['?', '&']).find_map(|word| word.strip_prefix("since="));
    let from = since.map_or(0, |time| 2 * time.split_once('.').unwrap().1.parse::<usize>().unwrap());
    let until = (from + 3 + from % 5).min(CUT_LINES);
    for number in from..=until.min(CUT_LINES - 1) {
        let text = format!("2026-01-01T00:00:00.{:09}Z {}\n", number / 2, line(number));
        let mut frame = vec![1, 0, 0, 0];
        frame.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        frame.extend_from_slice(text.as_bytes());
        if number == until {
            frame.truncate(frame.len() / 2);
        }
        write!(stream, "{:x}\r\n", frame.len())?;
        stream.write_all(&frame)?;
        stream.write_all(b"\r\n")?;
        if number < until {
            told.fetch_max(number + 1, Ordering::Relaxed);
        }
    }
    if until == CUT_LINES { stream.write_all(b"0\r\n\r\n") } else { Ok(()) }
}

fn peak_kib(child: &Child) -> u64 {
    let status =
        std::fs::read_to_string(Path::new("/proc").join(child.id().to_string()).join("status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn no_line_is_lost_and_none_is_hoarded() {
    let engine = Engine::start(Log::Whole);
    let mut child = engine.follow(Stdio::piped());
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut text = String::new();
    output.read_line(&mut text).unwrap();
    assert_eq!(text.trim_end_matches('\n'), line(0));
    // Nothing more is read here until the engine has got rid of all that it can.
    let mut ahead = 0;
    loop {
        thread::park_timeout(std::time::Duration::from_millis(200));
        let now = engine.sent.load(Ordering::Relaxed);
        if now == ahead {
            break;
        }
        ahead = now;
    }
    assert!(ahead < MOST_AHEAD, "{ahead} bytes were taken from the engine and not printed");
    let mut peak = 0;
    for number in 1..LINES {
        text.clear();
        output.read_line(&mut text).unwrap();
        assert_eq!(text.trim_end_matches('\n'), line(number));
        if number == LINES - 1 {
            peak = peak_kib(&child);
        }
    }
    text.clear();
    assert_eq!(output.read_line(&mut text).unwrap(), 0, "nothing follows the last line, but {text}");
    assert!(child.wait().unwrap().success());
    assert!(peak < MOST_KIB, "{peak} KiB");
}

#[test]
fn a_stream_that_is_cut_is_taken_up_where_it_was() {
    let engine = Engine::start(Log::Cut);
    let output = engine.follow(Stdio::piped()).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (seen, expected): (Vec<&str>, Vec<String>) =
        (text.lines().collect(), (0..CUT_LINES).map(line).collect());
    assert_eq!(seen, expected);
    assert!(output.status.success());
}
