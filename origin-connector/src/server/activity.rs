//! Whether a connection has anything under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Counts the exchanges of a connection. They wake nobody: who waits for the connection to be idle
/// looks when it may be.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<State>);

#[derive(Debug)]
struct State {
    open: AtomicUsize,
    begun: Instant,
    /// When the last exchange ended, in nanoseconds after `begun`.
    ended: AtomicU64,
}

/// One exchange that is under way.
#[derive(Debug)]
pub(crate) struct Busy(Activity);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(State {
            open: AtomicUsize::new(0),
            begun: Instant::now(),
            ended: AtomicU64::new(0),
        }))
    }

    pub(crate) fn begin(&self) -> Busy {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Busy(self.clone())
    }

    /// Ready once nothing has been under way for `limit`.
    pub(crate) async fn idle(&self, limit: Duration) {
        loop {
            if self.0.open.load(Ordering::Acquire) > 0 {
                // Not before that: what is under way has yet to end.
                tokio::time::sleep(limit).await;
                continue;
            }
            let ended = Duration::from_nanos(self.0.ended.load(Ordering::Relaxed));
            let over = self.0.begun + ended + limit;
            if over <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(over).await;
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let state = &self.0.0;
        let ended = u64::try_from(state.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        state.ended.store(ended, Ordering::Relaxed);
        state.open.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_counts_from_the_end_of_the_last_exchange() {
        let activity = Activity::new();
        let limit = Duration::from_secs(60);
        let begun = Instant::now();
        let busy = activity.begin();
        let after = activity.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(600)).await;
            drop(busy);
        });
        after.idle(limit).await;
        assert_eq!(begun.elapsed().as_secs(), 660);
    }
}
