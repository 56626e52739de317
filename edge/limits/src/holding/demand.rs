//! How many tokens a holder will need.

use tidegate_shared::time::UnixMillis;

/// Tokens asked of a holder, since the last renewal and in the past.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Demand {
    /// Until the last renewal.
    past: Pace,
    since: UnixMillis,
    tokens: u32,
}

/// Millionths of a token in a millisecond.
type Pace = u64;

const MILLION: u64 = 1_000_000;

impl Demand {
    pub(super) fn new(now: UnixMillis) -> Self {
        Self {
            past: 0,
            since: now,
            tokens: 0,
        }
    }

    pub(super) fn count(&mut self, tokens: u32) {
        self.tokens = self.tokens.saturating_add(tokens);
    }

    /// Tokens that will be asked for within a time, in milliseconds; rounded up.
    pub(super) fn within(&self, millis: u64, horizon: u64, now: UnixMillis) -> u32 {
        let tokens = self.pace(horizon, now).saturating_mul(millis);
        u32::try_from(tokens.div_ceil(MILLION)).unwrap_or(u32::MAX)
    }

    /// The same for one horizon, and begins a new period.
    pub(super) fn next(&mut self, horizon: u64, now: UnixMillis) -> u32 {
        self.past = self.pace(horizon, now);
        self.since = now;
        self.tokens = 0;
        self.within(horizon, horizon, now)
    }

    /// A growing demand is believed at once, a shrinking one by and by.
    fn pace(&self, horizon: u64, now: UnixMillis) -> Pace {
        let elapsed = now.since(self.since);
        let tokens = u64::from(self.tokens).saturating_mul(MILLION);
        // How many more come after two requests at once, nobody knows.
        let present = tokens / elapsed.max(horizon / 8).max(1);
        if present >= self.past {
            return present;
        }
        // Half of a whole horizon's difference.
        let weight = elapsed.min(horizon);
        let fall = (self.past - present).saturating_mul(weight) / horizon.saturating_mul(2).max(1);
        self.past - fall
    }
}
