//! Battles at a fixed rate, whatever the service does: `pace ADDRESS RATE SECONDS CONNECTIONS`. Latency counts from when a request
//! was due, so a service that stalls cannot hide it. Prints one line of JSON: answers by status (0: the connection broke), requests
//! given up because the one before on the connection was not answered yet, and latencies of the 200s in milliseconds, those of
//! `answer_…` from when the request was sent. Part of `make bench-api`.

#![expect(clippy::unwrap_used, reason = "a tool of the bench: what goes wrong ends it")]
#![expect(clippy::print_stdout, reason = "its result")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places in a list and microseconds"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

/// How late a request may leave before it is given up: then the service is behind and more would only queue here.
const LATE: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    given_up: u64,
    latencies_us: Vec<u64>,
    answers_us: Vec<u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, rate, seconds, connections] = arguments.as_slice() else { return };
    let (rate, seconds): (f64, f64) = (rate.parse().unwrap(), seconds.parse().unwrap());
    let connections: u32 = connections.parse().unwrap();
    let start = Instant::now() + Duration::from_millis(200);
    let tasks: Vec<_> = (0..connections)
        .map(|i| {
            let step = Duration::from_secs_f64(f64::from(connections) / rate);
            let first = start + step * i / connections;
            tokio::spawn(client(address.clone(), first, step, start + Duration::from_secs_f64(seconds), i))
        })
        .collect();
    let mut all = Seen::default();
    for task in tasks {
        let seen = task.await.unwrap();
        all.given_up += seen.given_up;
        all.latencies_us.extend(seen.latencies_us);
        all.answers_us.extend(seen.answers_us);
        for (status, count) in seen.statuses {
            *all.statuses.entry(status).or_default() += count;
        }
    }
    all.latencies_us.sort_unstable();
    all.answers_us.sort_unstable();
    let at = |sorted: &[u64], share: f64| {
        let i = (sorted.len() as f64 * share) as usize;
        sorted.get(i).or(sorted.last()).map_or(0.0, |us| *us as f64 / 1e3)
    };
    let (due, sent) = (all.latencies_us.as_slice(), all.answers_us.as_slice());
    println!(
        "{}",
        serde_json::json!({
            "statuses": all.statuses, "given_up": all.given_up,
            "p50_ms": at(due, 0.5), "p99_ms": at(due, 0.99), "max_ms": at(due, 1.0),
            "answer_p50_ms": at(sent, 0.5), "answer_p99_ms": at(sent, 0.99), "answer_max_ms": at(sent, 1.0),
        })
    );
}

async fn client(address: String, first: Instant, step: Duration, end: Instant, seed: u32) -> Seen {
    let mut found = Seen::default();
    let mut stream: Option<TcpStream> = None;
    let mut due = first;
    let mut turn = seed;
    while due < end {
        sleep_until(due).await;
        if due.elapsed() > LATE {
            found.given_up += 1;
        } else {
            if stream.is_none() {
                stream = TcpStream::connect(&address).await.ok();
            }
            turn = turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let sent = Instant::now();
            let answer = match &mut stream {
                Some(open) => ask(open, turn).await,
                None => None,
            };
            let Answer { status, last } = answer.unwrap_or(Answer { status: 0, last: true });
            *found.statuses.entry(status).or_default() += 1;
            if status == 200 {
                found.latencies_us.push(due.elapsed().as_micros() as u64);
                found.answers_us.push(sent.elapsed().as_micros() as u64);
            }
            if last {
                stream = None;
            }
        }
        due += step;
    }
    found
}

/// What came back.
struct Answer {
    status: u16,
    /// Whether the connection ends with it.
    last: bool,
}

/// One battle between two of the 151. `None` when the connection broke.
async fn ask(stream: &mut TcpStream, turn: u32) -> Option<Answer> {
    let body = format!(r#"{{"pokemon_a":{},"pokemon_b":{}}}"#, 1 + (turn >> 8) % 151, 1 + (turn >> 16) % 151);
    let request = format!(
        "POST /predict/battle HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.ok().filter(|read| *read > 0)?;
        filled += read;
        let text = std::str::from_utf8(&buffer[..filled]).ok()?;
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            if body.len() >= length.parse().ok()? {
                let status = head.get(9..12)?.parse().ok()?;
                return Some(Answer { status, last: head.contains("connection: close") });
            }
        }
    }
}
