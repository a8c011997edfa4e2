//! What the double tells over time: what happens to containers, and what they print.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, LocalBoxStream};
use tokio::time::sleep;

use super::Simulated;
use super::memory::Held;
use super::operate::at;
use crate::definition::model::ServiceName;
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Line, Operate as _, Window};
use crate::world::ContainerId;
use crate::world::live::Happening;
use crate::world::time::Timestamp;

/// Between two looks at what has happened.
const LOOK: Duration = Duration::from_millis(100);

impl Simulated {
    /// What happens after a time, until another.
    pub(super) fn watch(
        &self,
        project: String,
        after: Timestamp,
        until: Option<Timestamp>,
    ) -> LocalBoxStream<'_, Result<Happening, RuntimeError>> {
        let looks = stream::unfold((project, after, false), move |(project, seen, over)| async move {
            if over {
                return None;
            }
            self.settle();
            let mut found = self.happened(&project, seen);
            found.retain(|happening| until.is_none_or(|until| happening.at <= until));
            let over = until.is_some_and(|until| self.now() >= until);
            if !over {
                sleep(LOOK).await;
            }
            let seen = found.last().map_or(seen, |last| last.at);
            Some((stream::iter(found.into_iter().map(Ok)), (project, seen, over)))
        });
        looks.flatten().boxed_local()
    }

    /// Everything that happened to the project's containers after a time, in order.
    fn happened(&self, project: &str, after: Timestamp) -> Vec<Happening> {
        let memory = self.state.borrow();
        let ours = memory.containers.iter().filter(|(_, held)| held.project == project);
        let mut all: Vec<Happening> = ours.flat_map(|(id, held)| life(id, held)).collect();
        all.retain(|happening| happening.at > after);
        all.sort_by_key(|happening| happening.at);
        all
    }

    /// The lines of a container; those of one with a pace come as it runs.
    pub(super) fn printed(
        &self,
        id: &ContainerId,
        window: &Window,
    ) -> Result<LocalBoxStream<'_, Result<Line, RuntimeError>>, RuntimeError> {
        let (text, pace_ms, begin) = self.held(id, |held| {
            let begin = held.facts.started_ms.unwrap_or_default();
            (held.labels.get("sim.log").cloned().unwrap_or_default(), held.number("sim.log_ms"), begin)
        })?;
        let timed = text.lines().zip(0..).map(|(text, index)| Line {
            at: Some(at(begin + index * pace_ms.unwrap_or(1))),
            error: text.starts_with("error"),
            text: text.as_bytes().to_vec(),
        });
        let wanted = |line: &Line| {
            window.since.is_none_or(|since| line.at >= Some(since))
                && window.until.is_none_or(|until| line.at <= Some(until))
        };
        let lines: Vec<Line> = timed.filter(wanted).collect();
        let coming = window.follow && pace_ms.is_some();
        let kept = window.tail.filter(|_| !coming).map_or(lines.len(), |tail| tail as usize).min(lines.len());
        let skipped = lines.len() - kept;
        let start = (lines.into_iter().skip(skipped), id.clone());
        let follow = window.follow;
        let lines = stream::unfold(start, move |(mut lines, id)| async move {
            let Some(line) = lines.next() else {
                // Who follows stays until it has ended.
                if follow {
                    self.until(&id, |held| (!held.running).then_some(())).await.ok()?;
                }
                return None;
            };
            let due = self
                .until(&id, |held| (!coming || !held.running || line.at <= Some(now(held))).then_some(()));
            let due = due.await.map(|()| line);
            Some((due, (lines, id)))
        });
        Ok(lines.boxed_local())
    }
}

/// The time of day, from what a container knows of it.
fn now(held: &Held) -> Timestamp {
    at(held.facts.epoch.map(|epoch| epoch.ms(tokio::time::Instant::now())).unwrap_or_default())
}

/// The events of one container that can be told from what it remembers.
fn life(id: &str, held: &Held) -> Vec<Happening> {
    let tell = |ms: u64, action: &str, details: BTreeMap<String, String>| Happening {
        at: at(ms),
        action: action.to_owned(),
        container: ContainerId(id.to_owned()),
        name: held.name.clone(),
        service: ServiceName::new(held.service.as_str()),
        details,
    };
    let mut life = vec![tell(held.facts.created_ms, "create", BTreeMap::new())];
    life.extend(held.facts.started_ms.map(|ms| tell(ms, "start", BTreeMap::new())));
    if let (Some(ms), Some(exit)) = (held.facts.finished_ms, held.exit()) {
        life.push(tell(ms, "die", BTreeMap::from([("exitCode".to_owned(), exit.code.to_string())])));
    }
    life
}
