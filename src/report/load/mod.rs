//! `generate-load` in words: the closing table, the document for programs, the live line, the page.

mod page;

use std::time::Duration;

use serde_json::{Value, json};

use super::tables::{table, trimmed};
use super::{bytes, document};
use crate::load::Mode;
use crate::load::line::Http;
use crate::load::slo::Verdict;
use crate::load::tally::{Moment, Summary};
use crate::load::witness::Testimony;
use crate::world::time::Timestamp;

pub use page::html;

/// What a run was, and what came of it.
#[derive(Debug)]
pub struct Run<'a> {
    pub target: String,
    /// What was spoken.
    pub http: Http,
    /// Requests at once on each connection, at the most.
    pub streams: usize,
    /// As a person types it; `replay` where a trace was sent again.
    pub kind: String,
    /// Whether requests left when they were due, and not when there was an answer.
    pub has_schedule: bool,
    pub seed: u64,
    pub users: u32,
    pub summary: &'a Summary,
    pub verdicts: &'a [Verdict],
    /// What the server says of it, where it was asked.
    pub testimony: Option<&'a Testimony>,
    pub interrupted: bool,
}

/// `mode` in the command line's word.
pub fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Realistic => "realistic",
        Mode::Burst => "burst",
        Mode::Spike => "spike",
        Mode::Ramp => "ramp",
        Mode::Soak => "soak",
        Mode::Constant => "constant",
        Mode::Saturate => "saturate",
    }
}

/// `0.43 ms`, `12.1 ms`, `1.98 s`
fn precise(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    match ms {
        _ if ms < 10.0 => format!("{ms:.2} ms"),
        _ if ms < 1_000.0 => format!("{ms:.1} ms"),
        _ => format!("{:.2} s", ms / 1e3),
    }
}

/// The end of a run on the standard output.
pub fn text(run: &Run<'_>) -> String {
    let summary = run.summary;
    let mut rows = table(&["request", "count", "errors", "p50", "p90", "p99", "p99.9", "max"]);
    let all = ("all".to_owned(), &summary.all);
    for (name, row) in summary.rows.iter().map(|(name, row)| (name.clone(), row)).chain([all]) {
        let mut cells = vec![name, row.requests.to_string(), row.errors.to_string()];
        cells.extend([50.0, 90.0, 99.0, 99.9].map(|percent| precise(row.percentile(percent))));
        cells.push(precise(row.max()));
        rows.add_row(cells);
    }
    format!("{}\n\n{}", trimmed(&rows), facts(run).join("\n"))
}

/// Everything else that a person should know, a line each.
fn facts(run: &Run<'_>) -> Vec<String> {
    let summary = run.summary;
    let mut lines = vec![format!(
        "{} requests in {:.1} s: {:.1}/s offered, {:.1}/s achieved, {} read",
        summary.offered,
        summary.took.as_secs_f64(),
        summary.offered as f64 / summary.took.as_secs_f64().max(1e-9),
        summary.rate(),
        bytes(summary.bytes)
    )];
    lines.push(spoken(run));
    lines.push(if run.has_schedule {
        format!(
            "times count from when a request was due; from when it left, p99 would be {}, p99.9 {}",
            precise(summary.service_percentile(99.0)),
            precise(summary.service_percentile(99.9))
        )
    } else {
        "each answer called for the next request: what a stall would keep others waiting is not in the times"
            .to_owned()
    });
    if summary.mistakes > 0 {
        lines.push(format!("{} mistakes made on purpose, refused as they should be", summary.mistakes));
    }
    if summary.errors() > 0 {
        let kinds: Vec<String> =
            summary.kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        lines.push(format!("errors: {:.2} % ({})", summary.error_share() * 100.0, kinds.join(", ")));
    }
    if run.interrupted {
        lines.push(format!("interrupted; {} requests were cut off", summary.cut));
    }
    if !summary.is_valid() {
        lines.push(format!(
            "not to be relied on: this machine was too busy to keep the schedule (p99 {} late)",
            precise(summary.late_percentile(99.0))
        ));
    }
    lines.extend(run.testimony.map(ToString::to_string));
    for verdict in run.verdicts {
        let mark = if verdict.kept { "✓" } else { "✗" };
        lines.push(format!("{mark} {}: {}", verdict.objective, verdict.measured));
    }
    lines
}

/// By what protocol, and whether connections were kept.
fn spoken(run: &Run<'_>) -> String {
    let count = run.summary.connections;
    let opened = format!("{}, {count} connection{} opened", run.http, if count == 1 { "" } else { "s" });
    match run.http {
        Http::One => opened,
        Http::Two => format!("{opened}, up to {} requests at once on each", run.streams),
    }
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// `--json`
pub fn json(run: &Run<'_>, now: Timestamp) -> Value {
    let summary = run.summary;
    let percentiles = |of: &dyn Fn(f64) -> Duration| json!({"p50": ms(of(50.0)), "p90": ms(of(90.0)), "p95": ms(of(95.0)), "p99": ms(of(99.0)), "p99.9": ms(of(99.9)), "max": ms(of(100.0))});
    let rows: Vec<Value> = summary
        .rows
        .iter()
        .map(|(name, row)| {
            let times = percentiles(&|percent| row.percentile(percent));
            json!({"request": name, "requests": row.requests, "errors": row.errors, "latency_ms": times})
        })
        .collect();
    let series: Vec<Value> = summary.moments.iter().map(moment).collect();
    let verdicts: Vec<Value> = run
        .verdicts
        .iter()
        .map(|v| json!({"objective": v.objective, "measured": v.measured, "kept": v.kept}))
        .collect();
    let facts = json!({
        "target": run.target,
        "http": run.http.to_string(),
        "connections_opened": summary.connections,
        "mode": run.kind,
        "seed": run.seed,
        "users": run.users,
        "interrupted": run.interrupted,
        "valid": summary.is_valid(),
        "duration_s": summary.took.as_secs_f64(),
        "requests": {
            "offered": summary.offered,
            "ended": summary.ended(),
            "right": summary.answered(),
            "errors": summary.errors(),
            "mistakes": summary.mistakes,
            "cut": summary.cut,
        },
        "errors_by_kind": summary.kinds,
        "bytes": summary.bytes,
        "rate": {
            "offered": summary.offered as f64 / summary.took.as_secs_f64().max(1e-9),
            "achieved": summary.rate(),
        },
        "latency_ms": percentiles(&|percent| summary.percentile(percent)),
        "mean_ms": ms(summary.mean()),
        "service_time_ms": percentiles(&|percent| summary.service_percentile(percent)),
        "dispatch_late_ms": percentiles(&|percent| summary.late_percentile(percent)),
        "rows": rows,
        "series": series,
        "slo": verdicts,
        "server_counted": run.testimony.map(|t| json!({"sent": t.answered, "api": t.api, "prometheus": t.prometheus})),
    });
    document(now, facts)
}

fn moment(moment: &Moment) -> Value {
    json!({
        "until_s": moment.until.as_secs_f64(),
        "offered": moment.offered,
        "ended": moment.ended,
        "errors": moment.errors,
        "p50_ms": ms(moment.p50),
        "p99_ms": ms(moment.p99),
        "max_ms": ms(moment.max),
    })
}

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Intervals that the sparkline shows.
const SHOWN: usize = 20;

/// One line about a run that goes on: how far it is, its rate over time, its last interval.
pub fn live(now: Duration, whole: Duration, moments: &[Moment]) -> String {
    let shown = &moments[moments.len().saturating_sub(SHOWN)..];
    let most = shown.iter().map(|moment| moment.ended).max().unwrap_or(0).max(1);
    let spark: String = shown.iter().map(|moment| BLOCKS[block(moment.ended, most)]).collect();
    let Some(last) = moments.last() else { return String::new() };
    let before = moments.len().checked_sub(2).map_or(Duration::ZERO, |at| moments[at].until);
    let rate = last.ended as f64 / last.until.saturating_sub(before).as_secs_f64().max(1e-9);
    let errors: u64 = moments.iter().map(|moment| moment.errors).sum();
    format!(
        "{:.0}/{:.0} s {spark} {rate:.0}/s  p50 {}  p99 {}  max {}  errors {errors}",
        now.as_secs_f64(),
        whole.as_secs_f64(),
        precise(last.p50),
        precise(last.p99),
        precise(last.max),
    )
}

fn block(value: u64, most: u64) -> usize {
    usize::try_from(value * 7 / most).unwrap_or(7).min(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tally::{End, Ended, Tally, Times};

    fn summary() -> Summary {
        let mut tally = Tally::new();
        for at in 1..=100_u64 {
            let end = if at == 100 { End::Status(500) } else { End::Right };
            let times = Some(Times { due: Duration::from_millis(at), left: Duration::from_micros(at) });
            tally.offer(Duration::ZERO);
            if at == 1 {
                tally.connected();
            }
            tally.count(&Ended { name: "GET /<a>", mistake: false, end, times, bytes: 10 });
            if at % 25 == 0 {
                tally.close_interval(Duration::from_secs(at / 25));
            }
        }
        tally.summary(Duration::from_secs(4))
    }

    fn run(summary: &Summary) -> Run<'_> {
        Run {
            target: "http://127.0.0.1:8000".to_owned(),
            http: Http::One,
            streams: 1,
            kind: "constant".to_owned(),
            has_schedule: true,
            seed: 1,
            users: 0,
            summary,
            verdicts: &[],
            testimony: None,
            interrupted: false,
        }
    }

    #[test]
    fn the_table_and_the_document_have_the_same_facts() {
        let summary = summary();
        let text = text(&run(&summary));
        for part in
            ["GET /<a>", "25.0/s offered, 25.0/s achieved", "errors: 1.00 % (status 500 1)", "99.0 ms"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let document = json(&run(&summary), Timestamp(0));
        assert_eq!(document["requests"]["errors"], 1);
        assert_eq!(document["errors_by_kind"]["status 500"], 1);
        assert_eq!(document["series"].as_array().unwrap().len(), 4);
    }

    #[test]
    fn what_was_spoken_is_told() {
        let summary = summary();
        assert!(text(&run(&summary)).contains("HTTP/1.1, 1 connection opened\ntimes count from"));
        let two = Run { http: Http::Two, streams: 4, has_schedule: false, ..run(&summary) };
        let told = text(&two);
        assert!(told.contains("HTTP/2, 1 connection opened, up to 4 requests at once on each"), "{told}");
        assert!(told.contains("each answer called for the next"), "{told}");
        assert_eq!(json(&two, Timestamp(0))["http"], "HTTP/2");
    }

    #[test]
    fn the_page_needs_nothing_else_and_escapes_names() {
        let summary = summary();
        let page = html(&run(&summary));
        assert!(page.contains("GET /&lt;a&gt;") && !page.contains("<a>"), "{page}");
        for foreign in ["src=", "href=", "@import", "url(", "<script"] {
            assert!(!page.contains(foreign), "{foreign}");
        }
        assert!(page.matches("<svg").count() == 3, "rate, times, percentiles");
        assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
        let empty = Tally::new().summary(Duration::ZERO);
        assert!(!html(&run(&empty)).contains("NaN"));
    }

    #[test]
    fn a_line_shows_what_goes_on() {
        let line = live(Duration::from_secs(4), Duration::from_secs(10), &summary().moments);
        assert!(line.starts_with("4/10 s ████ 25/s  p50 88.1 ms"), "{line}");
    }
}
