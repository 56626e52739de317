//! What an isolate or process remembers between requests. All of it is bounded and may vanish at
//! any time without harm.

mod buckets;
mod health;
mod retries;

use crate::key_sets::KeySets;

pub(crate) use buckets::{Bucket, Buckets, Standing};

/// The memory of a gateway. Survives a change of bundle where the adapter keeps it; then limits
/// of the same definition stay in force.
#[derive(Debug)]
pub struct State {
    pub(crate) buckets: Buckets,
    pub(crate) health: health::OriginHealth,
    pub(crate) key_sets: KeySets,
    pub(crate) retries: retries::RetryBudgets,
}

impl State {
    /// An empty memory. The seed must be unpredictable: it keeps a client from choosing limit
    /// keys that collide.
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            buckets: Buckets::new(seed),
            health: health::OriginHealth::default(),
            key_sets: KeySets::default(),
            retries: retries::RetryBudgets::default(),
        }
    }
}
