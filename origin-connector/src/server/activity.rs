//! Whether a connection has anything under way.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// Counts the exchanges of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Activity(Arc<watch::Sender<usize>>);

/// One exchange that is under way.
#[derive(Debug)]
pub(crate) struct Busy(Activity);

impl Activity {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }

    pub(crate) fn begin(&self) -> Busy {
        self.0.send_modify(|open| *open += 1);
        Busy(self.clone())
    }

    /// Ready once nothing has been under way for `limit`.
    pub(crate) async fn idle(&self, limit: Duration) {
        let mut count = self.0.subscribe();
        loop {
            let open = *count.borrow_and_update();
            if open > 0 {
                // The sender lives as long as `self`, so this is no error.
                let _ = count.changed().await;
            } else if tokio::time::timeout(limit, count.changed()).await.is_err() {
                return;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn idle_counts_from_the_end_of_the_last_exchange() {
        let activity = Activity::new();
        let limit = Duration::from_secs(60);
        let begun = tokio::time::Instant::now();
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
