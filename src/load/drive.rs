//! Sends what a schedule says. A thread hands each request over at its instant, whatever became of those before; workers, each with a
//! connection that it keeps, take them in turn. What waits for a free worker is already late, and its time counts.

use std::collections::VecDeque;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout, timeout_at};

use super::shot::{Ask, Method, Shot};
use super::tally::{End, Ended, Summary, Tally, Times};
use super::target::Target;

/// Requests that may wait for a worker; what comes due beyond is counted as failed and not sent.
const MOST_WAITING: usize = 200_000;
/// Handed over under one lock.
const BATCH: usize = 256;
/// The thread looks this often whether it has to stop.
const NAP: Duration = Duration::from_millis(50);
/// After the user's wish to stop, for answers on their way.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How to send.
#[derive(Debug, Clone)]
pub struct Settings {
    pub target: Target,
    /// What the target's host resolved to; the first is used, so that what was checked is what is asked.
    pub addresses: Vec<SocketAddr>,
    pub connections: usize,
    /// For one request, once it has left; and for what is open when the schedule has ended.
    pub patience: Duration,
    /// Value of `x-api-key`.
    pub key: Option<String>,
    /// How long the schedule is.
    pub duration: Duration,
}

impl Settings {
    /// Of the time series.
    fn interval(&self) -> Duration {
        (self.duration / 100).clamp(Duration::from_millis(100), Duration::from_secs(1))
    }
}

/// What thread and workers share.
struct Shared {
    settings: Settings,
    start: Instant,
    waiting: Mutex<VecDeque<Shot>>,
    /// One for each that waits, and one for each worker at the end.
    ready: Semaphore,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
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
        self.ready.add_permits(self.settings.connections);
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
        self.ready.acquire().await.ok()?.forget();
        lock(&self.waiting).pop_front()
    }

    async fn work(self: Arc<Self>) {
        let mut line = None;
        while let Some(shot) = self.take().await {
            let left = Instant::now();
            let sent = timeout(self.settings.patience, self.send(&mut line, &shot.ask)).await;
            let (answer, is_timed) = match sent {
                Ok(Ok(answer)) => (Ok(answer), true),
                Ok(Err(kind)) => (Err(kind), false),
                Err(_) => (Err("timeout"), true),
            };
            if answer.is_err() {
                line = None;
            }
            let now = Instant::now();
            let times = Times {
                due: now.saturating_duration_since(due(self.start, &shot)),
                left: now.saturating_duration_since(left),
            };
            let (end, bytes) = match answer {
                Ok((status, bytes)) if shot.ask.accepts(status) => (End::Right, bytes),
                Ok((status, bytes)) => (End::Status(status), bytes),
                Err(kind) => (End::Error(kind), 0),
            };
            lock(&self.tally).count(&Ended {
                name: &shot.ask.name,
                mistake: shot.ask.is_mistake(),
                end,
                times: is_timed.then_some(times),
                bytes,
            });
        }
    }

    /// Status and length of the answer, or the kind of the error. A kept connection that the server has closed meanwhile is made anew.
    async fn send(&self, line: &mut Option<Line>, ask: &Ask) -> Result<(u16, u64), &'static str> {
        if let Some(kept) = line.as_mut()
            && kept.ready().await.is_ok()
        {
            match exchange(kept, self.request(ask)?).await {
                Err(error) if error.is_canceled() || error.is_closed() => {}
                other => return other.map_err(|error| kind(&error)),
            }
        }
        let fresh = line.insert(self.connect().await?);
        exchange(fresh, self.request(ask)?).await.map_err(|error| kind(&error))
    }

    async fn connect(&self) -> Result<Line, &'static str> {
        let address = self.settings.addresses.first().ok_or("no address")?;
        let stream = TcpStream::connect(address).await.map_err(|error| io_kind(&error))?;
        // Requests are small and complete: nothing to gather.
        let _ = stream.set_nodelay(true);
        let (line, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| kind(&error))?;
        // Its error is told to whoever waits for an answer on it.
        tokio::spawn(async move { connection.await.ok() });
        Ok(line)
    }

    fn request(&self, ask: &Ask) -> Result<Request<Full<Bytes>>, &'static str> {
        let target = &self.settings.target;
        let method = match ask.method {
            Method::Get => hyper::Method::GET,
            Method::Post => hyper::Method::POST,
        };
        let path = format!("{}{}", target.prefix, ask.path);
        let mut request =
            Request::builder().method(method).uri(path).header(header::HOST, target.authority());
        if let Some(key) = &self.settings.key {
            request = request.header("x-api-key", key);
        }
        if ask.body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = Full::new(Bytes::from(ask.body.clone().unwrap_or_default()));
        request.body(body).map_err(|_| "no request")
    }
}

type Line = SendRequest<Full<Bytes>>;

async fn exchange(line: &mut Line, request: Request<Full<Bytes>>) -> Result<(u16, u64), hyper::Error> {
    let (head, mut body) = line.send_request(request).await?.into_parts();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok((head.status.as_u16(), bytes))
}

fn kind(error: &hyper::Error) -> &'static str {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    match cause {
        Some(cause) => io_kind(cause),
        None if error.is_incomplete_message() || error.is_canceled() || error.is_closed() => "closed",
        None if error.is_parse() => "no HTTP",
        None => "broken",
    }
}

fn io_kind(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "refused",
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => {
            "reset"
        }
        io::ErrorKind::UnexpectedEof => "closed",
        io::ErrorKind::TimedOut => "timeout",
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => "unreachable",
        io::ErrorKind::AddrNotAvailable => "no free port",
        _ => "broken",
    }
}

/// Runs until all have ended, or until `stop` does; says what was counted, and what `stop` said if it was that.
/// `watch` sees each interval.
pub async fn drive<S>(
    shots: impl Iterator<Item = Shot> + Send + 'static,
    settings: Settings,
    stop: impl Future<Output = S>,
    mut watch: impl FnMut(Duration, &Tally),
) -> (Summary, Option<S>) {
    let every = settings.interval();
    let start = Instant::now();
    let shared = Arc::new(Shared {
        start,
        waiting: Mutex::default(),
        ready: Semaphore::new(0),
        stopped: AtomicBool::new(false),
        tally: Mutex::default(),
        settings,
    });
    let mut workers = JoinSet::new();
    for _ in 0..shared.settings.connections {
        workers.spawn(Arc::clone(&shared).work());
    }
    let thread = thread::spawn({
        let shared = Arc::clone(&shared);
        move || shared.dispatch(shots)
    });
    let dispatcher = Dispatcher { shared: Arc::clone(&shared), thread: Some(thread) };
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
    (tally.summary(took), stopped)
}

#[cfg(test)]
#[path = "drive_test.rs"]
mod tests;
