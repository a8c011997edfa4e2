//! The log lines of several containers as one stream. Each container's stream is read only as fast as its lines are taken, so
//! that what waits is held by the engine and not here.

use std::collections::BTreeMap;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{LocalBoxStream, Peekable, SelectAll};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;

use super::patience::persist;
use crate::runtime::RuntimeError;
use crate::runtime::operate::{Line, Operate, Window};
use crate::world::live::Listed;
use crate::world::time::Timestamp;
use crate::world::{ContainerId, State};

/// Before a stream that was cut is asked for again.
const RESUBSCRIBE: Duration = Duration::from_millis(100);
/// A container whose stream is cut so soon, more often than this and without a line in between, is given up.
const MOST_CUTS: u32 = 20;
/// See [`MOST_CUTS`].
const SOON: Duration = Duration::from_secs(1);

/// Where lines go.
pub trait Sink {
    /// A line of a container.
    fn line(&mut self, from: &Listed, line: &Line) -> io::Result<()>;
    /// No further line is there yet.
    fn idle(&mut self) -> io::Result<()>;
    /// No container has run yet: the first one is waited for.
    fn nothing_yet(&mut self);
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

/// The lines that are there and those that come, of containers that start later too, until the last one has ended. Where no
/// container has run yet, the first is waited for. A stream that was cut is taken up where it was.
pub async fn follow<R: Operate>(
    runtime: &R,
    project: &str,
    wanted: Wanted<'_>,
    window: &Window,
    sink: &mut dyn Sink,
) -> Result<(), Broken> {
    let begun = runtime.now();
    let mut followed = Followed::new(runtime, project, wanted, window);
    for container in runtime.list(project).await?.into_iter().filter(|listed| wanted(listed)) {
        // One that was never started has nothing to tell; its start will be told.
        if container.state != State::Created {
            followed.open(Rc::new(container), window, sink).await;
        }
    }
    if followed.seen.is_empty() {
        sink.nothing_yet();
    }
    // Also what started since just before the list was made: one that is followed already is let pass.
    let mut heard = begun.before(Duration::from_secs(1));
    let mut starts = runtime.happenings(project, Some(heard), window.until);
    loop {
        let waits = followed.seen.is_empty() && window.until.is_none();
        if followed.lines.is_empty() && !waits && !followed.reopen(sink).await? {
            return Ok(sink.idle()?);
        }
        let item = if let Some(item) =
            followed.lines.next().now_or_never().filter(|item| item.is_some() || !waits)
        {
            item
        } else {
            sink.idle()?;
            tokio::select! {
                biased;
                item = followed.lines.next(), if !followed.lines.is_empty() => item,
                start = starts.next() => {
                    if let Some(Ok(happening)) = start {
                        heard = heard.max(happening.at);
                        if happening.action == "start" && !followed.is_open(&happening.container) {
                            followed.reopen(sink).await?;
                        }
                    } else if window.until.is_none() {
                        tokio::time::sleep(RESUBSCRIBE).await;
                        starts = runtime.happenings(project, Some(heard), window.until);
                        followed.reopen(sink).await?;
                    } else {
                        starts = futures_util::stream::pending().boxed_local();
                    }
                    continue;
                }
            }
        };
        match item {
            Some((container, Some(Ok(line)))) => followed.tell(&container, &line, sink)?,
            Some((container, Some(Err(e)))) => followed.cut(&container, e, sink),
            Some((container, None)) if followed.close(&container.id) => {
                tokio::time::sleep(RESUBSCRIBE).await;
                followed.reopen(sink).await?;
            }
            // One of them has ended, or the last.
            Some((_, None)) | None => {}
        }
    }
}

/// A line of a container, or its stream's end.
type Item = (Rc<Listed>, Option<Result<Line, RuntimeError>>);

struct Followed<'a, R> {
    runtime: &'a R,
    project: &'a str,
    wanted: Wanted<'a>,
    window: &'a Window,
    lines: SelectAll<LocalBoxStream<'a, Item>>,
    seen: BTreeMap<ContainerId, Seen>,
}

/// What is known of one container's lines.
#[derive(Debug, Clone, Default)]
struct Seen {
    open: bool,
    /// The time of its last line, and how many lines of that time were told.
    last: Option<(Timestamp, usize)>,
    /// It has told lines whose times are not known: a terminal's.
    timeless: bool,
    /// Lines of that time which a stream that begins with it tells again.
    told: usize,
    /// Why its stream was cut, until it has been taken up again.
    cut: Option<(Rc<Listed>, RuntimeError)>,
    /// When its stream was opened.
    opened: Option<Instant>,
    /// How often it was cut soon after it was opened, without a line in between.
    cuts: u32,
}

impl<'a, R: Operate> Followed<'a, R> {
    fn new(runtime: &'a R, project: &'a str, wanted: Wanted<'a>, window: &'a Window) -> Self {
        Self { runtime, project, wanted, window, lines: SelectAll::new(), seen: BTreeMap::new() }
    }

    fn is_open(&self, id: &ContainerId) -> bool {
        self.seen.get(id).is_some_and(|seen| seen.open)
    }

    /// Hands on a line that was not told before.
    fn tell(&mut self, container: &Listed, line: &Line, sink: &mut dyn Sink) -> io::Result<()> {
        if let Some(seen) = self.seen.get_mut(&container.id) {
            seen.cuts = 0;
            match (line.at, seen.last) {
                (Some(at), Some((last, _))) if at == last && seen.told > 0 => {
                    seen.told -= 1;
                    return Ok(());
                }
                (Some(at), Some((last, count))) if at == last => seen.last = Some((last, count + 1)),
                (Some(at), _) => seen.last = Some((at, 1)),
                (None, _) => seen.timeless = true,
            }
            seen.told = 0;
        }
        sink.line(container, line)
    }

    /// Its stream broke off: it is taken up again, unless that happens over and over.
    fn cut(&mut self, container: &Rc<Listed>, error: RuntimeError, sink: &mut dyn Sink) {
        let Some(seen) = self.seen.get_mut(&container.id) else { return };
        let soon = seen.opened.is_some_and(|opened| opened.elapsed() < SOON);
        seen.cuts = if soon { seen.cuts + 1 } else { 0 };
        if seen.cuts > MOST_CUTS {
            sink.broken(container, &error);
        } else {
            seen.cut = Some((Rc::clone(container), error));
        }
    }

    /// Whether it was cut and is to be taken up again.
    fn close(&mut self, id: &ContainerId) -> bool {
        let Some(seen) = self.seen.get_mut(id) else { return false };
        seen.open = false;
        seen.cut.is_some()
    }

    async fn open(&mut self, container: Rc<Listed>, window: &Window, sink: &mut dyn Sink) {
        let whose = Rc::clone(&container);
        let seen = self.seen.entry(container.id.clone()).or_default();
        match self.runtime.lines(&container.id, window).await {
            Ok(lines) => {
                seen.open = true;
                seen.opened = Some(Instant::now());
                seen.told = seen.last.map_or(0, |(_, count)| count);
                let end = futures_util::stream::once(std::future::ready((Rc::clone(&container), None)));
                let lines = lines.map(move |line| (Rc::clone(&whose), Some(line))).chain(end);
                self.lines.push(lines.boxed_local());
            }
            Err(e) => sink.broken(&container, &e),
        }
    }

    /// Follows what runs and is not followed: it is new, was started anew, or its stream was cut. Reads what others printed after
    /// they were last seen. Whether anything is followed now.
    async fn reopen(&mut self, sink: &mut dyn Sink) -> Result<bool, Broken> {
        let mut restarting = false;
        let listed = persist(async || self.runtime.list(self.project).await).await?;
        for container in listed.into_iter().filter(|listed| (self.wanted)(listed)) {
            restarting |= container.state == State::Restarting;
            let known = self.seen.get(&container.id);
            if known.is_some_and(|seen| seen.open) || container.state == State::Created {
                continue;
            }
            let (cut, timeless, last) = known.map_or((false, false, None), |seen| {
                (seen.cut.is_some(), seen.timeless, seen.last.map(|(at, _)| at))
            });
            let known = known.is_some();
            // What a terminal printed before cannot be told from what it prints now.
            if timeless && !container.runs() {
                continue;
            }
            if let Some(seen) = self.seen.get_mut(&container.id) {
                seen.cut = None;
            }
            let rest = Window {
                follow: container.runs(),
                // Of one that has told nothing, what was wanted from the beginning.
                tail: self.window.tail.filter(|_| known && last.is_none() && !timeless),
                since: match last {
                    None if timeless && cut => Some(self.runtime.now()),
                    None if timeless => None,
                    None => self.window.since,
                    last => last,
                },
                ..self.window.clone()
            };
            if known && !container.runs() {
                self.rest(&container, &rest, sink).await?;
            } else {
                self.open(Rc::new(container), &rest, sink).await;
            }
        }
        self.give_up_what_is_gone(sink);
        if self.lines.is_empty() && restarting {
            // The engine is about to start it again.
            tokio::time::sleep(RESUBSCRIBE).await;
            return Ok(true);
        }
        Ok(!self.lines.is_empty())
    }

    /// What a container that has ended printed after it was last seen.
    async fn rest(&mut self, container: &Listed, window: &Window, sink: &mut dyn Sink) -> Result<(), Broken> {
        if let Some(seen) = self.seen.get_mut(&container.id) {
            seen.told = seen.last.map_or(0, |(_, count)| count);
        }
        let mut lines = match self.runtime.lines(&container.id, window).await {
            Ok(lines) => lines,
            Err(e) => {
                sink.broken(container, &e);
                return Ok(());
            }
        };
        while let Some(line) = lines.next().await {
            match line {
                Ok(line) => self.tell(container, &line, sink)?,
                Err(e) => sink.broken(container, &e),
            }
        }
        Ok(())
    }

    /// What was cut and is not there any more.
    fn give_up_what_is_gone(&mut self, sink: &mut dyn Sink) {
        for seen in self.seen.values_mut().filter(|seen| !seen.open) {
            if let Some((container, error)) = seen.cut.take() {
                sink.broken(&container, &error);
            }
        }
    }
}
