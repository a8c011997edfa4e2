//! The timeline as text: a bar for each container, then the path that decided how long it took.

use std::fmt::Write as _;
use std::time::Duration;

use super::path::{Leg, Work};
use super::{Row, Span, Timeline};
use crate::report::spell;

/// Columns of a bar.
const BAR: u32 = 40;
/// Rows that are shown. Of more, those with the least to spare.
const ROWS: usize = 30;

/// Bars, the critical path and what pdex added.
pub fn text(timeline: &Timeline) -> String {
    let mut text = String::new();
    let slack = timeline.slack();
    let started = |at: &usize| timeline.rows[*at].start.is_some();
    let mut shown: Vec<usize> = (0..timeline.rows.len()).filter(started).collect();
    let hidden = shown.len().saturating_sub(ROWS);
    if hidden > 0 {
        shown.sort_by_key(|at| slack[*at]);
        shown.truncate(ROWS);
        shown.sort_unstable();
    }
    let width = shown.iter().map(|at| timeline.rows[*at].label.chars().count()).max().unwrap_or_default();
    let bar = BAR as usize;
    let _ = writeln!(text, "{:width$}  {:bar$}  {:>8}  {:>8}", "START-UP", "", "DONE", "SPARE");
    for at in shown {
        let row = &timeline.rows[at];
        let done = row.end().map_or_else(|| "–".to_owned(), seconds);
        let spare = if slack[at].is_zero() { "–".to_owned() } else { seconds(slack[at]) };
        let _ =
            writeln!(text, "{:width$}  {}  {done:>8}  {spare:>8}", row.label, bar_of(row, timeline.length()));
    }
    if hidden > 0 {
        let _ = writeln!(text, "… and {hidden} more, with more time to spare");
    }
    let _ = writeln!(text, "▒ image  ░ create  ▪ start  █ until ready or done");
    let path = timeline.critical_path();
    let _ = writeln!(text, "critical path: {}", described(timeline, &path));
    let overhead = timeline.overhead();
    let share = 100.0 * overhead.as_secs_f64() / timeline.whole.as_secs_f64().max(1e-9);
    let _ = write!(text, "added by pdex: {} of {} ({share:.1} %)", spell(overhead), spell(timeline.whole));
    text
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn bar_of(row: &Row, length: Duration) -> String {
    let mut columns = vec![' '; BAR as usize];
    let paints = [(row.image, '▒'), (row.create, '░'), (row.run, '█'), (row.start, '▪')];
    for (span, sign) in paints {
        let Some(Span { from, to }) = span else { continue };
        let first = column(from, length);
        let last = column(to.unwrap_or(length), length).max(first + 1);
        columns.iter_mut().take(last).skip(first).for_each(|column| *column = sign);
    }
    columns.into_iter().collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a bar's columns")]
fn column(at: Duration, length: Duration) -> usize {
    let share = at.as_secs_f64() / length.as_secs_f64().max(1e-9);
    ((share * f64::from(BAR)) as usize).min(BAR as usize - 1)
}

/// `db 1.2 s → etl 3.1 s → api 0.4 s`: neighbouring legs of one container in one piece.
pub(super) fn described(timeline: &Timeline, path: &[Leg]) -> String {
    let mut pieces: Vec<(String, Duration)> = Vec::new();
    for leg in path {
        let name = match (leg.row, leg.work) {
            (Some(row), Work::Image) => format!("image of {}", timeline.rows[row].label),
            (Some(row), _) => timeline.rows[row].label.clone(),
            (None, _) => "networks and volumes".to_owned(),
        };
        match pieces.last_mut() {
            Some((last, took)) if *last == name => *took += leg.took(),
            _ => pieces.push((name, leg.took())),
        }
    }
    // A fan-out passes its slots on from one container to the next: the ends of such a chain tell enough.
    let many = pieces.len() > 12;
    let spelled: Vec<String> = pieces.iter().map(|(name, took)| format!("{name} {}", spell(*took))).collect();
    if many {
        let left = spelled.len() - 8;
        return format!(
            "{} → … {left} more … → {}",
            spelled[..4].join(" → "),
            spelled[spelled.len() - 4..].join(" → ")
        );
    }
    spelled.join(" → ")
}
