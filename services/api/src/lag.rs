//! How far the threads that serve are behind: a task that wants to run every few milliseconds and stands in the same queue as
//! every connection, so it is as late as they are answered. Reading it takes no lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// How often the task wants to run.
const EVERY: Duration = Duration::from_millis(5);

/// The lateness of a task.
#[derive(Debug)]
pub(crate) struct Lag {
    start: Instant,
    /// When the task is due, in microseconds of `start`; never, while nobody runs it.
    due_us: AtomicU64,
}

impl Lag {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), due_us: AtomicU64::new(u64::MAX) }
    }

    /// Runs for as long as somebody serves.
    pub(crate) async fn watch(&self) {
        loop {
            let due = Instant::now() + EVERY;
            self.due_us.store(self.us(due), Ordering::Relaxed);
            sleep_until(due).await;
        }
    }

    /// How late the task is at `now`. It grows while the task waits and is nothing as soon as it ran: only what has waited too
    /// long already is told so, and what comes after it is not.
    pub(crate) fn at(&self, now: Instant) -> Duration {
        Duration::from_micros(self.us(now).saturating_sub(self.due_us.load(Ordering::Relaxed)))
    }

    fn us(&self, instant: Instant) -> u64 {
        u64::try_from(instant.duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_grows_while_the_task_waits_and_ends_when_it_ran() {
        let lag = Lag::new();
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(lag.at(Instant::now()), Duration::ZERO, "nobody watches");
        let watch = lag.watch();
        tokio::pin!(watch);
        assert!(futures_util::poll!(&mut watch).is_pending());
        assert_eq!(lag.at(Instant::now() + EVERY), Duration::ZERO);
        assert_eq!(lag.at(Instant::now() + EVERY + Duration::from_millis(60)), Duration::from_millis(60));
        tokio::time::advance(Duration::from_millis(60)).await;
        assert!(lag.at(Instant::now()) > Duration::from_millis(50));
        assert!(futures_util::poll!(&mut watch).is_pending());
        assert_eq!(lag.at(Instant::now()), Duration::ZERO);
    }
}
