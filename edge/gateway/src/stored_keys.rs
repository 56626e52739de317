//! API keys that the platform's store knows.
//!
//! A store is asked for a key once in the ring's `refresh`; for one that it lacks, once in
//! [`UNKNOWN`]. While it cannot be reached, what is known of a key stays in force for the ring's
//! `keep`.

use std::sync::Arc;

use tidegate_shared::api_key::ApiKeyRecord;
use tidegate_shared::bundle::StoredKeys;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use crate::ports::Ports;
use crate::state::{Recalled, State};

/// Milliseconds for which a key that a store lacks is not looked for again, unless `refresh` is
/// shorter: a new key is good that soon, also where somebody tried it before.
const UNKNOWN: u64 = 10_000;
/// Milliseconds after which a store that could not be reached is asked again for a known key.
const RETRY: u64 = 5_000;

/// Whether a key is good cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store `{store}` cannot be asked: {cause}")]
pub(crate) struct StoreUnavailable {
    store: String,
    cause: String,
}

/// What the ring's store has of the key with this digest.
///
/// # Errors
/// [`StoreUnavailable`] where that is neither known nor can be had.
pub(crate) async fn find(
    ring: &StoredKeys,
    digest: Digest,
    state: &State,
    ports: &impl Ports,
) -> Result<Option<Arc<ApiKeyRecord>>, StoreUnavailable> {
    let now = ports.now();
    let within = |since: UnixMillis, time: u64| now >= since && now.since(since) < time;
    let mut kept = None;
    match state.api_keys.recall(&ring.store, &digest) {
        Some(Recalled::Unknown { since }) if within(since, UNKNOWN.min(ring.refresh.0)) => {
            return Ok(None);
        }
        None | Some(Recalled::Unknown { .. }) => {}
        Some(Recalled::Known {
            record,
            since,
            failed,
        }) => {
            if within(since, ring.refresh.0) {
                return Ok(Some(record));
            }
            if within(since, ring.keep.0) {
                if failed.is_some_and(|failed| within(failed, RETRY)) {
                    return Ok(Some(record));
                }
                kept = Some(record);
            }
        }
    }
    let found = ports
        .credential(&ring.store, &ApiKeyRecord::stored_at(&digest))
        .await
        .map_err(|error| error.to_string())
        .and_then(|octets| {
            let record = octets
                .map(|octets| ApiKeyRecord::decode(&octets))
                .transpose();
            record.map_err(|error| format!("the key's record is malformed: {error}"))
        });
    match found {
        Ok(record) => {
            let record = record.map(Arc::new);
            // As of before the answer: the key may have been revoked meanwhile.
            state
                .api_keys
                .learn(&ring.store, digest, record.clone(), now);
            Ok(record)
        }
        Err(cause) => {
            state.api_keys.fail(&digest, ports.now());
            kept.map(Some).ok_or(StoreUnavailable {
                store: ring.store.clone(),
                cause,
            })
        }
    }
}
