//! What a store said of API keys lately.
//!
//! Keys that a store has and keys that it lacks are remembered apart, and each kind is bounded for
//! itself: whoever makes up keys displaces what is known of other made-up ones alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tidegate_limits::Seed;
use tidegate_shared::api_key::ApiKeyRecord;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

/// Keys that a store has. A record has at most 4 KiB, and mostly a few hundred octets.
const MAX_KNOWN: usize = 8_192;
/// Keys that a store lacks.
const MAX_UNKNOWN: usize = 16_384;

/// What is remembered of a key.
#[derive(Clone, Debug)]
pub(crate) enum Recalled {
    /// The store had it.
    Known {
        record: Arc<ApiKeyRecord>,
        /// When the store was asked.
        since: UnixMillis,
        /// When it was last asked in vain.
        failed: Option<UnixMillis>,
    },
    /// The store did not have it when it was asked.
    Unknown { since: UnixMillis },
}

/// The keys of all stores, the least recently used of which go first.
#[derive(Debug)]
pub(crate) struct ApiKeys(Mutex<Table>);

#[derive(Debug)]
struct Table {
    known: LruCache<Digest, Known, Seed>,
    unknown: LruCache<Digest, Unknown, Seed>,
}

#[derive(Debug)]
struct Known {
    store: Box<str>,
    record: Arc<ApiKeyRecord>,
    since: UnixMillis,
    failed: Option<UnixMillis>,
}

#[derive(Debug)]
struct Unknown {
    store: Box<str>,
    since: UnixMillis,
}

impl ApiKeys {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self(Mutex::new(Table {
            known: LruCache::unbounded_with_hasher(Seed(seed)),
            unknown: LruCache::unbounded_with_hasher(Seed(seed)),
        }))
    }

    pub(crate) fn recall(&self, store: &str, key: &Digest) -> Option<Recalled> {
        let mut table = self.lock();
        if let Some(known) = table.known.get(key).filter(|known| *known.store == *store) {
            return Some(Recalled::Known {
                record: Arc::clone(&known.record),
                since: known.since,
                failed: known.failed,
            });
        }
        let unknown = table.unknown.get(key)?;
        (*unknown.store == *store).then_some(Recalled::Unknown {
            since: unknown.since,
        })
    }

    /// Keeps what a store, asked at `since`, said of a key.
    pub(crate) fn learn(
        &self,
        store: &str,
        key: Digest,
        record: Option<Arc<ApiKeyRecord>>,
        since: UnixMillis,
    ) {
        let mut table = self.lock();
        let store = store.into();
        match record {
            Some(record) => {
                table.unknown.pop(&key);
                let failed = None;
                let known = Known {
                    store,
                    record,
                    since,
                    failed,
                };
                table.known.put(key, known);
                if table.known.len() > MAX_KNOWN {
                    table.known.pop_lru();
                }
            }
            None => {
                table.known.pop(&key);
                table.unknown.put(key, Unknown { store, since });
                if table.unknown.len() > MAX_UNKNOWN {
                    table.unknown.pop_lru();
                }
            }
        }
    }

    /// Notes that a store could not be asked again for a key that it had.
    pub(crate) fn fail(&self, key: &Digest, now: UnixMillis) {
        if let Some(known) = self.lock().known.peek_mut(key) {
            known.failed = Some(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tidegate_shared::api_key::ApiKeyPrefix;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

    fn record() -> Arc<ApiKeyRecord> {
        Arc::new(ApiKeyRecord::new(
            "partners",
            ApiKeyPrefix::default(),
            "acme",
            0,
        ))
    }

    #[test]
    fn keys_that_no_store_has_displace_each_other_alone() {
        let keys = ApiKeys::new([1; 16]);
        let honest = Digest::of(b"honest");
        keys.learn("kv", honest, Some(record()), NOW);
        for number in 0..2 * MAX_UNKNOWN {
            keys.learn("kv", Digest::of(&number.to_be_bytes()), None, NOW);
        }
        assert!(matches!(
            keys.recall("kv", &honest),
            Some(Recalled::Known { .. })
        ));
        let table = keys.lock();
        assert_eq!(table.unknown.len(), MAX_UNKNOWN);
        assert_eq!(table.known.len(), 1);
    }

    #[test]
    fn what_one_store_said_counts_for_no_other() {
        let keys = ApiKeys::new([1; 16]);
        let (known, unknown) = (Digest::of(b"known"), Digest::of(b"unknown"));
        keys.learn("kv", known, Some(record()), NOW);
        keys.learn("kv", unknown, None, NOW);
        assert!(keys.recall("kv", &known).is_some() && keys.recall("kv", &unknown).is_some());
        assert!(keys.recall("other", &known).is_none());
        assert!(keys.recall("other", &unknown).is_none());
    }

    #[test]
    fn a_key_is_known_or_unknown_and_never_both() {
        let keys = ApiKeys::new([1; 16]);
        let key = Digest::of(b"key");
        for record in [None, Some(record()), None] {
            let known = record.is_some();
            keys.learn("kv", key, record, NOW);
            let recalled = keys.recall("kv", &key).unwrap();
            assert_eq!(matches!(recalled, Recalled::Known { .. }), known);
            let table = keys.lock();
            assert_eq!(table.known.len() + table.unknown.len(), 1);
        }
    }
}
