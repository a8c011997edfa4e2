//! Constant load on a published port, from the network of a node, and what came of each request.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::ground::Node;
use crate::image;

/// A program that asks, and the thread that reads what it says.
pub(crate) struct Load {
    child: Child,
    lines: Receiver<String>,
    begin: Instant,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Shot {
    /// Since the load began.
    pub(crate) at: Duration,
    /// What was answered, or why nothing was.
    pub(crate) answer: Result<String, String>,
}

impl Load {
    /// A request every so many milliseconds, each on its own, however long the others take.
    pub(crate) fn on(node: &Node, port: u16, period_ms: u64) -> Self {
        let program = image::COMPILED.with_file_name("actor");
        let mut command = node.inside(program.to_str().unwrap());
        command.args(["load", &port.to_string(), &period_ms.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (tell, lines) = channel();
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| tell.send(line)));
        Self { child, lines, begin: Instant::now() }
    }

    /// Since it began.
    pub(crate) fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// Ends it: every request in the order of their beginnings.
    pub(crate) fn end(mut self) -> Vec<Shot> {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        let mut shots: Vec<Shot> = self.lines.iter().filter_map(|line| shot(&line)).collect();
        shots.sort_by_key(|shot| shot.at);
        shots
    }
}

/// Lets a load go on for a while.
pub(crate) fn goes_on(duration: Duration) {
    std::thread::sleep(duration);
}

fn shot(line: &str) -> Option<Shot> {
    let (at, rest) = line.split_once(' ')?;
    let (kind, words) = rest.split_once(' ').unwrap_or((rest, ""));
    let answer = if kind == "ok" { Ok(words.to_owned()) } else { Err(words.to_owned()) };
    Some(Shot { at: Duration::from_millis(at.parse().ok()?), answer })
}

/// Those that were not answered.
pub(crate) fn failed(shots: &[Shot]) -> Vec<&Shot> {
    shots.iter().filter(|shot| shot.answer.is_err()).collect()
}
