//! What tokens came to when they were looked at lately.
//!
//! An entry says who a token speaks for, or why it is refused; never what its bearer may do: scopes
//! and conditions are looked at anew each time. It is found by a hash that nobody outside can
//! compute, and counts only for exactly the same token, bundle and issuer. Whoever asks says how
//! old it may be, and looks at its dates and keys anew.

use std::hash::{BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tidegate_shared::bundle::IssuerKeys;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use crate::identity::Identity;

/// A longer token is looked at each time.
pub(crate) const MAX_TOKEN: usize = 4 * 1024;
/// What an entry holds beside its token and what that came to, in octets.
const ENTRY: usize = 512;

/// Who looked at a token, and by which rules.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verifier<'v> {
    /// The bundle with the issuer's rules.
    pub(crate) bundle: Digest,
    /// The name of the issuer, or of the server that was asked, in the policy.
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
pub(crate) struct Tokens<T> {
    seed: [u8; 16],
    /// What all entries may hold, in octets.
    most: usize,
    table: Mutex<Table<T>>,
}

#[derive(Debug)]
struct Table<T> {
    entries: LruCache<u64, Entry<T>, BuildHasherDefault<DefaultHasher>>,
    octets: usize,
}

#[derive(Debug)]
struct Entry<T> {
    bundle: Digest,
    issuer: Box<str>,
    token: Box<str>,
    since: UnixMillis,
    outcome: T,
    /// What the outcome holds, in octets.
    holds: usize,
}

/// What a token came to, and how many milliseconds ago.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) outcome: T,
    pub(crate) age: u64,
}

impl<T> Entry<T> {
    fn is_of(&self, by: Verifier<'_>, token: &str) -> bool {
        self.bundle == by.bundle && *self.issuer == *by.issuer && *self.token == *token
    }

    fn octets(&self) -> usize {
        ENTRY
            .saturating_add(self.token.len())
            .saturating_add(self.holds)
    }
}

impl<T: Clone> Tokens<T> {
    pub(crate) fn new(seed: [u8; 16], most: usize) -> Self {
        Self {
            seed,
            most,
            table: Mutex::new(Table {
                entries: LruCache::unbounded_with_hasher(BuildHasherDefault::default()),
                octets: 0,
            }),
        }
    }

    /// What a token came to when it was last looked at.
    pub(crate) fn find(&self, by: Verifier<'_>, token: &str, now: UnixMillis) -> Option<Found<T>> {
        let key = self.key(by, token);
        let mut table = self.lock();
        let entry = table.entries.get(&key)?;
        // A clock that jumped back makes it old, not young.
        if !entry.is_of(by, token) || now < entry.since {
            return None;
        }
        Some(Found {
            outcome: entry.outcome.clone(),
            age: now.since(entry.since),
        })
    }

    /// Keeps what a token came to, which `holds` about so many octets.
    pub(crate) fn put(
        &self,
        by: Verifier<'_>,
        token: &str,
        outcome: T,
        holds: usize,
        now: UnixMillis,
    ) {
        if token.len() > MAX_TOKEN {
            return;
        }
        let entry = Entry {
            bundle: by.bundle,
            issuer: by.issuer.into(),
            token: token.into(),
            since: now,
            outcome,
            holds,
        };
        let key = self.key(by, token);
        let mut table = self.lock();
        table.octets = table.octets.saturating_add(entry.octets());
        if let Some(before) = table.entries.put(key, entry) {
            table.octets = table.octets.saturating_sub(before.octets());
        }
        while table.octets > self.most {
            let Some((_, oldest)) = table.entries.pop_lru() else {
                break;
            };
            table.octets = table.octets.saturating_sub(oldest.octets());
        }
    }

    /// Forgets what a token came to.
    pub(crate) fn remove(&self, by: Verifier<'_>, token: &str) {
        let key = self.key(by, token);
        let mut table = self.lock();
        if let Some(before) = table.entries.pop(&key) {
            table.octets = table.octets.saturating_sub(before.octets());
        }
    }

    fn key(&self, by: Verifier<'_>, token: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, by.bundle, by.issuer, token).hash(&mut hasher);
        hasher.finish()
    }

    fn lock(&self) -> MutexGuard<'_, Table<T>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_750_000_000_000);
    const MOST: usize = 1024 * 1024;

    fn known(subject: &str) -> Known {
        Known {
            identity: Arc::new(Identity {
                issuer: "issuer".to_owned(),
                subject: subject.to_owned(),
                scopes: Vec::new(),
                plan: None,
                key: None,
                claims: serde_json::Map::new(),
                certificate: serde_json::Map::new(),
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
        let tokens = Tokens::new([7; 16], MOST);
        tokens.put(by(&one, "a"), "token", known("alice"), 100, NOW);
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
    fn an_entry_has_an_age_and_a_clock_that_jumps_back_ends_it() {
        let bundle = Digest::of(b"1");
        let tokens = Tokens::new([7; 16], MOST);
        tokens.put(by(&bundle, "a"), "token", known("alice"), 100, NOW);
        let age = |now| Some(tokens.find(by(&bundle, "a"), "token", now)?.age);
        assert_eq!(age(NOW.plus(59_999)), Some(59_999));
        assert_eq!(age(UnixMillis(NOW.0 - 1)), None);
    }

    #[test]
    fn an_entry_can_be_forgotten() {
        let bundle = Digest::of(b"1");
        let tokens = Tokens::new([7; 16], MOST);
        for token in ["token", "other"] {
            tokens.put(by(&bundle, "a"), token, known("alice"), 100, NOW);
        }
        tokens.remove(by(&bundle, "a"), "token");
        let found = |token| tokens.find(by(&bundle, "a"), token, NOW).is_some();
        assert!(!found("token") && found("other"));
    }

    #[test]
    fn entries_are_bounded_and_the_least_used_go_first() {
        let bundle = Digest::of(b"1");
        let tokens = Tokens::new([7; 16], MOST);
        let token = |number: usize| format!("{number:04000}");
        let most = MOST / (4_000 + 100 + ENTRY);
        for number in 0..most * 2 {
            tokens.put(by(&bundle, "a"), &token(number), known("alice"), 100, NOW);
            assert!(tokens.find(by(&bundle, "a"), &token(0), NOW).is_some());
        }
        let table = tokens.lock();
        assert!(table.octets <= MOST);
        assert_eq!(table.entries.len(), most);
        drop(table);
        assert!(tokens.find(by(&bundle, "a"), &token(1), NOW).is_none());
        let long = "x".repeat(MAX_TOKEN + 1);
        tokens.put(by(&bundle, "a"), &long, known("alice"), 100, NOW);
        assert!(tokens.find(by(&bundle, "a"), &long, NOW).is_none());
    }
}
