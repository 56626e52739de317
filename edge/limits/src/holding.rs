//! The holder's side: the tokens of one bucket that an isolate or process has.

mod demand;
mod fallback;

use tidegate_shared::bundle::Unreachable;
use tidegate_shared::time::UnixMillis;

use crate::contract::Contract;
use crate::message::{Grant, Renewal, Spent};
use crate::{LIFETIME, horizon};
use demand::Demand;

/// Milliseconds after which a renewal that was not answered counts as lost.
const PATIENCE: u64 = 5_000;

/// Milliseconds after a lost renewal until the authority is asked again.
const PAUSE: u64 = 1_000;

/// Milliseconds before the end of a lease from which it is renewed, if only a request comes by.
const AHEAD: u64 = LIFETIME / 4;

/// Milliseconds that a call is thought to take before one was made.
const FIRST_ROUND_TRIP: u64 = 200;

/// Tokens of a bucket, and what is known of the demand for them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Holding {
    holder: u64,
    sequence: u32,
    used: u64,
    tokens: u32,
    /// When the tokens may no longer be used.
    ends: UnixMillis,
    /// Until when the authority has nothing to give, to whom needs so many tokens.
    denied_until: UnixMillis,
    denied: u32,
    /// Tokens that the authority could still have given when it last answered.
    free: u32,
    /// Until when the authority is not asked, as it did not answer.
    unreachable_until: UnixMillis,
    renewal: Option<UnderWay>,
    demand: Demand,
    /// How long calls to the authority take, in milliseconds.
    round_trip: u64,
    fallback: fallback::Fallback,
    /// Tokens that are held ahead of need, at most.
    most: u32,
}

/// A renewal that was sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct UnderWay {
    sent: UnixMillis,
    /// Tokens that the holder had.
    left: u32,
    /// Tokens used since.
    used: u32,
}

/// What a holding says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// The tokens were there and are used.
    Admitted,
    /// The authority has none until then, as far as is known.
    Denied(UnixMillis),
    /// The holder has none; the authority may. Where a renewal is under way, its answer decides.
    Starved,
    /// The holder has none and the authority does not answer.
    Unreachable,
}

impl Holding {
    /// A holding without tokens. `holder` must be unpredictable, and never used before.
    pub fn new(holder: u64, now: UnixMillis) -> Self {
        Self {
            holder,
            sequence: 0,
            used: 0,
            tokens: 0,
            ends: UnixMillis(0),
            denied_until: UnixMillis(0),
            denied: 0,
            free: 0,
            unreachable_until: UnixMillis(0),
            renewal: None,
            demand: Demand::new(now),
            round_trip: FIRST_ROUND_TRIP,
            fallback: fallback::Fallback::default(),
            most: u32::MAX,
        }
    }

    /// Holds no more than so many tokens ahead of need: for a holder that may vanish at any
    /// moment, as what it has then is used up for nothing.
    #[must_use]
    pub fn at_most(self, most: u32) -> Self {
        Self { most, ..self }
    }

    /// Counts a request that costs `tokens`, once, before it is [spent](Self::spend).
    pub fn demand(&mut self, tokens: u32) {
        self.demand.count(tokens);
    }

    /// Uses tokens, if they are there.
    pub fn spend(&mut self, tokens: u32, now: UnixMillis) -> Spend {
        if self.usable(now) >= tokens {
            self.tokens = self.tokens.saturating_sub(tokens);
            self.used = self.used.saturating_add(tokens.into());
            if let Some(renewal) = &mut self.renewal {
                renewal.used = renewal.used.saturating_add(tokens);
            }
            return Spend::Admitted;
        }
        // Until the answer is here, one request waits for it where tokens were denied, and none
        // where nobody answered: an attack must not wait in a row.
        let renewing = self.is_renewing(now);
        if (now < self.denied_until && tokens >= self.denied)
            || (self.denied_until > UnixMillis(0) && renewing)
        {
            return Spend::Denied(self.denied_until.max(now.plus(self.round_trip)));
        }
        if self.unreachable_until > UnixMillis(0) {
            return Spend::Unreachable;
        }
        Spend::Starved
    }

    /// The last renewal that was asked for.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Takes back what was [spent](Self::spend) when `sequence` was the last renewal, for a request
    /// that another limit did not admit. What has been reported as used since then stays used.
    pub fn unspend(&mut self, tokens: u32, sequence: u32) {
        if sequence != self.sequence {
            return;
        }
        self.tokens = self.tokens.saturating_add(tokens);
        self.used = self.used.saturating_sub(tokens.into());
        if let Some(renewal) = &mut self.renewal {
            renewal.used = renewal.used.saturating_sub(tokens);
        }
    }

    /// Tokens that can be used at `now`.
    pub fn usable(&self, now: UnixMillis) -> u32 {
        if now < self.ends { self.tokens } else { 0 }
    }

    /// Tokens that could be used at once, here or elsewhere, as far as is known.
    pub fn remaining(&self, now: UnixMillis) -> u32 {
        self.usable(now).saturating_add(self.free)
    }

    /// Whether a renewal is under way. Another one would make its answer void.
    pub fn is_renewing(&self, now: UnixMillis) -> bool {
        let sent = self.renewal.map(|renewal| renewal.sent);
        sent.is_some_and(|sent| now.since(sent) < PATIENCE)
    }

    /// Whether it is time for a renewal, now that a request was here: ahead of need, before the
    /// tokens are used up at the present demand or their lease ends, or to see whether the
    /// authority answers again. Where nobody asks, only what [lasts](Self::lasts) is renewed.
    pub fn is_due(&self, contract: Contract, now: UnixMillis) -> bool {
        if now < self.denied_until || now < self.unreachable_until || self.is_renewing(now) {
            return false;
        }
        if self.unreachable_until > UnixMillis(0) {
            return true;
        }
        let usable = self.usable(now);
        let ends_soon = self.ends.since(now) <= AHEAD.max(self.round_trip.saturating_mul(2));
        usable > 0
            && self.lasts(contract, now)
            && (usable <= self.reserve(contract, now) || ends_soon)
    }

    /// Whether there is demand for a lease: what is used less than once in a lifetime is asked for
    /// when it is needed.
    pub fn lasts(&self, contract: Contract, now: UnixMillis) -> bool {
        self.demand.within(LIFETIME, horizon(contract), now) > 1
    }

    /// Whether tokens lie here that nobody asks for, and that are better returned.
    pub fn is_idle(&self, contract: Contract, now: UnixMillis) -> bool {
        self.usable(now) > 0 && !self.lasts(contract, now) && !self.is_renewing(now)
    }

    /// Asks for a renewal with which `waiting` tokens more can be used at once, and gives back what
    /// is more than the demand.
    pub fn renew(&mut self, contract: Contract, waiting: u32, now: UnixMillis) -> Renewal {
        let usable = self.usable(now);
        let demand = self
            .demand
            .next(horizon(contract), now)
            .min(contract.burst());
        let stock = demand
            .saturating_add(self.reserve(contract, now))
            .min(self.most)
            .max(waiting);
        self.tokens = usable.min(stock);
        self.ask(self.tokens, stock.saturating_sub(usable), demand, now)
    }

    /// Returns all tokens to the authority.
    pub fn give_back(&mut self, now: UnixMillis) -> Renewal {
        self.tokens = 0;
        self.ask(0, 0, 0, now)
    }

    fn ask(&mut self, left: u32, want: u32, demand: u32, now: UnixMillis) -> Renewal {
        self.sequence = self.sequence.saturating_add(1);
        self.renewal = Some(UnderWay {
            sent: now,
            left,
            used: 0,
        });
        Renewal {
            holder: self.holder,
            sequence: self.sequence,
            used: self.used,
            left,
            want,
            demand,
        }
    }

    /// Takes the answer to a renewal. One to any but the last renewal is void.
    pub fn receive(&mut self, grant: &Grant, now: UnixMillis) {
        if (grant.holder, grant.sequence) != (self.holder, self.sequence) {
            return;
        }
        let Some(renewal) = self.renewal.take() else {
            return;
        };
        let kept = grant.kept.min(renewal.left).saturating_sub(renewal.used);
        self.tokens = kept.saturating_add(grant.granted);
        self.ends = renewal.sent.plus(LIFETIME);
        self.denied_until = match grant.retry_after {
            0 => UnixMillis(0),
            wait => now.plus(wait.into()),
        };
        self.denied = 0;
        self.free = grant.free;
        self.unreachable_until = UnixMillis(0);
        self.round_trip = (self.round_trip + now.since(renewal.sent)) / 2;
        self.fallback.reach(grant.share, now);
    }

    /// Learns from the answer to a request's own question for `tokens`.
    pub fn learn(&mut self, tokens: u32, answer: &Spent, now: UnixMillis) {
        self.free = answer.free;
        if answer.tokens < tokens {
            self.denied_until = now.plus(answer.retry_after.into());
            self.denied = tokens;
        }
    }

    /// Notes that the last renewal was not answered, and will not be waited for.
    pub fn lose(&mut self, now: UnixMillis) {
        self.renewal = None;
        self.miss(now);
    }

    /// Notes that the authority did not answer.
    pub fn miss(&mut self, now: UnixMillis) {
        self.unreachable_until = now.plus(PAUSE);
    }

    /// Whether to admit a request that costs `tokens` while the authority does not answer.
    pub fn admit_unreachable(
        &mut self,
        rule: Unreachable,
        contract: Contract,
        tokens: u32,
        now: UnixMillis,
    ) -> bool {
        self.fallback.admit(rule, contract, tokens, now)
    }

    /// Tokens with which a renewal comes in time: what is used while it is under way, and four
    /// standard deviations more.
    fn reserve(&self, contract: Contract, now: UnixMillis) -> u32 {
        let used = self.demand.within(self.round_trip, horizon(contract), now);
        let deviation = used.saturating_mul(16).isqrt();
        used.saturating_add(deviation).saturating_add(1)
    }
}
