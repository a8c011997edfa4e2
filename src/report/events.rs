//! Events for programs: one JSON document a line (`--progress json`).

use std::time::Duration;

use serde_json::{Value, json};

use super::VERSION;
use super::words;
use crate::event::{Event, Phase};

/// One event, or `None` for what is of the engine's own interest.
pub(super) fn line(at: Duration, event: &Event) -> Option<Value> {
    let at_ms = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
    let mut line = match event {
        Event::Entered { instance, phase } => {
            let mut line = json!({
                "event": "phase",
                "service": instance.service,
                "number": instance.number,
                "phase": name(phase),
                "text": words(phase),
            });
            details(&mut line, phase);
            line
        }
        Event::ImageProgress { service, line } => {
            json!({"event": "image_progress", "service": service, "text": line})
        }
        Event::Progressed { instance, progress } => json!({
            "event": "progress",
            "service": instance.service,
            "number": instance.number,
            "what": progress.what,
            "done": progress.done,
            "total": progress.total,
        }),
        Event::ImageReady { service, image, source } => {
            json!({"event": "image", "service": service, "image": image.0, "source": format!("{source:?}").to_lowercase()})
        }
        Event::Warned { instance, message } => {
            json!({"event": "warning", "service": instance.service, "number": instance.number, "text": message})
        }
        _ => return None,
    };
    line["version"] = VERSION.into();
    line["at_ms"] = at_ms.into();
    Some(line)
}

fn details(line: &mut Value, phase: &Phase) {
    match phase {
        Phase::Waiting { on } => line["on"] = json!(on),
        Phase::Started { took } | Phase::Ready { took } | Phase::Completed { took, .. } => {
            line["took_ms"] = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).into();
        }
        Phase::Failed(failure) => line["cause"] = failure.what.as_str().into(),
        Phase::Skipped { because } => line["because"] = json!(because),
        _ => {}
    }
}

/// A phase's name for programs.
pub(super) fn name(phase: &Phase) -> &'static str {
    match phase {
        Phase::Queued => "queued",
        Phase::ObtainingImage => "obtaining_image",
        Phase::Creating => "creating",
        Phase::Waiting { .. } => "waiting",
        Phase::Starting => "starting",
        Phase::Probing => "probing",
        Phase::Running => "running",
        Phase::Started { .. } => "started",
        Phase::Ready { .. } => "ready",
        Phase::Completed { .. } => "completed",
        Phase::Failed(_) => "failed",
        Phase::Skipped { .. } => "skipped",
        Phase::Unavailable { .. } => "unavailable",
    }
}
