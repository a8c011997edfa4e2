//! What people and programs read. The only layer that words and prints: results go to the writer of the standard output,
//! progress to the one of the error output.

pub mod audit;
pub mod backup;
pub mod doctor;
pub mod drill;
mod events;
pub mod export;
pub mod failures;
pub mod guide;
pub mod json;
pub mod junit;
pub mod listing;
pub mod live;
pub mod load;
pub mod log_lines;
mod names;
pub mod progress;
mod redact;
pub mod size;
pub mod steps;
pub mod support;
pub mod tables;
pub mod timeline;

use std::time::Duration;

use serde_json::{Value, json};

use crate::event::Phase;
use crate::world::time::Timestamp;

/// Raised when a field of a document changes its meaning or goes.
const VERSION: u32 = 1;

/// What every document for programs has: the version of its shape, and the time of its facts.
pub fn document(now: Timestamp, facts: Value) -> Value {
    let mut whole = json!({"version": VERSION, "timestamp": now.to_string()});
    if let (Value::Object(whole), Value::Object(facts)) = (&mut whole, facts) {
        whole.extend(facts);
    }
    whole
}

/// An amount of data: `512 B`, `1.5 KiB`, `23.4 MiB`.
pub fn bytes(count: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1_024 {
        return format!("{count} B");
    }
    let mut amount = count as f64 / 1_024.0;
    let mut unit = 0;
    while amount >= 1_023.95 && unit + 1 < units.len() {
        amount /= 1_024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", units[unit])
}

/// How long something took: `850 ms`, `3.2 s`, `2 min 05 s`.
pub fn spell(duration: Duration) -> String {
    let ms = duration.as_millis();
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// A phase in words.
pub fn words(phase: &Phase) -> String {
    match phase {
        Phase::Queued => "queued".to_owned(),
        Phase::ObtainingImage => "obtaining its image".to_owned(),
        Phase::Creating => "creating its container".to_owned(),
        Phase::Waiting { on } if on.is_empty() => "about to start".to_owned(),
        Phase::Waiting { on } => {
            format!("waiting for {}", on.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
        }
        Phase::Starting => "starting".to_owned(),
        Phase::Probing => "started, waiting until it is ready".to_owned(),
        Phase::Running => "running".to_owned(),
        Phase::Started { took } if took.is_zero() => "running".to_owned(),
        Phase::Started { took } => format!("started in {}, not waited for", spell(*took)),
        Phase::Ready { took } if took.is_zero() => "ready (was running)".to_owned(),
        Phase::Ready { took } => format!("ready after {}", spell(*took)),
        Phase::Completed { ran: false, .. } => "completed before, inputs unchanged".to_owned(),
        Phase::Completed { took, .. } => format!("completed in {}", spell(*took)),
        Phase::Failed(failure) => format!("failed: {}", failure.what),
        Phase::Skipped { because } => format!("skipped, {because} did not make it"),
        Phase::Unavailable { reason } => format!("unavailable: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_data_read_naturally() {
        for (count, expected) in
            [(0, "0 B"), (1_023, "1023 B"), (1_536, "1.5 KiB"), (1_048_570, "1.0 MiB"), (5 << 40, "5.0 TiB")]
        {
            assert_eq!(bytes(count), expected);
        }
    }

    #[test]
    fn durations_read_naturally() {
        for (ms, expected) in [(850, "850 ms"), (3_210, "3.2 s"), (125_000, "2 min 05 s")] {
            assert_eq!(spell(Duration::from_millis(ms)), expected);
        }
    }
}
