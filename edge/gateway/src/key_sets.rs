//! Key sets that issuers change while the gateway runs.
//!
//! A set begins with the keys of the bundle, and is asked for anew ahead of its age, behind the
//! requests ([`Gateway::refresh`](crate::Gateway::refresh)). Only where that has not happened does
//! a request wait for it: where the set is older than it may be, and where a token names a key
//! that it lacks. An issuer is asked once in [`THROTTLE`], whatever asks: a flood of tokens with
//! unknown keys reaches it no more often than one such token.

mod document;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tidegate_shared::bundle::{Issuer, IssuerKeys, KeyLocation, RemoteKeys};
use tidegate_shared::time::UnixMillis;

use crate::ports::Ports;

/// Milliseconds between two attempts to fetch a set. Longer than an attempt can last, so that one
/// is under way at a time.
const THROTTLE: u64 = 12_000;

/// There are no keys to verify a token with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there are no keys of issuer `{issuer}`: {cause}")]
pub(crate) struct NoKeys {
    issuer: String,
    cause: String,
}

/// The sets in use. Bounded by the bundle: an entry for each of its locations.
#[derive(Debug, Default)]
pub(crate) struct KeySets(Mutex<BTreeMap<KeyLocation, Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    keys: Arc<IssuerKeys>,
    /// When the keys were fetched; those of the bundle count from their first use.
    since: UnixMillis,
    fetched: bool,
    tried: Option<UnixMillis>,
}

/// How much longer a set will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Fresh,
    /// Better asked for anew soon.
    Due,
    /// To be asked for before it is used.
    Stale,
    /// Not to be used any more.
    Dead,
}

impl Entry {
    fn begin(issuer: &Issuer, now: UnixMillis) -> Self {
        Self {
            keys: Arc::new(issuer.keys.clone()),
            since: now,
            fetched: false,
            tried: None,
        }
    }

    fn age(&self, remote: &RemoteKeys, now: UnixMillis) -> Age {
        if matches!(&*self.keys, IssuerKeys::Pinned(keys) if keys.is_empty()) {
            return Age::Dead;
        }
        match elapsed(self.since, now) {
            // How old it is nobody knows: better ask.
            None => Age::Stale,
            Some(age) if age >= remote.keep.0 => Age::Dead,
            // Who withdrew a key after the bundle was made is not known: ask at once, but do not
            // let the first request wait for it.
            _ if !self.fetched => Age::Due,
            Some(age) if age >= remote.refresh.0 => Age::Stale,
            Some(age) if age >= remote.refresh.0 / 2 => Age::Due,
            Some(_) => Age::Fresh,
        }
    }

    fn may_try(&self, now: UnixMillis) -> bool {
        let since = self.tried.and_then(|tried| elapsed(tried, now));
        since.is_none_or(|since| since >= THROTTLE)
    }
}

/// Milliseconds between two points; `None` where the clock jumped back.
fn elapsed(earlier: UnixMillis, now: UnixMillis) -> Option<u64> {
    (now >= earlier).then(|| now.since(earlier))
}

impl KeySets {
    /// The keys to verify a token of an issuer with.
    ///
    /// # Errors
    /// [`NoKeys`] where there are none, or only such as must not be used any more.
    pub(crate) async fn keys(
        &self,
        issuer: &Issuer,
        remote: &RemoteKeys,
        ports: &impl Ports,
    ) -> Result<Arc<IssuerKeys>, NoKeys> {
        let entry = self.entry(issuer, remote, ports.now());
        let age = entry.age(remote, ports.now());
        if age < Age::Stale {
            return Ok(entry.keys);
        }
        let cause = match self.fetch(issuer, remote, ports).await {
            Some(Ok(keys)) => return Ok(keys),
            Some(Err(cause)) => cause,
            None => "they were asked for a moment ago".to_owned(),
        };
        if age < Age::Dead {
            return Ok(entry.keys);
        }
        Err(NoKeys {
            issuer: issuer.name.clone(),
            cause,
        })
    }

    /// The keys after a token named one that was not among them; `None` where they were asked for
    /// a moment ago, or cannot be had.
    pub(crate) async fn look_again(
        &self,
        issuer: &Issuer,
        remote: &RemoteKeys,
        ports: &impl Ports,
    ) -> Option<Arc<IssuerKeys>> {
        self.fetch(issuer, remote, ports).await?.ok()
    }

    /// Whether a set in use is better asked for anew.
    pub(crate) fn due(&self, issuer: &Issuer, now: UnixMillis) -> bool {
        let (sets, remote) = (self.lock(), issuer.remote.as_ref());
        let entry = remote.and_then(|remote| Some((sets.get(&remote.location)?, remote)));
        entry.is_some_and(|(entry, remote)| {
            entry.age(remote, now) > Age::Fresh && entry.may_try(now)
        })
    }

    /// Asks for a set in use, where that is due.
    /// Gives the number of keys.
    pub(crate) async fn refresh(
        &self,
        issuer: &Issuer,
        ports: &impl Ports,
    ) -> Option<Result<usize, String>> {
        let remote = issuer.remote.as_ref()?;
        if !self.due(issuer, ports.now()) {
            return None;
        }
        let keys = self.fetch(issuer, remote, ports).await?;
        Some(keys.map(|keys| match &*keys {
            IssuerKeys::Pinned(keys) => keys.len(),
            IssuerKeys::Secret(_) => 0,
        }))
    }

    /// Fetches a set and puts it into force; `None` where that was tried a moment ago.
    async fn fetch(
        &self,
        issuer: &Issuer,
        remote: &RemoteKeys,
        ports: &impl Ports,
    ) -> Option<Result<Arc<IssuerKeys>, String>> {
        let began = ports.now();
        {
            let mut sets = self.lock();
            let entry = sets
                .entry(remote.location.clone())
                .or_insert_with(|| Entry::begin(issuer, began));
            if !entry.may_try(began) {
                return None;
            }
            entry.tried = Some(began);
        }
        let keys = match document::fetch(&issuer.issuer, &remote.location, ports).await {
            Ok(keys) => Arc::new(IssuerKeys::Pinned(keys)),
            Err(cause) => return Some(Err(cause)),
        };
        if let Some(entry) = self.lock().get_mut(&remote.location) {
            entry.keys = Arc::clone(&keys);
            // As of before the answer: a key withdrawn meanwhile may still be in it.
            entry.since = began;
            entry.fetched = true;
        }
        Some(Ok(keys))
    }

    /// Learns what another memory knows of the same locations.
    pub(crate) fn adopt(&self, other: &Self) {
        let known = other.lock();
        let mut sets = self.lock();
        for (location, known) in &*known {
            let same = |own: &Entry| own.since == known.since && own.fetched == known.fetched;
            if !sets.get(location).is_some_and(same) {
                sets.insert(location.clone(), known.clone());
            }
        }
        sets.retain(|location, _| known.contains_key(location));
    }

    /// Forgets the sets that a policy no longer has.
    pub(crate) fn retain(&self, issuers: &[Issuer]) {
        let remotes = || issuers.iter().filter_map(|issuer| issuer.remote.as_ref());
        self.lock()
            .retain(|location, _| remotes().any(|remote| remote.location == *location));
    }

    fn entry(&self, issuer: &Issuer, remote: &RemoteKeys, now: UnixMillis) -> Entry {
        let mut sets = self.lock();
        sets.entry(remote.location.clone())
            .or_insert_with(|| Entry::begin(issuer, now))
            .clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<KeyLocation, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
