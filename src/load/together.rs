//! A connection and what is asked on it, polled within one task. As two tasks they wake each other half a dozen times for one answer,
//! each time by way of the runtime's queue; here a wake-up of one by the other is a flag.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// After so many turns the runtime gets its own: whoever has used up what it may do at once is woken without end until then.
const MOST_TURNS: u32 = 32;

/// A connection that moves only while something is asked on it.
pub(super) struct Together {
    /// None once it has ended, so that whoever waits on it learns that.
    connection: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    nudge: Arc<Nudge>,
    /// Of `nudge`.
    waker: Waker,
}

/// Whom a wake-up reaches: the loop that polls the two, or from elsewhere the task.
#[derive(Default)]
struct Nudge {
    is_polling: AtomicBool,
    again: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl Wake for Nudge {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.again.store(true, Ordering::SeqCst);
        // Whoever polls looks at `again` after it has said that it does so no longer.
        if !self.is_polling.load(Ordering::SeqCst)
            && let Some(task) = &*self.task.lock().unwrap_or_else(PoisonError::into_inner)
        {
            task.wake_by_ref();
        }
    }
}

impl Nudge {
    /// It is this task that polls now.
    fn is_for(&self, task: &Waker) {
        let mut known = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *known {
            Some(known) => known.clone_from(task),
            None => *known = Some(task.clone()),
        }
    }
}

impl Together {
    pub(super) fn new(connection: impl Future<Output = ()> + Send + 'static) -> Self {
        let nudge = Arc::new(Nudge::default());
        Self { connection: Some(Box::pin(connection)), waker: Waker::from(Arc::clone(&nudge)), nudge }
    }

    /// What comes of something that is asked on the connection.
    pub(super) async fn with<T>(&mut self, asked: impl Future<Output = T>) -> T {
        let mut asked = std::pin::pin!(asked);
        poll_fn(|context| {
            self.nudge.is_for(context.waker());
            let mut inner = Context::from_waker(&self.waker);
            for _ in 0..MOST_TURNS {
                self.nudge.again.store(false, Ordering::SeqCst);
                self.nudge.is_polling.store(true, Ordering::SeqCst);
                if self.connection.as_mut().is_some_and(|own| own.as_mut().poll(&mut inner).is_ready()) {
                    self.connection = None;
                }
                let polled = asked.as_mut().poll(&mut inner);
                self.nudge.is_polling.store(false, Ordering::SeqCst);
                if polled.is_ready() || !self.nudge.again.load(Ordering::SeqCst) {
                    return polled;
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn the_two_serve_each_other_and_wait_for_others() {
        let (ask, mut asked) = mpsc::channel::<u32>(1);
        let (answer, mut answered) = mpsc::channel(1);
        let mut together = Together::new(async move {
            while let Some(number) = asked.recv().await {
                // As from a socket: something that neither of the two brings about.
                tokio::time::sleep(Duration::from_millis(1)).await;
                if number == 3 || answer.send(number * 2).await.is_err() {
                    return;
                }
            }
        });
        for number in 0..3 {
            let exchange = async {
                ask.send(number).await.unwrap();
                answered.recv().await
            };
            assert_eq!(together.with(exchange).await, Some(number * 2));
        }
        let last = async {
            ask.send(3).await.unwrap();
            answered.recv().await
        };
        assert_eq!(together.with(last).await, None, "it has ended, and that is known");
        assert!(together.with(async { ask.send(4).await.is_err() }).await);
    }

    #[tokio::test]
    async fn whoever_wakes_itself_without_end_leaves_others_their_turn() {
        let mut together = Together::new(std::future::pending());
        let restless = together.with(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        assert!(tokio::time::timeout(Duration::from_millis(20), restless).await.is_err());
    }

    #[tokio::test]
    async fn nobody_is_polled_for_nothing() {
        let counts = Arc::new(Mutex::new((0, 0)));
        let (theirs, ours) = (Arc::clone(&counts), Arc::clone(&counts));
        let mut together = Together::new(poll_fn(move |_| {
            theirs.lock().unwrap().0 += 1;
            Poll::<()>::Pending
        }));
        let asked = together.with(poll_fn(|_| {
            ours.lock().unwrap().1 += 1;
            Poll::<()>::Pending
        }));
        assert!(tokio::time::timeout(Duration::from_millis(20), asked).await.is_err());
        let (connection, own) = *counts.lock().unwrap();
        assert!(connection <= 2 && own <= 2, "once, and once more when time is up: {connection} {own}");
    }
}
