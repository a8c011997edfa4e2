//! The log lines of several containers as one stream. Each container's stream is read only as fast as its lines are taken, so
//! that what waits is held by the engine and not here.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{LocalBoxStream, Peekable, SelectAll};
use futures_util::{FutureExt as _, StreamExt as _};

use crate::runtime::RuntimeError;
use crate::runtime::operate::{Line, Operate, Window};
use crate::world::live::{Happening, Listed};
use crate::world::time::Timestamp;
use crate::world::{ContainerId, State};

/// Where lines go.
pub trait Sink {
    /// A line of a container.
    fn line(&mut self, from: &Listed, line: &Line) -> io::Result<()>;
    /// No further line is there yet.
    fn idle(&mut self) -> io::Result<()>;
    /// The lines of a container cannot be had, or not to the end.
    fn broken(&mut self, from: &Listed, error: &RuntimeError);
}

/// Why nothing more comes.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Whose lines are wanted.
pub type Wanted<'a> = &'a dyn Fn(&Listed) -> bool;

/// The lines that are there, in the order of their times.
pub async fn show<R: Operate>(
    runtime: &R,
    project: &str,
    wanted: Wanted<'_>,
    window: &Window,
    sink: &mut dyn Sink,
) -> Result<(), Broken> {
    let mut heads: Vec<(Listed, Peekable<LocalBoxStream<'_, _>>)> = Vec::new();
    for container in runtime.list(project).await?.into_iter().filter(|listed| wanted(listed)) {
        match runtime.lines(&container.id, window).await {
            Ok(lines) => heads.push((container, lines.peekable())),
            Err(e) => sink.broken(&container, &e),
        }
    }
    loop {
        let mut first: Option<(Option<Timestamp>, usize)> = None;
        for (index, (_, lines)) in heads.iter_mut().enumerate() {
            let head = Pin::new(lines).peek().await;
            let at = match head {
                Some(Ok(line)) => line.at,
                Some(Err(_)) => None,
                None => continue,
            };
            if first.is_none_or(|(earliest, _)| at < earliest) {
                first = Some((at, index));
            }
        }
        let Some((_, index)) = first else { break };
        let (container, lines) = &mut heads[index];
        match lines.next().await {
            Some(Ok(line)) => sink.line(container, &line)?,
            Some(Err(e)) => sink.broken(container, &e),
            None => {}
        }
    }
    Ok(sink.idle()?)
}

/// The lines that are there and those that come, of containers that start later too, until the last one has ended.
pub async fn follow<R: Operate>(
    runtime: &R,
    project: &str,
    wanted: Wanted<'_>,
    window: &Window,
    sink: &mut dyn Sink,
) -> Result<(), Broken> {
    let begun = runtime.now();
    let mut followed = Followed { runtime, lines: SelectAll::new(), seen: BTreeMap::new() };
    for container in runtime.list(project).await?.into_iter().filter(|listed| wanted(listed)) {
        followed.open(container, window, sink).await;
    }
    // Also what started since just before the list was made: one that is followed already is let pass.
    let mut starts = runtime.happenings(project, Some(begun.before(Duration::from_secs(1))), window.until);
    let mut deaf = false;
    loop {
        if followed.lines.is_empty() && !followed.reopen(project, wanted, window, sink).await? {
            return Ok(sink.idle()?);
        }
        let item = if let Some(item) = followed.lines.next().now_or_never() {
            item
        } else {
            sink.idle()?;
            tokio::select! {
                biased;
                item = followed.lines.next() => item,
                start = starts.next(), if !deaf => {
                    deaf = start.is_none();
                    if let Some(Ok(Happening { action, container, .. })) = start
                        && action == "start"
                        && !followed.is_open(&container)
                    {
                        followed.reopen(project, wanted, window, sink).await?;
                    }
                    continue;
                }
            }
        };
        match item {
            Some((container, Some(Ok(line)))) => {
                followed.note(&container.id, line.at);
                sink.line(&container, &line)?;
            }
            Some((container, Some(Err(e)))) => sink.broken(&container, &e),
            Some((container, None)) => followed.close(&container.id),
            None => {}
        }
    }
}

/// A line of a container, or its stream's end.
type Item = (Rc<Listed>, Option<Result<Line, RuntimeError>>);

struct Followed<'a, R> {
    runtime: &'a R,
    lines: SelectAll<LocalBoxStream<'a, Item>>,
    seen: BTreeMap<ContainerId, Seen>,
}

/// What is known of one container's lines.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    open: bool,
    /// The time of its last line.
    last: Option<Timestamp>,
}

impl<R: Operate> Followed<'_, R> {
    fn is_open(&self, id: &ContainerId) -> bool {
        self.seen.get(id).is_some_and(|seen| seen.open)
    }

    fn note(&mut self, id: &ContainerId, at: Option<Timestamp>) {
        if let Some(seen) = self.seen.get_mut(id) {
            seen.last = at.or(seen.last);
        }
    }

    fn close(&mut self, id: &ContainerId) {
        if let Some(seen) = self.seen.get_mut(id) {
            seen.open = false;
        }
    }

    async fn open(&mut self, container: Listed, window: &Window, sink: &mut dyn Sink) {
        let container = Rc::new(container);
        let whose = Rc::clone(&container);
        match self.runtime.lines(&container.id, window).await {
            Ok(lines) => {
                self.seen.entry(container.id.clone()).or_default().open = true;
                let end = futures_util::stream::once(std::future::ready((Rc::clone(&container), None)));
                let lines = lines.map(move |line| (Rc::clone(&whose), Some(line))).chain(end);
                self.lines.push(lines.boxed_local());
            }
            Err(e) => sink.broken(&container, &e),
        }
    }

    /// Follows what runs and is not followed: it is new, or was started anew. Reads what others printed after they were last seen.
    /// Whether anything is followed now.
    async fn reopen(
        &mut self,
        project: &str,
        wanted: Wanted<'_>,
        window: &Window,
        sink: &mut dyn Sink,
    ) -> Result<bool, Broken> {
        let mut restarting = false;
        for container in self.runtime.list(project).await?.into_iter().filter(|listed| wanted(listed)) {
            restarting |= container.state == State::Restarting;
            let seen = self.seen.get(&container.id).copied();
            if seen.is_some_and(|seen| seen.open) || container.state == State::Created {
                continue;
            }
            // A terminal's lines have no times; what it printed before cannot be told from what it prints now.
            if seen.is_some_and(|seen| seen.last.is_none()) && !container.runs() {
                continue;
            }
            let since = seen.and_then(|seen| seen.last).map(|last| last.after(Duration::from_nanos(1)));
            let rest = Window {
                follow: container.runs(),
                tail: None,
                since: since.or(window.since.filter(|_| seen.is_none())),
                ..window.clone()
            };
            if container.runs() {
                self.open(container, &rest, sink).await;
            } else if seen.is_some() {
                self.rest(&container, &rest, sink).await?;
            } else {
                self.open(container, &rest, sink).await;
            }
        }
        if self.lines.is_empty() && restarting {
            // The engine is about to start it again.
            tokio::time::sleep(Duration::from_millis(100)).await;
            return Ok(true);
        }
        Ok(!self.lines.is_empty())
    }

    /// What a container printed between two streams.
    async fn rest(&mut self, container: &Listed, window: &Window, sink: &mut dyn Sink) -> Result<(), Broken> {
        let Ok(mut lines) = self.runtime.lines(&container.id, window).await else { return Ok(()) };
        while let Some(Ok(line)) = lines.next().await {
            self.note(&container.id, line.at);
            sink.line(container, &line)?;
        }
        Ok(())
    }
}
