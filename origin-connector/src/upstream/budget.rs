//! How many retries a backend's requests pay for: where everything fails, retries must not make it
//! worse.

use std::sync::atomic::{AtomicU64, Ordering};

/// In thousandths of a retry.
const RETRY: u64 = 1000;

/// Each request pays in a share of a retry, up to a reserve, and each retry takes one out.
#[derive(Debug)]
pub(super) struct Budget {
    share: u64,
    reserve: u64,
    /// Invariant: at most `reserve`.
    balance: AtomicU64,
}

impl Budget {
    /// `percent` of the requests may be retries, and `reserve` at once; the reserve is full.
    pub(super) fn new(percent: u8, reserve: u32) -> Self {
        let reserve = u64::from(reserve) * RETRY;
        Self {
            share: u64::from(percent) * RETRY / 100,
            reserve,
            balance: AtomicU64::new(reserve),
        }
    }

    pub(super) fn request(&self) {
        let paid = |balance: u64| Some((balance + self.share).min(self.reserve));
        // Full is the rule, and costs no write.
        if self.balance.load(Ordering::Relaxed) < self.reserve {
            let _ = self
                .balance
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, paid);
        }
    }

    /// Whether there is one to be had.
    pub(super) fn retry(&self) -> bool {
        let taken = |balance: u64| balance.checked_sub(RETRY);
        self.balance
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_the_requests_beyond_the_reserve() {
        let budget = Budget::new(20, 3);
        let retries = |requests: usize| {
            let made = (0..requests).filter(|_| {
                budget.request();
                budget.retry()
            });
            made.count()
        };
        // The first pays into a full reserve.
        assert_eq!(retries(1), 1);
        assert_eq!(retries(1000), 2 + 200);
        for _ in 0..1000 {
            budget.request();
        }
        assert_eq!((0..10).filter(|_| budget.retry()).count(), 3);
        assert!(!Budget::new(100, 0).retry());
    }
}
