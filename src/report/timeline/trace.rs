//! The timeline as a trace that Chrome (under `chrome://tracing`) and Perfetto open. Format: "Trace Event Format", complete events (`ph: X`), times
//! in microseconds.

use std::time::Duration;

use serde_json::{Value, json};

use super::Timeline;
use super::path::Work;

/// The trace as JSON text.
pub fn trace(timeline: &Timeline) -> String {
    let mut events = Vec::new();
    let mut thread = |id: usize, name: &str| {
        events.push(json!({"ph": "M", "pid": 1, "tid": id, "name": "thread_name", "args": {"name": name}}));
    };
    thread(0, "critical path");
    for (at, row) in timeline.rows.iter().enumerate() {
        thread(at + 1, &row.label);
    }
    for leg in timeline.critical_path() {
        let owner = leg.row.map_or("networks and volumes", |row| &timeline.rows[row].label);
        events.push(complete(0, &format!("{owner}: {}", word(leg.work)), leg.from, leg.took()));
    }
    for (at, row) in timeline.rows.iter().enumerate() {
        for work in [Work::Image, Work::Create, Work::Start, Work::Run] {
            if let Some(span) = row.span(work) {
                events.push(complete(at + 1, word(work), span.from, span.took()));
            }
        }
    }
    format!("{:#}\n", json!({"displayTimeUnit": "ms", "traceEvents": events}))
}

fn complete(thread: usize, name: &str, from: Duration, took: Duration) -> Value {
    json!({"ph": "X", "pid": 1, "tid": thread, "name": name, "ts": micros(from), "dur": micros(took)})
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// What was at work, in a word.
pub(super) fn word(work: Work) -> &'static str {
    match work {
        Work::Prepare => "prepare",
        Work::Image => "image",
        Work::Create => "create",
        Work::Start => "start",
        Work::Run => "until ready or done",
    }
}
