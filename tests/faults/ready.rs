//! Services that answer, go away and come back while they start, as the postgres image does: none may be called ready before it is
//! back for good. A hundred starts here; `PDEX_TEST_STARTS=1000` (`make bench-ready`) makes it more.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::time::Duration;

use serde_json::Value;

use crate::killed::Random;
use crate::stage::{Said, Stage};

/// Services of one `up`.
const AT_ONCE: u64 = 25;

/// A service whose temporary server answers for up to 1.5 s and is away for up to 0.5 s, published or not.
fn service(random: &mut Random, number: usize, port: u16) -> String {
    let (answers, away) = (50 + random.below(1_450), 20 + random.below(480));
    format!(
        "  s{number}:\n    image: IMAGE\n    command: [temporary, \"{answers}\", \"{away}\", then, serve, \"80\"]\n    stop_signal: SIGKILL\n    \
         ports: [\"127.0.0.1:{port}:80\"]\n    x-pdex: {{ ready: {{ tcp: 80 }} }}\n    \
         healthcheck: {{ test: [CMD, /actor, answers], interval: 30s, retries: 5 }}\n"
    )
}

/// Ports that nothing has at this moment, each another.
fn free_ports(count: u64) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// Runs an `up`; when each service was called ready, in milliseconds since 1970. pdex tells the time since it began, and a line is
/// read soon after it was written: the line that was read soonest says when that was. What is left of the difference is far
/// below the time for which a service is away.
fn called_ready(stage: &Stage) -> Vec<(String, u64)> {
    let mut child = stage.command(&["up", "--progress", "json"]).spawn().unwrap();
    let mut events = Vec::new();
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        let event: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let read = u64::try_from(std::time::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap();
        events.push((read, event["at_ms"].as_u64().unwrap(), event));
    }
    Said::of(child).ends(0, &[]);
    let began = events.iter().map(|(read, at, _)| read - at).min().unwrap();
    let ready = events.iter().filter(|(_, _, event)| event["phase"] == "ready");
    ready.map(|(_, at, event)| (event["service"].as_str().unwrap().to_owned(), began + at)).collect()
}

#[test]
fn no_service_is_called_ready_before_it_is_back_for_good() {
    let Some(stage) = Stage::set("ready") else { return };
    let starts = std::env::var("PDEX_TEST_STARTS").ok().and_then(|n| n.parse().ok()).unwrap_or(100_u64);
    let mut random = Random::seeded("temporary servers");
    let (mut seen, mut early, mut closest) = (0, Vec::new(), Duration::MAX);
    while seen < starts {
        let mut text = "services:\n".to_owned();
        for (number, port) in free_ports(AT_ONCE.min(starts - seen)).into_iter().enumerate() {
            let _ = write!(text, "{}", service(&mut random, number, port));
        }
        stage.define(&text);
        for (service, at) in called_ready(&stage) {
            let logs = stage.docker(&["logs", &stage.container(&service)]);
            let lasting = logs.lines().find_map(|line| line.strip_prefix("lasting at ")?.parse::<u64>().ok());
            seen += 1;
            match lasting.and_then(|lasting| at.checked_sub(lasting)) {
                Some(after) => closest = closest.min(Duration::from_millis(after)),
                None => early.push(format!("{service}: ready at {at}, for good at {lasting:?}")),
            }
        }
        eprintln!("{} false of {seen} starts so far", early.len());
        stage.run(&["down", "--timeout", "0"]).ends(0, &[]);
    }
    eprintln!("{} false of {seen} starts; the soonest {closest:?} after it was back", early.len());
    assert_eq!(early, [""; 0]);
}
