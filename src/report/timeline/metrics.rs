//! The timeline as metrics that node-exporter reads from a file, so that a dashboard shows the last `up` and nobody needs Grafana's
//! credentials to tell it. The names are of the project's one list (services/dex/src/metrics.rs).

use std::fmt::Write as _;
use std::time::Duration;

use super::{Row, Timeline};
use crate::world::time::Timestamp;

/// What is told of each container: name, meaning, and when it was.
type Moment = (&'static str, &'static str, fn(&Row) -> Option<Duration>);

const MOMENTS: [Moment; 2] = [
    (
        "pdex_up_started_timestamp_seconds",
        "When the container's process began to run, in the last up that started anything.",
        |row| row.run.map(|run| run.from),
    ),
    ("pdex_up_ready_timestamp_seconds", "When it was ready, or had done its work.", |row| {
        row.end().filter(|_| row.is_well)
    }),
];

/// In Prometheus' text format; the run ended at `ended`.
pub fn metrics(timeline: &Timeline, ended: Timestamp) -> String {
    let began = ended.before(timeline.length());
    let mut text = String::new();
    for (name, help, when) in MOMENTS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
        for row in &timeline.rows {
            if let Some(at) = when(row) {
                let _ = writeln!(text, "{name}{{service=\"{}\"}} {}", row.label, began.after(at).as_query());
            }
        }
    }
    let name = "pdex_up_duration_seconds";
    let _ = writeln!(text, "# HELP {name} How long that up took.\n# TYPE {name} gauge");
    let _ = writeln!(text, "{name} {:.3}", timeline.whole.as_secs_f64());
    text
}
