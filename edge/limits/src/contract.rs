//! What a limit allows, and the arithmetic of its bucket.

use serde::{Deserialize, Serialize};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A rate and a burst: at most `burst + rate · T` requests are admitted in any time `T`.
///
/// A bucket that is filled by requests and drains at the rate is kept as one number, the time at
/// which it will be empty: the theoretical arrival time of GCRA (ITU-T I.371 Annex A).
///
/// Where the rate is zero nothing drains, and at most `burst` requests are admitted at all: what a
/// calendar's period has. The number then is what was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Contract {
    /// Nanoseconds in which one token drains; at least 1. Rounded up, so that rounding never
    /// admits more than the contract. Where nothing drains, what one token counts: 1.
    interval: u64,
    /// Tokens of a full bucket; at least 1.
    burst: u32,
    /// Where nothing drains: for how many milliseconds the bucket is of use.
    lasts: Option<u64>,
}

/// When a bucket will be empty, in nanoseconds since the Unix epoch; or what was used of one that
/// does not drain.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct EmptyAt(pub u64);

impl Contract {
    /// The contract of a limit. A period or burst of zero counts as one. With a count of zero
    /// nothing drains, and the bucket is of use for a period.
    pub fn new(rate: Rate, burst: u32) -> Self {
        let period = u64::from(rate.period.max(1));
        let interval = period.saturating_mul(NANOS_PER_SECOND);
        let (interval, lasts) = match rate.count {
            0 => (1, Some(period.saturating_mul(1_000))),
            count => (interval.div_ceil(count.into()), None),
        };
        Self {
            interval: interval.max(1),
            burst: burst.max(1),
            lasts,
        }
    }

    /// For how many milliseconds a bucket that does not drain is of use; `None` for one that
    /// drains.
    pub fn lasts(self) -> Option<u64> {
        self.lasts
    }

    /// The tokens of a full bucket.
    pub fn burst(self) -> u32 {
        self.burst
    }

    /// Nanoseconds in which `tokens` drain, where any do.
    pub fn drain(self, tokens: u64) -> u64 {
        self.interval.saturating_mul(tokens)
    }

    /// Nanoseconds in which a full bucket drains, where it does.
    pub fn capacity(self) -> u64 {
        self.drain(self.burst.into())
    }

    /// The bucket after `tokens` were used at `now`. Tokens that are counted late may be counted
    /// as used at any time after they were: that never lowers the level.
    #[must_use]
    pub fn fill(self, bucket: EmptyAt, tokens: u64, now: UnixMillis) -> EmptyAt {
        let filled = match self.lasts {
            None => bucket.0.max(nanos(now)),
            Some(_) => bucket.0,
        };
        EmptyAt(filled.saturating_add(self.drain(tokens)))
    }

    /// Nanoseconds until a bucket is empty; what was used of one that does not drain.
    pub fn level(self, bucket: EmptyAt, now: UnixMillis) -> u64 {
        match self.lasts {
            None => bucket.0.saturating_sub(nanos(now)),
            Some(_) => bucket.0,
        }
    }

    /// Whole tokens that fit into the bucket at `now`.
    pub fn space(self, bucket: EmptyAt, now: UnixMillis) -> u32 {
        let room = self.capacity().saturating_sub(self.level(bucket, now));
        let tokens = room.checked_div(self.interval).unwrap_or(0);
        u32::try_from(tokens).unwrap_or(u32::MAX)
    }

    /// Milliseconds in which `tokens` drain, rounded up; `None` where nothing does.
    pub(crate) fn wait(self, tokens: u64) -> Option<u64> {
        match self.lasts {
            None => Some(millis_up(self.drain(tokens))),
            Some(_) => None,
        }
    }
}

fn nanos(at: UnixMillis) -> u64 {
    at.0.saturating_mul(NANOS_PER_MILLI)
}

/// Milliseconds that `nanos` take, rounded up.
pub(crate) fn millis_up(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS_PER_MILLI)
}
