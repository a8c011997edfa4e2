//! Orders whose answers nobody waits for any more. A run that is asked to end drops what it was waiting for, but the engine carries
//! out what it was asked: what is then removed too early comes into being a moment later, and stays.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::RwLock;

use crate::runtime::RuntimeError;

/// What was ordered and is not answered yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Pending(Arc<RwLock<()>>);

impl Pending {
    /// Carries an order through to its answer, also when the caller is dropped on the way.
    pub(super) async fn through<T: Send + 'static>(
        &self,
        order: impl Future<Output = Result<T, RuntimeError>> + Send + 'static,
    ) -> Result<T, RuntimeError> {
        let open = Arc::clone(&self.0).read_owned().await;
        let carried = tokio::spawn(async move {
            let answer = order.await;
            drop(open);
            answer
        });
        carried.await.unwrap_or_else(|e| Err(RuntimeError::Other(format!("an order was given up: {e}"))))
    }

    /// Waits until everything that was ordered is answered, for `patience` at most.
    pub(super) async fn settled(&self, patience: Duration) {
        let _ = tokio::time::timeout(patience, self.0.write()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_order_that_nobody_waits_for_is_answered_before_all_is_settled() {
        let (pending, made) = (Pending::default(), Arc::new(AtomicBool::new(false)));
        let engine = Arc::clone(&made);
        let order = async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            engine.store(true, Ordering::Relaxed);
            Ok(())
        };
        let dropped = tokio::time::timeout(Duration::from_secs(1), pending.through(order)).await;
        assert!(dropped.is_err() && !made.load(Ordering::Relaxed), "it was left in the middle");
        pending.settled(Duration::from_secs(1)).await;
        assert!(!made.load(Ordering::Relaxed), "patience ends");
        pending.settled(Duration::from_mins(1)).await;
        assert!(made.load(Ordering::Relaxed));
        assert_eq!(pending.through(async { Ok(7) }).await.unwrap(), 7);
    }
}
