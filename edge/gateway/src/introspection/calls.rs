//! Calls under way: one for a token where requests can wait for each other, and no more than
//! [`MOST`] of one server in any case.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_lock::OnceCell;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;

use super::Outcome;
use crate::state::Verifier;

/// Calls of one server under way at a time. More are no sign of callers but of a flood.
const MOST: usize = 32;
/// Milliseconds after which a call is over, even if nobody said so: a runtime may drop a request
/// without a word. Longer than a call can last.
const OVER: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    begun: u64,
    calls: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    bundle: Digest,
    server: Box<str>,
    token: Box<str>,
    began: UnixMillis,
    /// Requests that wait for it.
    waiting: usize,
    outcome: Arc<OnceCell<Outcome>>,
}

/// A share in a call, until it is dropped.
#[derive(Debug)]
pub(super) struct Call<'c> {
    calls: &'c Calls,
    id: u64,
    /// Whoever comes first makes the call. Where that one goes away, another one does.
    pub(super) outcome: Arc<OnceCell<Outcome>>,
}

impl Entry {
    fn is_of(&self, by: Verifier<'_>, token: &str) -> bool {
        self.bundle == by.bundle && *self.server == *by.issuer && *self.token == *token
    }
}

impl Calls {
    /// A share in a call about a token: in the one under way where there is one and calls are
    /// `shared`. `None` where too many are under way.
    pub(super) fn join(
        &self,
        by: Verifier<'_>,
        token: &str,
        now: UnixMillis,
        shared: bool,
    ) -> Option<Call<'_>> {
        let mut table = self.lock();
        table.calls.retain(|call| now.since(call.began) < OVER);
        let same = |call: &&mut Entry| shared && call.is_of(by, token);
        if let Some(call) = table.calls.iter_mut().find(same) {
            call.waiting = call.waiting.saturating_add(1);
            return Some(Call {
                calls: self,
                id: call.id,
                outcome: Arc::clone(&call.outcome),
            });
        }
        let own = table.calls.iter().filter(|call| *call.server == *by.issuer);
        if own.count() >= MOST {
            return None;
        }
        table.begun = table.begun.wrapping_add(1);
        let (id, outcome) = (table.begun, Arc::new(OnceCell::new()));
        table.calls.push(Entry {
            id,
            bundle: by.bundle,
            server: by.issuer.into(),
            token: token.into(),
            began: now,
            waiting: 1,
            outcome: Arc::clone(&outcome),
        });
        Some(Call {
            calls: self,
            id,
            outcome,
        })
    }

    /// Whether a call about a token is under way.
    pub(super) fn has(&self, by: Verifier<'_>, token: &str, now: UnixMillis) -> bool {
        let table = self.lock();
        let mut calls = table.calls.iter();
        calls.any(|call| call.is_of(by, token) && now.since(call.began) < OVER)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut table = self.calls.lock();
        table.calls.retain_mut(|call| {
            if call.id == self.id {
                call.waiting = call.waiting.saturating_sub(1);
            }
            call.waiting > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

    fn by(server: &str) -> Verifier<'_> {
        Verifier {
            bundle: Digest([0; 32]),
            issuer: server,
        }
    }

    #[test]
    fn a_server_has_so_many_calls_and_another_one_its_own() {
        let calls = Calls::default();
        let join = |server, token: &str, now| calls.join(by(server), token, now, false);
        let mut held: Vec<_> = (0..MOST).map(|_| join("a", "t", NOW)).collect();
        assert!(held.iter().all(Option::is_some));
        assert!(join("a", "t", NOW).is_none());
        assert!(join("b", "t", NOW).is_some());
        held.pop();
        assert!(join("a", "other", NOW).is_some());
        // Nobody said that they are over.
        std::mem::forget(held);
        let more = NOW.plus(OVER - 1);
        let last = join("a", "t", more).unwrap();
        assert!(join("a", "t", more).is_none());
        drop(last);
        assert!(join("a", "t", NOW.plus(OVER)).is_some());
    }

    #[test]
    fn what_is_shared_counts_once_and_ends_with_the_last() {
        let calls = Calls::default();
        let join = |token: &str| calls.join(by("a"), token, NOW, true).unwrap();
        let shares: Vec<_> = (0..MOST * 2).map(|_| join("t")).collect();
        assert!(calls.has(by("a"), "t", NOW));
        assert!(!calls.has(by("b"), "t", NOW));
        let other = join("other");
        assert!(!Arc::ptr_eq(&other.outcome, &shares[0].outcome));
        assert!(Arc::ptr_eq(&shares[1].outcome, &shares[0].outcome));
        drop(shares);
        assert!(!calls.has(by("a"), "t", NOW));
        assert!(calls.has(by("a"), "other", NOW));
    }
}
