//! An engine that is restarted goes away for a while and comes back as it was. A call that may be made again is made again
//! until then.

use std::time::Duration;

use tokio::time::Instant;

use crate::runtime::RuntimeError;

/// For how long an engine that does not answer is asked again. One with many containers takes its time to come up.
const AWAY: Duration = Duration::from_mins(1);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// The answer of a call that does no harm when it is made twice.
pub(super) async fn persist<T>(call: impl AsyncFn() -> Result<T, RuntimeError>) -> Result<T, RuntimeError> {
    let end = Instant::now() + AWAY;
    let mut pause = FIRST_PAUSE;
    loop {
        match call().await {
            Err(RuntimeError::Unreachable { .. }) if Instant::now() < end => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_PAUSE);
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn away() -> RuntimeError {
        RuntimeError::Unreachable { host: "h".to_owned(), cause: "refused".to_owned() }
    }

    fn on_a_clock_that_jumps<T>(test: impl Future<Output = T>) -> T {
        let clock = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        clock.unwrap().block_on(test)
    }

    #[test]
    fn an_engine_that_comes_back_is_asked_until_then() {
        on_a_clock_that_jumps(async {
            let back = Instant::now() + Duration::from_secs(20);
            let answer = persist(async || if Instant::now() < back { Err(away()) } else { Ok(7) }).await;
            assert_eq!(answer, Ok(7));
            assert!(back.elapsed() < LAST_PAUSE * 2, "{:?} late", back.elapsed());
        });
    }

    #[test]
    fn one_that_stays_away_is_given_up_and_other_refusals_are_answers() {
        on_a_clock_that_jumps(async {
            let begin = Instant::now();
            assert_eq!(persist(async || Err::<(), _>(away())).await, Err(away()));
            assert!(begin.elapsed() < AWAY + LAST_PAUSE * 2);
            let asked = Cell::new(0);
            let refused = persist(async || {
                asked.set(asked.get() + 1);
                Err::<(), _>(RuntimeError::NoSpace)
            });
            assert_eq!((refused.await, asked.get()), (Err(RuntimeError::NoSpace), 1));
        });
    }
}
