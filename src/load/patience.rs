//! How long a worker waits for one answer. One timer serves all its requests: it is left where it is while answers come, and set anew
//! when it fires too early for the one that is waited for. Setting one for each request costs more than counting it does.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The timer.
#[derive(Debug)]
pub(super) struct Patience {
    most: Duration,
    /// Fires when the patience with some request that began earlier would have ended; never later than with the present one.
    timer: Pin<Box<Sleep>>,
}

impl Patience {
    pub(super) fn new(most: Duration) -> Self {
        Self { most, timer: Box::pin(sleep(most)) }
    }

    /// What comes of it, or none when patience ends first.
    pub(super) async fn with<T>(&mut self, begun: Instant, work: impl Future<Output = T>) -> Option<T> {
        let mut work = std::pin::pin!(work);
        let end = begun + self.most;
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            while self.timer.as_mut().poll(context).is_ready() {
                if Instant::now() >= end {
                    return Poll::Ready(None);
                }
                self.timer.as_mut().reset(end);
            }
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_request_has_all_of_it() {
        let mut patience = Patience::new(SECOND * 10);
        for _ in 0..5 {
            let begun = Instant::now();
            assert_eq!(patience.with(begun, sleep(SECOND * 4)).await, Some(()));
            assert_eq!(begun.elapsed(), SECOND * 4);
        }
        for _ in 0..3 {
            let begun = Instant::now();
            assert_eq!(patience.with(begun, pending::<()>()).await, None);
            assert!(begun.elapsed() >= SECOND * 10 && begun.elapsed() < SECOND * 11, "{:?}", begun.elapsed());
        }
        assert_eq!(patience.with(Instant::now(), async { 7 }).await, Some(7));
    }
}
