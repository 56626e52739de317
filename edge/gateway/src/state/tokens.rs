//! Tokens that were verified lately.
//!
//! An entry says who a token speaks for, never what they may do: scopes and conditions are looked
//! at anew each time. It is found by a hash that nobody outside can compute, and counts only for
//! exactly the same token, bundle, issuer and keys. Its dates are looked at anew, too, and it
//! lives no longer than [`MAX_AGE`].

use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tidegate_shared::bundle::IssuerKeys;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use crate::identity::Identity;

/// Milliseconds after which a signature is checked again.
const MAX_AGE: u64 = 60_000;
/// A longer token is verified each time.
const MAX_TOKEN: usize = 4 * 1024;
/// What all entries may hold, in octets.
const MAX_OCTETS: usize = 8 * 1024 * 1024;
/// What an entry holds beside its token and the claims that were in it.
const ENTRY: usize = 512;

/// Who verified a token, and with what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier<'v> {
    /// The bundle with the issuer's rules.
    pub(crate) bundle: Digest,
    /// The issuer's name in the policy.
    pub(crate) issuer: &'v str,
}

/// What a verified token came to.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) identity: Arc<Identity>,
    pub(crate) lifetime: Lifetime,
    /// The keys, where they may change; those of the bundle cannot.
    pub(crate) keys: Option<Arc<IssuerKeys>>,
}

/// When a token is good, leeway included. Seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    /// The first second.
    pub(crate) begins: u64,
    /// The first second after it.
    pub(crate) ends: u64,
}

/// The entries, the least recently used of which goes first.
#[derive(Debug)]
pub(crate) struct Tokens {
    seed: [u8; 16],
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    entries: LruCache<u64, Entry, BuildHasherDefault<DefaultHasher>>,
    octets: usize,
}

#[derive(Debug)]
struct Entry {
    bundle: Digest,
    issuer: Box<str>,
    token: Box<str>,
    since: UnixMillis,
    known: Known,
}

impl Entry {
    fn octets(&self) -> usize {
        // The token, and its claims: they were in it, in base64.
        self.token.len().saturating_mul(3).saturating_add(ENTRY)
    }
}

impl Tokens {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            table: Mutex::new(Table {
                entries: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
                octets: 0,
            }),
        }
    }

    /// What a token came to when it was last verified, if that is not long ago.
    pub(crate) fn find(&self, by: Verifier<'_>, token: &str, now: UnixMillis) -> Option<Known> {
        let key = self.key(by, token);
        let mut table = self.lock();
        let entry = table.entries.get(&key)?;
        let same =
            entry.bundle == by.bundle && *entry.issuer == *by.issuer && *entry.token == *token;
        // A clock that jumped back makes it old, not young.
        let young = now >= entry.since && now.since(entry.since) < MAX_AGE;
        (same && young).then(|| entry.known.clone())
    }

    /// Keeps what a token came to.
    pub(crate) fn put(&self, by: Verifier<'_>, token: &str, known: Known, now: UnixMillis) {
        if token.len() > MAX_TOKEN {
            return;
        }
        let entry = Entry {
            bundle: by.bundle,
            issuer: by.issuer.into(),
            token: token.into(),
            since: now,
            known,
        };
        let key = self.key(by, token);
        let mut table = self.lock();
        table.octets = table.octets.saturating_add(entry.octets());
        if let Some(before) = table.entries.put(key, entry) {
            table.octets = table.octets.saturating_sub(before.octets());
        }
        while table.octets > MAX_OCTETS {
            let Some((_, oldest)) = table.entries.pop_lru() else {
                break;
            };
            table.octets = table.octets.saturating_sub(oldest.octets());
        }
    }

    fn key(&self, by: Verifier<'_>, token: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, by.bundle, by.issuer, token).hash(&mut hasher);
        hasher.finish()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

    fn known(subject: &str) -> Known {
        Known {
            identity: Arc::new(Identity {
                issuer: "issuer".to_owned(),
                subject: subject.to_owned(),
                scopes: Vec::new(),
                claims: serde_json::Map::new(),
            }),
            lifetime: Lifetime {
                begins: 0,
                ends: u64::MAX,
            },
            keys: None,
        }
    }

    fn by<'v>(bundle: &Digest, issuer: &'v str) -> Verifier<'v> {
        Verifier {
            bundle: *bundle,
            issuer,
        }
    }

    #[test]
    fn an_entry_counts_for_its_token_bundle_and_issuer_alone() {
        let (one, other) = (Digest::of(b"1"), Digest::of(b"2"));
        let tokens = Tokens::new([7; 16]);
        tokens.put(by(&one, "a"), "token", known("alice"), NOW);
        assert!(tokens.find(by(&one, "a"), "token", NOW).is_some());
        for (bundle, issuer, token) in [
            (&other, "a", "token"),
            (&one, "b", "token"),
            (&one, "a", "toke"),
            (&one, "a", "tokenx"),
            (&one, "at", "oken"),
        ] {
            assert!(tokens.find(by(bundle, issuer), token, NOW).is_none());
        }
    }

    #[test]
    fn an_entry_lives_a_minute_and_a_clock_that_jumps_back_ends_it() {
        let bundle = Digest::of(b"1");
        let tokens = Tokens::new([7; 16]);
        tokens.put(by(&bundle, "a"), "token", known("alice"), NOW);
        let found = |now| tokens.find(by(&bundle, "a"), "token", now).is_some();
        assert!(found(NOW.plus(MAX_AGE - 1)));
        assert!(!found(NOW.plus(MAX_AGE)));
        assert!(!found(UnixMillis(NOW.0 - 1)));
    }

    #[test]
    fn entries_are_bounded_and_the_least_used_go_first() {
        let bundle = Digest::of(b"1");
        let tokens = Tokens::new([7; 16]);
        let token = |number: usize| format!("{number:04000}");
        let most = MAX_OCTETS / (3 * 4_000 + ENTRY);
        for number in 0..most * 2 {
            tokens.put(by(&bundle, "a"), &token(number), known("alice"), NOW);
            assert!(tokens.find(by(&bundle, "a"), &token(0), NOW).is_some());
        }
        let table = tokens.lock();
        assert!(table.octets <= MAX_OCTETS);
        assert_eq!(table.entries.len(), most);
        drop(table);
        assert!(tokens.find(by(&bundle, "a"), &token(1), NOW).is_none());
        let long = "x".repeat(MAX_TOKEN + 1);
        tokens.put(by(&bundle, "a"), &long, known("alice"), NOW);
        assert!(tokens.find(by(&bundle, "a"), &long, NOW).is_none());
    }
}
