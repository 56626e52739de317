//! What is counted of one side of a roll-out.

/// Durations are told apart exactly below this many milliseconds, and then in steps of a part in
/// so many halves of themselves.
const EXACT: u64 = 64;
/// Buckets for each power of two above.
const PARTS: u64 = 32;
/// Invariant: [`bucket`] gives less.
const BUCKETS: usize = 64 + 58 * 32;

/// How many of how many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many.
    pub part: u64,
    /// Of how many.
    pub whole: u64,
}

impl Share {
    /// The share, from 0 to 1; 0 of none.
    pub fn ratio(self) -> f64 {
        if self.whole == 0 {
            0.0
        } else {
            self.part as f64 / self.whole as f64
        }
    }
}

/// What the gateways of one side did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of all requests, those that the gateway refused.
    pub refused: Share,
    /// Of those that were passed on to an origin, those that ended with a status of 500 or more, or
    /// whose answer broke off.
    pub failed: Share,
    /// How long those took that an origin answered in full.
    pub durations: Durations,
}

impl Counts {
    /// How many requests there were.
    pub fn requests(&self) -> u64 {
        self.refused.whole
    }
}

/// How long requests took, to within 4 %, in bounded memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    /// Invariant: [`BUCKETS`] of them.
    buckets: Vec<u64>,
    total: u64,
}

impl Default for Durations {
    fn default() -> Self {
        Self {
            buckets: vec![0; BUCKETS],
            total: 0,
        }
    }
}

impl Durations {
    /// Counts one.
    pub fn add(&mut self, millis: u64) {
        if let Some(count) = self.buckets.get_mut(bucket(millis)) {
            *count = count.saturating_add(1);
            self.total = self.total.saturating_add(1);
        }
    }

    /// The least of the durations that are told apart by which at least this share of all is over,
    /// in milliseconds; 0 of none.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = share * self.total as f64;
        let mut below = 0_u64;
        let found = self.buckets.iter().position(|count| {
            below = below.saturating_add(*count);
            below as f64 >= wanted
        });
        found.map_or(0, last)
    }

    /// How many took longer, as far as that is told apart.
    pub fn slower_than(&self, millis: u64) -> Share {
        let slower = self.buckets.iter().skip(bucket(millis).saturating_add(1));
        Share {
            part: slower.sum(),
            whole: self.total,
        }
    }
}

fn bucket(millis: u64) -> usize {
    let index = if millis < EXACT {
        millis
    } else {
        // At least 6.
        let power = u64::from(millis.ilog2());
        let part = (millis >> (power - 5)) % PARTS;
        EXACT + (power - 6) * PARTS + part
    };
    usize::try_from(index).unwrap_or(BUCKETS)
}

/// The longest duration of a bucket.
fn last(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(u64::MAX);
    if bucket < EXACT {
        return bucket;
    }
    let (power, part) = ((bucket - EXACT) / PARTS, (bucket - EXACT) % PARTS);
    let width = 1_u64.checked_shl(u32::try_from(power + 1).unwrap_or(u32::MAX));
    let next = width.and_then(|width| width.checked_mul(PARTS + part + 1));
    next.map_or(u64::MAX, |next| next - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_quantile_is_the_least_that_covers_its_share() {
        let mut durations = Durations::default();
        assert_eq!(durations.quantile(0.5), 0);
        assert_eq!(durations.slower_than(0), Share::default());
        for millis in 1..=100 {
            durations.add(millis);
        }
        assert_eq!(durations.quantile(0.5), 50);
        assert_eq!(durations.quantile(0.95), 95);
        let slower = durations.slower_than(50);
        assert_eq!((slower.part, slower.whole), (50, 100));
        assert_eq!(durations.slower_than(100).part, 0);
    }

    proptest! {
        #[test]
        fn buckets_cover_all_durations_in_order(millis: u64, shift in 0_u32..64) {
            let millis = millis >> shift;
            prop_assert!(bucket(millis) < BUCKETS);
            let end = last(bucket(millis));
            prop_assert!(end >= millis);
            prop_assert_eq!(bucket(end), bucket(millis));
            prop_assert!(end - millis <= millis / 32);
            if let Some(next) = end.checked_add(1) {
                prop_assert_eq!(bucket(next), bucket(millis) + 1);
            }
        }
    }
}
