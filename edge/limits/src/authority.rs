//! The ledgers of many buckets, in memory.

use std::collections::HashMap;

use tidegate_shared::time::UnixMillis;

use crate::contract::Contract;
use crate::ledger::Ledger;
use crate::message::{Answer, BucketId, Question};

/// There is no room for one more bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the authority has {0} buckets in use, which is all that it may have")]
pub struct Full(usize);

/// An authority that keeps its ledgers in memory, up to a number of buckets.
#[derive(Debug)]
pub struct Authority {
    ledgers: HashMap<BucketId, (Contract, Ledger)>,
    bound: usize,
    /// Where leases of an earlier run may be about: when this one began.
    began: Option<UnixMillis>,
    /// When buckets that are idle were last forgotten.
    swept: UnixMillis,
}

/// Milliseconds between two searches for buckets that are idle: a flood of keys makes no more.
const SWEEP: u64 = 1_000;

impl Authority {
    /// An authority whose holders begin and end with it.
    pub fn new(bound: usize) -> Self {
        Self {
            ledgers: HashMap::new(),
            bound,
            began: None,
            swept: UnixMillis(0),
        }
    }

    /// An authority that begins at `now`, while holders may have leases of an earlier run. Every
    /// bucket is full at first: see [`Ledger::recovering`].
    pub fn recovering(bound: usize, now: UnixMillis) -> Self {
        Self {
            began: Some(now),
            ..Self::new(bound)
        }
    }

    /// Answers a question at `now`.
    ///
    /// # Errors
    /// [`Full`] where the bucket is a new one and there is no room: no bucket in use is forgotten
    /// for it, as that would admit more than its contract.
    pub fn answer(&mut self, question: &Question, now: UnixMillis) -> Result<Answer, Full> {
        let contract = question.contract();
        if !self.ledgers.contains_key(&question.bucket) && self.ledgers.len() >= self.bound {
            if now.since(self.swept) >= SWEEP {
                self.forget_idle(now);
            }
            if self.ledgers.len() >= self.bound {
                return Err(Full(self.bound));
            }
        }
        let (last, ledger) = self.ledgers.entry(question.bucket).or_insert_with(|| {
            let recovering = |began| Ledger::recovering(contract, began);
            (
                contract,
                self.began.map_or_else(Ledger::default, recovering),
            )
        });
        *last = contract;
        Ok(ledger.answer(contract, &question.ask, now))
    }

    /// Forgets the buckets that stand as if they had never been used. For whoever runs the
    /// authority to call now and then.
    pub fn forget_idle(&mut self, now: UnixMillis) {
        self.swept = now;
        self.ledgers
            .retain(|_, (contract, ledger)| !ledger.is_idle(*contract, now));
    }
}
