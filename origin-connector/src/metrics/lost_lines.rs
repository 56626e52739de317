//! Lines of the log that were lost: whoever writes the log counts them.

use std::sync::OnceLock;
use std::sync::atomic::Ordering;

use prometheus_client::metrics::counter::Counter;

type Count = Box<dyn Fn() -> u64 + Send + Sync>;

#[derive(Default)]
pub(crate) struct LostLines {
    count: OnceLock<Count>,
    pub(super) shown: Counter,
}

impl std::fmt::Debug for LostLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("LostLines").field(&self.shown).finish()
    }
}

impl LostLines {
    pub(crate) fn count_by(&self, count: impl Fn() -> u64 + Send + Sync + 'static) {
        // The first stays.
        let _ = self.count.set(Box::new(count));
    }

    /// Shows what is counted by now.
    pub(super) fn refresh(&self) {
        if let Some(count) = self.count.get() {
            self.shown.inner().store(count(), Ordering::Relaxed);
        }
    }
}
