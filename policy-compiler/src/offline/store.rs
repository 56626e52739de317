//! What stands for the platform's stores, which are not there offline.

use std::collections::BTreeMap;

use tidegate_shared::bundle::{ListLocation, PinnedKeys, RingKeys, WhenStale};
use tidegate_shared::revocation::{PLACE, Revocation, Revocations, Revoked};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::trust::SigningKey;
use tidegate_shared::units::Span;

use super::{OfflineError, failed};
use crate::credentials::Credentials;
use crate::{Ir, TestCaller, TestCredential};

/// How long a list holds.
const VALIDITY: Span = Span(60_000);

/// Gives the consumers that tests name keys, also in rings whose keys are in a store, and lets the
/// list of revocations be one that is signed here.
pub(super) fn stand_in<'c>(
    ir: &mut Ir,
    callers: impl Iterator<Item = &'c TestCaller>,
) -> Result<Credentials, OfflineError> {
    let mut named: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for caller in callers {
        if let TestCredential::ApiKey { ring, consumer, .. } = &caller.credential {
            let consumers = named.entry(*ring).or_default();
            if !consumers.contains(consumer) {
                consumers.push(consumer.clone());
            }
        }
    }
    if let Some(rules) = &mut ir.tables.revocations {
        rules.location = ListLocation::Store("offline".to_owned());
        rules.trust = signer().trust_key().to_string();
        rules.when_stale = WhenStale::Refuse;
    }
    let mut stored = Vec::new();
    for (ring, index) in ir.tables.api_keys.iter_mut().zip(0..) {
        if let RingKeys::Stored(_) = ring.keys {
            let consumers = named.remove(&index).unwrap_or_default();
            let without_keys = consumers.into_iter().map(|consumer| (consumer, None));
            let keys = RingKeys::Pinned(PinnedKeys::new(without_keys));
            stored.push((index, std::mem::replace(&mut ring.keys, keys)));
        }
    }
    let credentials = Credentials::install(ir).map_err(failed)?;
    // The consumers have keys now; whose they are the store says.
    for (ring, index) in ir.tables.api_keys.iter_mut().zip(0_u32..) {
        if let Some(at) = stored.iter().position(|(own, _)| *own == index) {
            ring.keys = stored.swap_remove(at).1;
        }
    }
    Ok(credentials)
}

/// The list of revocations, and where it lies.
pub(super) fn list(
    revoked: Vec<Revoked>,
    now: UnixMillis,
) -> Result<(String, Vec<u8>), OfflineError> {
    let records = revoked.into_iter().map(|revoked| Revocation {
        revoked,
        until: None,
    });
    let list = Revocations::default().next(records.collect(), now, VALIDITY);
    Ok((PLACE.to_owned(), list.sign(&signer()).map_err(failed)?))
}

fn signer() -> SigningKey {
    SigningKey::from_seed([2; 32])
}
