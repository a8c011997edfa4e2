//! What a container printed, read no faster than it is taken.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::stream::{LocalBoxStream, unfold};
use reqwest::Response;

use crate::runtime::RuntimeError;
use crate::runtime::docker::frames::{Frames, Lines};
use crate::runtime::docker::raw::Raw;
use crate::runtime::operate::{Line, Window};
use crate::world::ContainerId;
use crate::world::time::Timestamp;

/// An answer of the engine on its way to lines.
struct Reading<'a> {
    raw: &'a Raw,
    response: Response,
    /// It has a terminal, and thus no frames.
    terminal: bool,
    timed: bool,
    frames: Frames,
    lines: Lines,
    ready: VecDeque<Line>,
    ended: bool,
}

/// Asks for the lines; errors of the stream come as its last item.
pub(super) async fn lines<'a>(
    raw: &'a Raw,
    id: &ContainerId,
    window: &Window,
) -> Result<LocalBoxStream<'a, Result<Line, RuntimeError>>, RuntimeError> {
    let seen = raw.document(&["containers", &id.0, "json"], &[]).await?;
    let terminal = seen["Config"]["Tty"].as_bool() == Some(true);
    lines_at(raw, &["containers", &id.0, "logs"], terminal, window).await
}

/// The same of whatever prints at this address.
pub(super) async fn lines_at<'a>(
    raw: &'a Raw,
    segments: &[&str],
    terminal: bool,
    window: &Window,
) -> Result<LocalBoxStream<'a, Result<Line, RuntimeError>>, RuntimeError> {
    // With frames a time is one message's; without, a long line's pieces would carry times in its middle.
    let timed = !terminal || window.times;
    let tail = window.tail.map_or_else(|| "all".to_owned(), |n| n.to_string());
    let (since, until) = (window.since.map(Timestamp::as_query), window.until.map(Timestamp::as_query));
    let mut query = vec![("stdout", "true"), ("stderr", "true"), ("tail", tail.as_str())];
    query.extend(since.as_deref().map(|at| ("since", at)));
    query.extend(until.as_deref().map(|at| ("until", at)));
    query.extend(window.follow.then_some(("follow", "true")));
    query.extend(timed.then_some(("timestamps", "true")));
    let reading = Reading {
        raw,
        response: raw.get(segments, &query).await?,
        terminal,
        timed,
        frames: Frames::default(),
        lines: Lines::default(),
        ready: VecDeque::new(),
        ended: false,
    };
    Ok(unfold(reading, async |mut reading| {
        let line = reading.next().await?;
        Some((line, reading))
    })
    .boxed_local())
}

impl Reading<'_> {
    async fn next(&mut self) -> Option<Result<Line, RuntimeError>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(Ok(line));
            }
            if self.ended {
                return None;
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.take(&chunk),
                Ok(None) => {
                    self.ended = true;
                    self.lines.rest(&mut |line| self.ready.push_back(line));
                }
                Err(e) => {
                    self.ended = true;
                    return Some(Err(self.raw.sort(&e)));
                }
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        let mut tell = |line| self.ready.push_back(line);
        if self.terminal {
            self.lines.stream(chunk, self.timed, &mut tell);
            return;
        }
        self.frames.push(chunk);
        while let Some(piece) = self.frames.next() {
            self.lines.message(&piece, self.timed, &mut tell);
        }
    }
}
