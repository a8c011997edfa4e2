//! Sends what a schedule says. A thread hands each request over at its instant, whatever became of those before; workers, each with a
//! connection that it keeps or a share of one, take them in turn. What waits for a free worker is already late, and its time counts.
//! Without a schedule a worker takes its next request when it has its answer, and there is no thread.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout_at};

use super::line::{Door, Fault, Http, Line, Stamp};
use super::patience::Patience;
use super::shot::{Ask, Shot};
use super::tally::{End, Ended, Summary, Tally, Times};

/// Requests that may wait for a worker; what comes due beyond is counted as failed and not sent.
const MOST_WAITING: usize = 200_000;
/// Handed over under one lock.
const BATCH: usize = 256;
/// The thread looks this often whether it has to stop.
const NAP: Duration = Duration::from_millis(50);
/// After the user's wish to stop, for answers on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// A connection may turn out to have been closed meanwhile, and so may the one that others have made since.
const MOST_TRIES: u32 = 3;
/// Without a schedule a server that refuses everything is not asked more often than this by each worker.
const AFTER_NO_CONNECTION: Duration = Duration::from_millis(10);

/// How to send.
#[derive(Debug, Clone)]
pub struct Settings {
    pub door: Door,
    pub http: Http,
    pub connections: usize,
    /// Requests at once on each connection; HTTP/1.1 has one.
    pub streams: usize,
    /// For one request, once it has left; and for what is open when the schedule has ended.
    pub patience: Duration,
    /// How long the schedule is.
    pub duration: Duration,
    /// Whether requests leave when they say so; else each when a worker is free, for as long.
    pub has_schedule: bool,
}

impl Settings {
    /// Of the time series.
    fn interval(&self) -> Duration {
        (self.duration / 100).clamp(Duration::from_millis(100), Duration::from_secs(1))
    }

    fn workers(&self) -> usize {
        match self.http {
            Http::One => self.connections,
            Http::Two => self.connections * self.streams,
        }
    }
}

/// What thread and workers share.
struct Shared {
    settings: Settings,
    stamp: Stamp,
    start: Instant,
    waiting: Mutex<VecDeque<Shot>>,
    /// One for each that waits, and one for each worker at the end.
    ready: Semaphore,
    /// What workers take from by themselves where there is no schedule.
    source: Mutex<Option<Source>>,
    /// Connections that several workers have a share of.
    slots: Vec<tokio::sync::Mutex<Slot>>,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
}

type Source = Box<dyn Iterator<Item = Shot> + Send>;

/// A connection for several workers.
#[derive(Default)]
struct Slot {
    line: Option<Line>,
    /// Of the connection; each that replaces it has the next.
    number: u64,
}

/// A worker's connection, or its share of one.
struct Held {
    line: Line,
    /// See [`Slot::number`].
    number: u64,
    /// Whether it was open before: then that it is closed by now says nothing about the server.
    is_used: bool,
}

/// A panic elsewhere leaves counts that are still worth showing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn due(start: Instant, shot: &Shot) -> Instant {
    start + Duration::from_micros(shot.at_us)
}

/// The thread; ends it when dropped.
struct Dispatcher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It sends nothing anybody waits for; a panic in it was told on the error output.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn dispatch(&self, shots: impl Iterator<Item = Shot>) {
        let mut shots = shots.peekable();
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(next) = shots.peek() {
            if self.stopped.load(Ordering::Relaxed) {
                break;
            }
            let now = Instant::now();
            if let Some(early) = due(self.start, next).checked_duration_since(now).filter(|d| !d.is_zero()) {
                thread::park_timeout(early.min(NAP));
                continue;
            }
            while batch.len() < BATCH
                && let Some(shot) = shots.next_if(|shot| due(self.start, shot) <= now)
            {
                batch.push(shot);
            }
            self.hand_over(&mut batch);
        }
        self.ready.add_permits(self.settings.workers());
    }

    fn hand_over(&self, batch: &mut Vec<Shot>) {
        let now = Instant::now();
        let mut tally = lock(&self.tally);
        let mut waiting = lock(&self.waiting);
        let mut added = 0;
        for shot in batch.drain(..) {
            tally.offer(now.saturating_duration_since(due(self.start, &shot)));
            if waiting.len() < MOST_WAITING {
                waiting.push_back(shot);
                added += 1;
            } else {
                let (name, mistake) = (shot.ask.name.as_str(), shot.ask.is_mistake());
                tally.count(&Ended { name, mistake, end: End::Error("not sent"), times: None, bytes: 0 });
            }
        }
        drop(waiting);
        drop(tally);
        self.ready.add_permits(added);
    }

    /// The next request; none at the end.
    async fn take(&self) -> Option<Shot> {
        if !self.settings.has_schedule {
            return self.pull();
        }
        self.ready.acquire().await.ok()?.forget();
        lock(&self.waiting).pop_front()
    }

    /// Without a schedule: it is due now.
    fn pull(&self) -> Option<Shot> {
        let now = self.start.elapsed();
        if now >= self.settings.duration || self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let mut shot = lock(&self.source).as_mut()?.next()?;
        shot.at_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        lock(&self.tally).offer(Duration::ZERO);
        Some(shot)
    }

    async fn work(self: Arc<Self>, number: usize) {
        let slot = &self.slots[number % self.slots.len()];
        let mut kept = None;
        let mut patience = Patience::new(self.settings.patience);
        while let Some(shot) = self.take().await {
            let left = Instant::now();
            let sent = patience.with(left, self.send(&mut kept, slot, &shot.ask)).await;
            let now = Instant::now();
            let times = Times {
                due: now.saturating_duration_since(due(self.start, &shot)),
                left: now.saturating_duration_since(left),
            };
            let (end, bytes, times) = match sent {
                Some(Ok((status, bytes))) if shot.ask.accepts(status) => (End::Right, bytes, Some(times)),
                Some(Ok((status, bytes))) => (End::Status(status), bytes, Some(times)),
                Some(Err(fault)) => (End::Error(fault.kind()), 0, None),
                None => (End::Error("timeout"), 0, Some(times)),
            };
            let is_fault = times.is_none();
            let (name, mistake) = (shot.ask.name.as_str(), shot.ask.is_mistake());
            lock(&self.tally).count(&Ended { name, mistake, end, times, bytes });
            if is_fault && !self.settings.has_schedule {
                sleep(AFTER_NO_CONNECTION).await;
            }
        }
    }

    /// Status and length of the answer. A kept connection that the server has closed meanwhile is made anew. Whoever drops this
    /// before its end gives up the connection, or with HTTP/2 the request alone.
    async fn send(
        &self,
        kept: &mut Option<Held>,
        slot: &tokio::sync::Mutex<Slot>,
        ask: &Ask,
    ) -> Result<(u16, u64), Fault> {
        let mut stale = None;
        for left in (0..MOST_TRIES).rev() {
            let mut held = match kept.take() {
                Some(held) => held,
                // Apart: what opens a connection is large, and every request would be carried around with room for it.
                None => Box::pin(self.hold(slot, stale)).await?,
            };
            match held.line.ask(self.stamp.request(ask)?).await {
                Ok(answer) => {
                    held.is_used = true;
                    *kept = Some(held);
                    return Ok(answer);
                }
                Err(fault) if left > 0 && held.is_used && fault.is_stale() => stale = Some(held.number),
                Err(fault) => return Err(fault),
            }
        }
        unreachable!("the last try returns")
    }

    /// A connection of one's own, or with HTTP/2 a share of the slot's, which is replaced where it is the `stale` one.
    async fn hold(&self, slot: &tokio::sync::Mutex<Slot>, stale: Option<u64>) -> Result<Held, Fault> {
        if self.settings.http == Http::One {
            return Ok(Held { line: self.open().await?, number: 0, is_used: false });
        }
        let mut slot = slot.lock().await;
        if stale != Some(slot.number)
            && let Some(line) = slot.line.as_ref().and_then(Line::share)
        {
            return Ok(Held { line, number: slot.number, is_used: true });
        }
        let line = self.open().await?;
        slot.number += 1;
        slot.line = line.share();
        Ok(Held { line, number: slot.number, is_used: false })
    }

    async fn open(&self) -> Result<Line, Fault> {
        let Settings { door, http, patience, .. } = &self.settings;
        let line = door.open(Some(*http), *patience).await?;
        lock(&self.tally).connected();
        Ok(line)
    }
}

/// Runs until all have ended, or until `stop` does; says what was counted, and what `stop` said if it was that.
/// `watch` sees each interval.
pub async fn drive<S>(
    shots: impl Iterator<Item = Shot> + Send + 'static,
    settings: Settings,
    stop: impl Future<Output = S>,
    mut watch: impl FnMut(Duration, &Tally),
) -> Result<(Summary, Option<S>), Fault> {
    let every = settings.interval();
    let start = Instant::now();
    let (shared, thread) = begin(shots, settings, start)?;
    let mut workers = JoinSet::new();
    for number in 0..shared.settings.workers() {
        workers.spawn(Arc::clone(&shared).work(number));
    }
    let dispatcher = Dispatcher { shared: Arc::clone(&shared), thread };
    let mut tick = interval_at(start + every, every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let deadline = start + shared.settings.duration + shared.settings.patience;
    let mut stop = std::pin::pin!(stop);
    let stopped = loop {
        tokio::select! {
            said = &mut stop => break Some(said),
            ended = workers.join_next() => if ended.is_none() { break None },
            now = tick.tick() => {
                let mut tally = lock(&shared.tally);
                tally.close_interval(now - start);
                watch(now - start, &tally);
            }
            () = tokio::time::sleep_until(deadline) => break None,
        }
    };
    let took = start.elapsed();
    drop(dispatcher);
    if stopped.is_some() {
        lock(&shared.waiting).clear();
        let last = Instant::now() + LAST_ANSWERS;
        while let Ok(Some(_)) = timeout_at(last, workers.join_next()).await {}
    }
    workers.shutdown().await;
    let mut tally = lock(&shared.tally);
    if stopped.is_none() {
        tally.give_up();
    }
    tally.close_interval(start.elapsed());
    let took = if stopped.is_some() { took } else { took.max(shared.settings.duration) };
    Ok((tally.summary(took), stopped))
}

/// What thread and workers share, and the thread where there is a schedule.
fn begin(
    shots: impl Iterator<Item = Shot> + Send + 'static,
    settings: Settings,
    start: Instant,
) -> Result<(Arc<Shared>, Option<JoinHandle<()>>), Fault> {
    let has_schedule = settings.has_schedule;
    let (scheduled, source) = if has_schedule { (Some(shots), None) } else { (None, Some(shots)) };
    let shared = Arc::new(Shared {
        stamp: settings.door.stamp(settings.http)?,
        start,
        waiting: Mutex::default(),
        ready: Semaphore::new(0),
        source: Mutex::new(source.map(|shots| -> Source { Box::new(shots) })),
        slots: (0..settings.connections.max(1)).map(|_| tokio::sync::Mutex::default()).collect(),
        stopped: AtomicBool::new(false),
        tally: Mutex::default(),
        settings,
    });
    let thread = scheduled.map(|shots| {
        let shared = Arc::clone(&shared);
        thread::spawn(move || shared.dispatch(shots))
    });
    Ok((shared, thread))
}

#[cfg(test)]
#[path = "drive_test.rs"]
mod tests;
