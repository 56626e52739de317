//! What was revoked before its time.
//!
//! The list is asked for once in its `refresh`: ahead of that behind the requests, else by the
//! first request that finds it too old. While it cannot be had anew, the last one stays in force
//! for `keep`, but not after its own end. A list that is older than one that was in force, or not
//! signed by the policy's key, counts as none at all.

mod read;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_shared::bundle::{ListLocation, RevocationRules, WhenStale};
use tidegate_shared::channel::Seen;
use tidegate_shared::revocation::{Bearer, Revocations, Revoked};
use tidegate_shared::time::UnixMillis;

use crate::identity::Identity;
use crate::ports::Ports;

/// Milliseconds between two attempts, of which the first has failed or is under way. No shorter
/// than an attempt can last.
const RETRY: u64 = 5_000;

/// Why a caller whose credential holds is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotLetIn {
    /// The list has it.
    #[error("{0}")]
    Revoked(&'static str),
    /// There is no list to ask.
    #[error("the list of revocations cannot be had: {0}")]
    Stale(String),
}

/// The list in use. One policy has one.
#[derive(Debug, Default)]
pub(crate) struct Lists(Mutex<Option<Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    /// What it is the list of: with another location or key, sequences begin anew.
    location: ListLocation,
    trust: String,
    newest: Option<Newest>,
    /// When it was last asked for, unless that went well.
    tried: Option<UnixMillis>,
    /// Why the last attempt failed.
    failure: Option<String>,
}

/// The newest list that was accepted.
#[derive(Clone, Debug)]
struct Newest {
    list: Arc<Revocations>,
    seen: Seen,
    /// When it was asked for, as of before the answer.
    since: UnixMillis,
}

/// How much longer a list will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    Fresh,
    /// Better asked for anew soon.
    Due,
    /// To be asked for before it is used.
    Old,
    /// Not to be used any more.
    Stale,
}

impl Entry {
    fn begin(rules: &RevocationRules) -> Self {
        Self {
            location: rules.location.clone(),
            trust: rules.trust.clone(),
            newest: None,
            tried: None,
            failure: None,
        }
    }

    fn age(&self, rules: &RevocationRules, now: UnixMillis) -> Age {
        let Some(newest) = &self.newest else {
            return Age::Stale;
        };
        if now >= newest.list.expires {
            return Age::Stale;
        }
        match elapsed(newest.since, now) {
            // How old it is nobody knows: better ask.
            None => Age::Old,
            Some(age) if age >= rules.keep.0 => Age::Stale,
            Some(age) if age >= rules.refresh.0 => Age::Old,
            Some(age) if age >= rules.refresh.0 / 2 => Age::Due,
            Some(_) => Age::Fresh,
        }
    }

    fn may_try(&self, now: UnixMillis) -> bool {
        let since = self.tried.and_then(|tried| elapsed(tried, now));
        since.is_none_or(|since| since >= RETRY)
    }

    fn list(&self) -> Option<Arc<Revocations>> {
        let newest = self.newest.as_ref()?;
        Some(Arc::clone(&newest.list))
    }
}

/// Milliseconds between two points; `None` where the clock jumped back.
fn elapsed(earlier: UnixMillis, now: UnixMillis) -> Option<u64> {
    (now >= earlier).then(|| now.since(earlier))
}

impl Lists {
    /// Holds a caller against the list.
    ///
    /// # Errors
    /// [`NotLetIn`].
    pub(crate) async fn check(
        &self,
        rules: &RevocationRules,
        identity: &Identity,
        ports: &impl Ports,
    ) -> Result<(), NotLetIn> {
        let list = match (self.current(rules, ports).await, rules.when_stale) {
            (Ok(list), _) => list,
            (Err(cause), WhenStale::Refuse) => return Err(NotLetIn::Stale(cause)),
            (Err(_), WhenStale::Allow) => match self.entry(rules).list() {
                Some(last) => last,
                None => return Ok(()),
            },
        };
        let bearer = Bearer {
            issuer: &identity.issuer,
            subject: &identity.subject,
            token: identity.claims.get("jti").and_then(|jti| jti.as_str()),
            key: identity.key.as_deref(),
        };
        match list.find(&bearer) {
            None => Ok(()),
            Some(Revoked::Token(..)) => Err(NotLetIn::Revoked("the token is revoked")),
            Some(Revoked::Subject(..)) => Err(NotLetIn::Revoked("the subject is revoked")),
            Some(Revoked::Key(..)) => Err(NotLetIn::Revoked("the key is revoked")),
        }
    }

    /// Learns what another memory knows.
    pub(crate) fn adopt(&self, other: &Self) {
        let known = other.lock();
        let mut own = self.lock();
        let since = |entry: &Option<Entry>| {
            let newest = entry.as_ref().and_then(|entry| entry.newest.as_ref());
            newest.map(|newest| (newest.seen, newest.since))
        };
        if known.is_some() && since(&own) != since(&known) {
            own.clone_from(&known);
        }
    }

    /// Whether the list is in use, and better asked for anew.
    pub(crate) fn due(&self, rules: &RevocationRules, now: UnixMillis) -> bool {
        let slot = self.lock();
        let entry = slot.as_ref().filter(|entry| is_of(entry, rules));
        entry.is_some_and(|entry| entry.age(rules, now) > Age::Fresh && entry.may_try(now))
    }

    /// Asks for the list where that is due; gives its number of records.
    pub(crate) async fn refresh(
        &self,
        rules: &RevocationRules,
        ports: &impl Ports,
    ) -> Option<Result<usize, String>> {
        if !self.due(rules, ports.now()) {
            return None;
        }
        let list = self.ask(rules, ports).await;
        Some(list.map(|list| list.records().len()))
    }

    /// The list, where it is not too old.
    async fn current(
        &self,
        rules: &RevocationRules,
        ports: &impl Ports,
    ) -> Result<Arc<Revocations>, String> {
        let (entry, now) = (self.entry(rules), ports.now());
        match (entry.age(rules, now), entry.list(), &entry.failure) {
            (Age::Fresh | Age::Due, Some(list), _) => return Ok(list),
            (Age::Old, Some(list), _) if !entry.may_try(now) => return Ok(list),
            (Age::Stale, _, Some(cause)) if !entry.may_try(now) => return Err(cause.clone()),
            // Where there is none yet, every request asks.
            (Age::Fresh | Age::Due | Age::Old | Age::Stale, _, _) => {}
        }
        let asked = self.ask(rules, ports).await;
        let kept = || entry.list().filter(|_| entry.age(rules, now) < Age::Stale);
        asked.or_else(|cause| kept().ok_or(cause))
    }

    /// Reads the list, and puts it into force.
    async fn ask(
        &self,
        rules: &RevocationRules,
        ports: &impl Ports,
    ) -> Result<Arc<Revocations>, String> {
        let began = ports.now();
        let seen = self.change(rules, |entry| {
            entry.tried = Some(began);
            entry.newest.as_ref().map(|newest| newest.seen)
        });
        match read::read(rules, seen, ports).await {
            Ok((list, seen)) => {
                let list = Arc::new(list);
                let own = Newest {
                    list: Arc::clone(&list),
                    seen,
                    since: began,
                };
                Ok(self.change(rules, |entry| {
                    entry.tried = None;
                    entry.failure = None;
                    // A request beside this one may have read a later list.
                    match &entry.newest {
                        Some(newest) if newest.seen.sequence > own.seen.sequence => {
                            Arc::clone(&newest.list)
                        }
                        Some(_) | None => {
                            entry.newest = Some(own);
                            list
                        }
                    }
                }))
            }
            Err(cause) => {
                self.change(rules, |entry| entry.failure = Some(cause.clone()));
                Err(cause)
            }
        }
    }

    fn entry(&self, rules: &RevocationRules) -> Entry {
        self.change(rules, |entry| entry.clone())
    }

    fn change<T>(&self, rules: &RevocationRules, act: impl FnOnce(&mut Entry) -> T) -> T {
        let mut slot = self.lock();
        let entry = slot.get_or_insert_with(|| Entry::begin(rules));
        if !is_of(entry, rules) {
            *entry = Entry::begin(rules);
        }
        act(entry)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_of(entry: &Entry, rules: &RevocationRules) -> bool {
    entry.location == rules.location && entry.trust == rules.trust
}
