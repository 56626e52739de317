//! Passive health: an origin that failed lately is tried last for a while.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tidegate_shared::time::UnixMillis;

/// How long a failure counts, in milliseconds.
const PENALTY: u64 = 5_000;

/// Bounded by the bundle: at most one entry for each of its origins.
#[derive(Debug, Default)]
pub(crate) struct OriginHealth {
    failing_until: Mutex<HashMap<(u32, usize), UnixMillis>>,
}

impl OriginHealth {
    pub(crate) fn report(&self, upstream: u32, origin: usize, failed: bool, now: UnixMillis) {
        let mut failing = self
            .failing_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if failed {
            failing.insert((upstream, origin), now.plus(PENALTY));
        } else if !failing.is_empty() {
            failing.remove(&(upstream, origin));
        }
    }

    pub(crate) fn is_failing(&self, upstream: u32, origin: usize, now: UnixMillis) -> bool {
        let failing = self
            .failing_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // A clock that jumped back must not keep an origin in disgrace for longer.
        failing
            .get(&(upstream, origin))
            .is_some_and(|until| now < *until && until.since(now) <= PENALTY)
    }
}
