//! What the authority remembers of a lease.

use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use tidegate_shared::time::UnixMillis;

use crate::message::{Grant, Renewal};

/// A lease.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize_tuple, Deserialize_tuple)]
pub(super) struct Lease {
    pub(super) holder: u64,
    /// The last renewal that was answered.
    pub(super) sequence: u32,
    /// What the holder had used by then.
    pub(super) used: u64,
    /// What it expects to use in one horizon.
    pub(super) demand: u32,
    /// Tokens that the holder has, or has used and not reported.
    pub(super) tokens: u32,
    /// The last answer: how many tokens were kept.
    pub(super) kept: u32,
    /// The last answer: how many were granted.
    pub(super) granted: u32,
    /// When tokens count as used, whatever the holder says later.
    pub(super) ends: UnixMillis,
}

impl Lease {
    /// The answer to a renewal that was answered before; empty where a later one has been.
    pub(super) fn repeat(&self, renewal: &Renewal) -> Grant {
        let last = renewal.sequence == self.sequence;
        Grant {
            holder: renewal.holder,
            sequence: renewal.sequence,
            kept: if last { self.kept } else { 0 },
            granted: if last { self.granted } else { 0 },
            retry_after: 0,
            share: 0,
            free: 0,
        }
    }
}
