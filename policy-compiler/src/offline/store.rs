//! What stands for the platform's stores, which are not there offline.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_shared::bundle::{PinnedKeys, RingKeys};

use crate::{Ir, TestCaller};

/// Puts the consumers that the policy's tests name, and others, into the rings whose keys are in a store, for
/// [`Credentials`](crate::credentials::Credentials) to give them keys.
pub(super) fn stand_in(ir: &mut Ir, others: &BTreeSet<&str>) {
    let mut named: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for test in &ir.tests {
        if let TestCaller::ApiKey { ring, consumer } = &test.request.caller {
            let consumers = named.entry(*ring).or_default();
            if !consumers.contains(consumer) {
                consumers.push(consumer.clone());
            }
        }
    }
    // Nothing is revoked either.
    ir.tables.revocations = None;
    for (ring, index) in ir.tables.api_keys.iter_mut().zip(0..) {
        if let RingKeys::Stored(_) = ring.keys {
            let mut consumers = named.remove(&index).unwrap_or_default();
            let others = others.iter().map(|consumer| (*consumer).to_owned());
            let others: Vec<String> = others.filter(|other| !consumers.contains(other)).collect();
            consumers.extend(others);
            let without_keys = consumers.into_iter().map(|consumer| (consumer, None));
            ring.keys = RingKeys::Pinned(PinnedKeys::new(without_keys));
        }
    }
}
