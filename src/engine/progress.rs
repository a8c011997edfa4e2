//! What a job says of its progress: lines of JSON among what it prints, with `done` and `total` as numbers and `what` or `table` as
//! words. Whatever else it prints is none of this file's business.

use futures_util::StreamExt as _;
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedSender;

use crate::event::{Event, Progress};
use crate::runtime::{LogOptions, Runtime};
use crate::world::{ContainerId, Instance};

/// A line of JSON that says something of progress; it may say more.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "table")]
    what: String,
    done: u64,
    total: u64,
}

/// What a line says, where it says it.
pub(super) fn parse(line: &str) -> Option<Progress> {
    let Line { what, done, total } = serde_json::from_str(line).ok()?;
    (total > 0 && !what.is_empty()).then_some(Progress { what, done: done.min(total), total })
}

/// Tells what a job says until it ends. An engine that does not give its lines costs the sight of them and nothing else.
pub(super) async fn follow<R: Runtime>(
    runtime: &R,
    instance: Instance,
    container: ContainerId,
    told: &UnboundedSender<Event>,
) -> Event {
    let options = LogOptions { follow: true, ..LogOptions::default() };
    let mut lines = runtime.logs(&container, &options);
    while let Some(Ok(line)) = lines.next().await {
        if let Some(progress) = parse(&line.text) {
            // Where nobody listens any more, the run is over.
            let _ = told.send(Event::Progressed { instance: instance.clone(), progress });
        }
    }
    Event::Woke
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn only_a_line_that_says_how_far_is_progress() {
        for (line, said) in [
            (
                r#"{"event":"fetched","source":"pokeapi","what":"moves","done":3,"total":226}"#,
                Some(("moves", 3, 226)),
            ),
            (
                r#"{"event":"loaded","table":"types","changed":18,"done":1,"total":11}"#,
                Some(("types", 1, 11)),
            ),
            (r#"{"what":"x","done":9,"total":3}"#, Some(("x", 3, 3))),
            (r#"{"what":"x","done":0,"total":0}"#, None),
            (r#"{"what":"","done":1,"total":2}"#, None),
            (r#"{"what":"x","done":-1,"total":2}"#, None),
            (r#"{"event":"phase","phase":"load"}"#, None),
            (r#"{"what":"x","done":1,"total":"#, None),
            ("7188 rows changed", None),
            ("", None),
        ] {
            let found = parse(line);
            assert_eq!(found.as_ref().map(|p| (p.what.as_str(), p.done, p.total)), said, "{line}");
        }
    }
}
