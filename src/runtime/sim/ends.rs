//! What the double tells of ends, and what of it goes astray.

use futures_util::StreamExt as _;
use futures_util::stream::{self, LocalBoxStream};
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep};

use super::{START, Simulated};
use crate::runtime::RuntimeError;
use crate::world::ContainerId;

/// One listener's state.
struct Listener {
    receiver: broadcast::Receiver<(String, ContainerId)>,
    project: String,
    told: u32,
    /// Ends that are told after the next one.
    late: Vec<ContainerId>,
    /// The end that is told once more.
    again: Option<ContainerId>,
}

impl Simulated {
    /// Ends of a project's containers from now on.
    pub(super) fn ends(&self, project: &str) -> LocalBoxStream<'_, Result<ContainerId, RuntimeError>> {
        if self.faults.deaf || self.is_away() {
            return stream::empty().boxed_local();
        }
        let (receiver, project) = (self.exits.subscribe(), project.to_owned());
        let listener = Listener { receiver, project, told: 0, late: Vec::new(), again: None };
        stream::unfold(listener, async |mut listener| {
            let end = self.next_end(&mut listener).await?;
            Some((end, listener))
        })
        .boxed_local()
    }

    async fn next_end(&self, listener: &mut Listener) -> Option<Result<ContainerId, RuntimeError>> {
        loop {
            if self.is_away() || self.faults.breaks_after.is_some_and(|after| listener.told >= after) {
                return None;
            }
            if let Some(end) = listener.again.take() {
                return Some(Ok(end));
            }
            let next = self.state.borrow().next_change();
            // The next end, or a while in which another container may have been started.
            let wait = next.map_or(START, |at| at.saturating_duration_since(Instant::now()).min(START));
            tokio::select! {
                end = listener.receiver.recv() => match end {
                    Ok((owner, id)) if owner == listener.project => {
                        if let Some(told) = self.told(listener, id) {
                            return Some(Ok(told));
                        }
                    }
                    Ok(_) => {}
                    Err(e) => return Some(Err(RuntimeError::Other(e.to_string()))),
                },
                // Time stands still in an engine that hangs: the clock must not run away from the program's signals.
                () = sleep(wait), if !self.hangs() => self.settle(),
                // A container has begun to run, whose end may come sooner than what was waited for.
                () = self.begun.notified() => {}
            }
        }
    }

    /// What becomes of an end on its way to a listener.
    fn told(&self, listener: &mut Listener, id: ContainerId) -> Option<ContainerId> {
        let by_chance = |percent| percent > 0 && self.draw.below(100) < percent;
        listener.told += 1;
        if by_chance(self.faults.lost) {
            return None;
        }
        if by_chance(self.faults.late) {
            listener.late.push(id);
            return None;
        }
        if let Some(late) = listener.late.pop() {
            listener.again = Some(late);
        } else if by_chance(self.faults.doubled) {
            listener.again = Some(id.clone());
        }
        Some(id)
    }
}
