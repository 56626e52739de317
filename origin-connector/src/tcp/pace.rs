//! How fast connections may come.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tidegate_limits::{Contract, EmptyAt};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

/// So many at once, and then so many in the rate's time.
#[derive(Debug)]
pub(super) struct Pace {
    pub(super) rate: Rate,
    contract: Contract,
    /// By a clock that nobody sets: it begins with this.
    began: Instant,
    bucket: Mutex<EmptyAt>,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate,
            contract: Contract::new(rate, rate.count),
            began: Instant::now(),
            bucket: Mutex::default(),
        }
    }

    /// Whether one more may come now.
    pub(super) fn take(&self) -> bool {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.take_at(UnixMillis(now))
    }

    fn take_at(&self, now: UnixMillis) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.contract.space(*bucket, now) > 0;
        if free {
            *bucket = self.contract.fill(*bucket, 1, now);
        }
        free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_as_time_goes() {
        let pace = Pace::new("4/s".parse().unwrap());
        let taken = |from: u64, to: u64| {
            let taken = (from..to).filter(|now| pace.take_at(UnixMillis(*now)));
            taken.count()
        };
        assert_eq!(taken(0, 100), 4);
        assert_eq!(taken(100, 1100), 4);
        assert_eq!(taken(5000, 5100), 4);
    }
}
