//! The authority's side: one bucket and the leases on it.

mod grant;
mod record;

use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use tidegate_shared::cbor::{self, Bounds, InvalidCbor};
use tidegate_shared::time::UnixMillis;

use crate::contract::{Contract, EmptyAt, millis_up};
use crate::message::{Answer, Ask, Grant, Renewal, Spent};
use crate::{GRACE, LIFETIME, MAX_HOLDERS};
use grant::{Claim, divide};
use record::Lease;

/// The bounds on a stored ledger: its leases, with their eight numbers.
const BOUNDS: Bounds = Bounds {
    octets: 64 * MAX_HOLDERS,
    items: 16 * MAX_HOLDERS,
};

/// A bucket and the leases on it.
///
/// Invariant: level + outstanding tokens ≤ burst, where the level counts what holders have
/// reported and the outstanding tokens are those granted and not reported. A grant raises the sum
/// only as far as it fits; a report moves tokens from the second to the first and leaves the sum
/// as it was; time lowers the level at the rate. What is used in a time T was outstanding at its
/// beginning or granted within it, and so is at most burst + rate · T.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize_tuple, Deserialize_tuple)]
pub struct Ledger {
    bucket: EmptyAt,
    /// The latest time that was seen: a clock that steps back stands still instead.
    clock: UnixMillis,
    /// Until when nothing is granted of a bucket that does not drain.
    closed: UnixMillis,
    leases: Vec<Lease>,
}

impl Ledger {
    /// The ledger of a bucket of which leases may be about that nobody remembers: full, until the
    /// last of those leases has ended and as long as it then takes to drain. One that does not drain
    /// gives nothing until then, and then begins anew.
    pub fn recovering(contract: Contract, now: UnixMillis) -> Self {
        let last_lease_ends = now.plus(LIFETIME + GRACE);
        let ledger = Self {
            clock: now,
            ..Self::default()
        };
        match contract.lasts() {
            None => Self {
                bucket: contract.fill(EmptyAt(0), contract.burst().into(), last_lease_ends),
                ..ledger
            },
            Some(_) => Self {
                closed: last_lease_ends,
                ..ledger
            },
        }
    }

    /// Answers a question about the bucket at `now`.
    pub fn answer(&mut self, contract: Contract, ask: &Ask, now: UnixMillis) -> Answer {
        self.advance(contract, now);
        match ask {
            Ask::Renew(renewal) => Answer::Grant(self.renew(contract, renewal)),
            Ask::Spend(tokens) => Answer::Spent(self.spend(contract, *tokens)),
        }
    }

    /// Whether the ledger says no more than a new one does.
    pub fn is_idle(&self, contract: Contract, now: UnixMillis) -> bool {
        let mut later = self.clone();
        later.advance(contract, now);
        let is_over = contract
            .lasts()
            .is_some_and(|lasts| now.since(self.clock) >= lasts);
        let is_empty =
            contract.level(later.bucket, later.clock) == 0 && later.closed <= later.clock;
        later.leases.is_empty() && (is_empty || is_over)
    }

    /// When the ledger will say no more than a new one does, if nothing more is asked; or somewhat
    /// later.
    pub fn idle_at(&self, contract: Contract) -> UnixMillis {
        let ends = self.leases.iter().map(|lease| lease.ends);
        let last = ends.max().unwrap_or_default().max(self.clock);
        // As if all that is leased were used at the end of the last lease.
        let empty = contract.fill(self.bucket, self.outstanding(), last);
        match contract.lasts() {
            None => last.plus(millis_up(contract.level(empty, last))),
            Some(lasts) => last.max(self.clock.plus(lasts)),
        }
    }

    /// Tokens that are granted and not reported.
    pub fn outstanding(&self) -> u64 {
        self.leases
            .iter()
            .map(|lease| u64::from(lease.tokens))
            .sum()
    }

    /// Tokens that could be granted at `now`, were no lease to end before.
    pub fn free(&self, contract: Contract, now: UnixMillis) -> u32 {
        let now = now.max(self.clock);
        if now < self.closed {
            return 0;
        }
        let space = contract.space(self.bucket, now);
        let outstanding = u32::try_from(self.outstanding()).unwrap_or(u32::MAX);
        space.saturating_sub(outstanding)
    }

    /// The ledger as CBOR, for an authority that stores it before it answers.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a stored ledger.
    ///
    /// # Errors
    /// [`InvalidCbor`] where the octets are not the one encoding of a ledger.
    pub fn decode(octets: &[u8]) -> Result<Self, InvalidCbor> {
        cbor::decode(octets, &BOUNDS)
    }

    /// Moves the clock. What leases that have ended still held counts as used at their end: their
    /// holders may have used it and not have said so.
    fn advance(&mut self, contract: Contract, now: UnixMillis) {
        self.clock = self.clock.max(now);
        let Self {
            bucket,
            clock,
            closed: _,
            leases,
        } = self;
        leases.retain(|lease| {
            let ended = lease.ends <= *clock;
            if ended {
                *bucket = contract.fill(*bucket, lease.tokens.into(), lease.ends);
            }
            !ended
        });
    }

    fn renew(&mut self, contract: Contract, renewal: &Renewal) -> Grant {
        let known = self
            .leases
            .iter()
            .position(|lease| lease.holder == renewal.holder);
        let known = known.map(|index| self.leases.swap_remove(index));
        if let Some(lease) = &known
            && renewal.sequence <= lease.sequence
        {
            // Sent twice, or late. Whoever waits for this answer gets the one that was given.
            let grant = lease.repeat(renewal);
            self.leases.extend(known);
            return grant;
        }
        // Without a record there is no lease, and what the holder says of its tokens concerns one
        // that has ended and is counted as used.
        let kept = known.map_or(0, |lease| {
            let used = renewal.used.saturating_sub(lease.used);
            self.bucket = contract.fill(self.bucket, used, self.clock);
            let unused = u64::from(lease.tokens).saturating_sub(used);
            renewal.left.min(u32::try_from(unused).unwrap_or(u32::MAX))
        });
        let mut lease = Lease {
            holder: renewal.holder,
            sequence: renewal.sequence,
            used: renewal.used,
            demand: renewal.demand,
            tokens: kept,
            kept,
            granted: 0,
            ends: self.clock.plus(LIFETIME + GRACE),
        };
        let others = self.leases.iter().map(|lease| u64::from(lease.demand));
        let claim = Claim {
            want: renewal.want,
            demand: renewal.demand,
            others: others.sum(),
        };
        let free = self.free(contract, self.clock).saturating_sub(kept);
        let portion = if self.leases.len() < MAX_HOLDERS {
            divide(contract, &claim, free)
        } else {
            grant::Portion::NONE
        };
        lease.granted = portion.tokens;
        lease.tokens = kept.saturating_add(portion.tokens);
        if lease.tokens > 0 || lease.demand > 0 {
            self.leases.push(lease);
        }
        Grant {
            holder: renewal.holder,
            sequence: renewal.sequence,
            kept,
            granted: portion.tokens,
            retry_after: portion.retry_after,
            share: claim.share(),
            free: free.saturating_sub(portion.tokens),
        }
    }

    fn spend(&mut self, contract: Contract, tokens: u32) -> Spent {
        let free = self.free(contract, self.clock);
        if let Some(free) = free.checked_sub(tokens) {
            self.bucket = contract.fill(self.bucket, tokens.into(), self.clock);
            return Spent {
                tokens,
                retry_after: 0,
                free,
            };
        }
        let missing = u64::from(tokens.saturating_sub(free));
        // Of what does not drain, some may come back with the leases.
        let wait = contract.wait(missing).unwrap_or(LIFETIME);
        Spent {
            tokens: 0,
            retry_after: u32::try_from(wait).unwrap_or(u32::MAX),
            free,
        }
    }
}
