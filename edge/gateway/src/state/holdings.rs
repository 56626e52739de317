//! The leases of an isolate or process, and what it has to tell their authorities.
//!
//! A key that comes for the first time is on trial: it has to come again to displace a key that
//! did so before. Whoever makes up keys displaces what is known of other made-up ones alone. What a
//! forgotten lease still held counts as used when it ends.

use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tidegate_limits::{Ask, BucketId, Contract, Holding, Question, Renewal, Seed};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

/// Keys that came more than once.
const MAX_KNOWN: usize = 8_192;
/// Keys that came once.
const MAX_TRIED: usize = 4_096;
/// Messages that wait for the adapter to carry them.
const MAX_DUE: usize = 1_024;

/// What an isolate or process has of one bucket.
#[derive(Debug)]
pub(crate) struct Held {
    bucket: BucketId,
    inner: Mutex<Holder>,
}

/// A holding, and what its limit allows.
#[derive(Debug)]
pub(crate) struct Holder {
    pub(crate) holding: Holding,
    terms: Terms,
}

/// What a limit allows, as its authority is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    /// A count of zero where nothing drains.
    pub(crate) rate: Rate,
    pub(crate) burst: u32,
}

impl Terms {
    pub(crate) fn contract(self) -> Contract {
        Contract::new(self.rate, self.burst)
    }
}

impl Holder {
    pub(crate) fn contract(&self) -> Contract {
        self.terms.contract()
    }
}

impl Held {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Holder> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A question about the bucket.
    pub(crate) fn question(&self, holder: &Holder, ask: Ask) -> Question {
        Question {
            bucket: self.bucket,
            rate: holder.terms.rate,
            burst: holder.terms.burst,
            ask,
        }
    }
}

/// A message to an authority that no request waits for: a lease that is renewed ahead of need or
/// given back, or what became of a reservation.
#[derive(Debug)]
pub struct DueRenewal {
    pub(crate) question: Question,
    pub(crate) renewal: Renewal,
    /// Who takes the answer.
    pub(crate) held: Option<Arc<Held>>,
}

/// The leases.
#[derive(Debug)]
pub(crate) struct Holdings {
    seed: Seed,
    /// Tokens that are held of a bucket ahead of need, at most.
    pub(super) most: u32,
    table: Mutex<Table>,
    due: Mutex<VecDeque<DueRenewal>>,
}

#[derive(Debug)]
struct Table {
    known: LruCache<BucketId, Arc<Held>, Seed>,
    tried: LruCache<BucketId, Arc<Held>, Seed>,
    /// Holders that there have been.
    holders: u64,
}

impl Holdings {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        let seed = Seed(seed);
        Self {
            seed,
            most: u32::MAX,
            table: Mutex::new(Table {
                known: LruCache::unbounded_with_hasher(seed),
                tried: LruCache::unbounded_with_hasher(seed),
                holders: 0,
            }),
            due: Mutex::default(),
        }
    }

    /// What is held of a limit's bucket.
    pub(crate) fn find(&self, bucket: BucketId, terms: Terms, now: UnixMillis) -> Arc<Held> {
        let mut table = self.lock();
        let held = match table.recall(&bucket) {
            Some(held) => held,
            None => {
                let id = self.seed.hash_one(table.next_holder());
                let held = Arc::new(Held {
                    bucket,
                    inner: Mutex::new(Holder {
                        holding: Holding::new(id, now).at_most(self.most),
                        terms,
                    }),
                });
                table.try_out(bucket, Arc::clone(&held));
                held
            }
        };
        drop(table);
        // Another bundle may say otherwise of the same bucket.
        held.lock().terms = terms;
        held
    }

    /// A holder's name that nobody can predict, and that was never used before.
    pub(crate) fn name(&self) -> u64 {
        self.seed.hash_one(self.lock().next_holder())
    }

    /// Leaves a message for the adapter to carry. Where it carries none, the authority works out
    /// by the end of the lease what the message would have said.
    pub(crate) fn tell(&self, due: DueRenewal) {
        let mut queue = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() < MAX_DUE {
            queue.push_back(due);
        }
    }

    pub(crate) fn next_due(&self) -> Option<DueRenewal> {
        let mut queue = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        queue.pop_front()
    }

    /// Renews what is in demand and ends soon, and gives back what nobody asks for.
    pub(crate) fn tend(&self, now: UnixMillis) {
        let table = self.lock();
        let held: Vec<Arc<Held>> = table
            .known
            .iter()
            .chain(&table.tried)
            .map(|(_, held)| Arc::clone(held))
            .collect();
        drop(table);
        for held in held {
            let mut holder = held.lock();
            let contract = holder.contract();
            let holding = &mut holder.holding;
            let renewal = if holding.is_idle(contract, now) {
                holding.give_back(now)
            } else if holding.lasts(contract, now) && holding.is_due(contract, now) {
                holding.renew(contract, 0, now)
            } else {
                continue;
            };
            let question = held.question(&holder, Ask::Renew(renewal));
            drop(holder);
            self.tell(DueRenewal {
                question,
                renewal,
                held: Some(held),
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn next_holder(&mut self) -> u64 {
        self.holders = self.holders.saturating_add(1);
        self.holders
    }

    fn recall(&mut self, bucket: &BucketId) -> Option<Arc<Held>> {
        if let Some(held) = self.known.get(bucket) {
            return Some(Arc::clone(held));
        }
        let held = self.tried.pop(bucket)?;
        self.known.put(*bucket, Arc::clone(&held));
        if self.known.len() > MAX_KNOWN
            && let Some((bucket, held)) = self.known.pop_lru()
        {
            self.try_out(bucket, held);
        }
        Some(held)
    }

    fn try_out(&mut self, bucket: BucketId, held: Arc<Held>) {
        self.tried.put(bucket, held);
        if self.tried.len() > MAX_TRIED {
            self.tried.pop_lru();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_750_000_000_000);

    fn bucket(number: u32) -> BucketId {
        let mut bucket = [0; 32];
        bucket[..4].copy_from_slice(&number.to_be_bytes());
        bucket
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_leaves_honest_keys_theirs() {
        let rate = Rate {
            count: 1,
            period: 1,
        };
        let terms = Terms { rate, burst: 1 };
        let holdings = Holdings::new([7; 16]);
        let honest = holdings.find(bucket(0), terms, NOW);
        holdings.find(bucket(0), terms, NOW);
        for number in 1..100_000 {
            holdings.find(bucket(number), terms, NOW);
        }
        let found = holdings.find(bucket(0), terms, NOW);
        assert!(Arc::ptr_eq(&found, &honest));
        for number in 0..100_000 {
            holdings.find(bucket(number), terms, NOW);
            holdings.find(bucket(number), terms, NOW);
        }
        let table = holdings.lock();
        assert_eq!(
            (table.known.len(), table.tried.len()),
            (MAX_KNOWN, MAX_TRIED)
        );
    }
}
