//! Retry budgets: retries are a share of requests, so that they cannot multiply an outage.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tidegate_shared::units::Percent;

/// Hundredths of a retry that may pile up, and that are there at the start: ten retries.
const RESERVE: u32 = 1_000;
const RETRY: u32 = 100;

/// One balance for each upstream, in hundredths of a retry. Bounded by the bundle.
#[derive(Debug, Default)]
pub(crate) struct RetryBudgets {
    balances: Mutex<HashMap<u32, u32>>,
}

impl RetryBudgets {
    /// A request came: its share of a retry is added.
    pub(crate) fn deposit(&self, upstream: u32, share: Percent) {
        let mut balances = self.balances.lock().unwrap_or_else(PoisonError::into_inner);
        let balance = balances.entry(upstream).or_insert(RESERVE);
        *balance = balance.saturating_add(u32::from(share.0)).min(RESERVE);
    }

    /// Takes one retry, if there is one.
    pub(crate) fn withdraw(&self, upstream: u32) -> bool {
        let mut balances = self.balances.lock().unwrap_or_else(PoisonError::into_inner);
        let balance = balances.entry(upstream).or_insert(RESERVE);
        let left = balance.checked_sub(RETRY);
        *balance = left.unwrap_or(*balance);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retries_are_a_share_of_requests_beyond_the_reserve() {
        let budgets = RetryBudgets::default();
        let mut granted = 0;
        for _ in 0..1_000 {
            budgets.deposit(0, Percent(20));
            granted += u32::from(budgets.withdraw(0));
        }
        assert!((200..=210).contains(&granted), "{granted}");
    }
}
