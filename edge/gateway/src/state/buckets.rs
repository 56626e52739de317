//! The local limiter: GCRA (ITU-T I.371 Annex A), which keeps one number for each key, in a
//! table of fixed size.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Mutex, PoisonError};

use tidegate_shared::bundle::Limit;
use tidegate_shared::time::UnixMillis;

const SETS: usize = 4096;
const WAYS: usize = 8;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// A limit's arithmetic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    /// Nanoseconds that one request costs; at least 1.
    interval: u64,
    /// Nanoseconds of a full bucket.
    capacity: u64,
}

impl Bucket {
    pub(crate) fn new(limit: &Limit) -> Self {
        let period = u64::from(limit.rate.period).saturating_mul(NANOS_PER_SECOND);
        // Rounded up, so that rounding never admits more than the contract.
        let interval = period.div_ceil(u64::from(limit.rate.count.max(1))).max(1);
        Self {
            interval,
            capacity: interval.saturating_mul(u64::from(limit.burst.max(1))),
        }
    }

    /// Where a request at `now` would leave a bucket that is in use until `used_until`.
    fn admit(&self, used_until: u64, now: u64) -> (Option<u64>, Standing) {
        // The stored point lies beyond a whole bucket only if the clock jumped back. The key then
        // starts anew, and is not refused for as long as the jump was.
        let debt = Some(used_until.saturating_sub(now))
            .filter(|debt| *debt <= self.capacity)
            .unwrap_or(0);
        let after = debt.saturating_add(self.interval);
        if after > self.capacity {
            let wait = after.saturating_sub(self.capacity);
            return (
                None,
                Standing {
                    remaining: 0,
                    reset: seconds_up(wait),
                },
            );
        }
        let remaining = self
            .capacity
            .saturating_sub(after)
            .checked_div(self.interval)
            .unwrap_or(0);
        (
            Some(now.saturating_add(after)),
            Standing {
                remaining,
                reset: seconds_up(after),
            },
        )
    }
}

fn seconds_up(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS_PER_SECOND)
}

/// How a key stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Requests that would still be admitted at once.
    pub(crate) remaining: u64,
    /// Seconds until the bucket is full again; where a request was refused, until the next is
    /// admitted.
    pub(crate) reset: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    tag: u64,
    /// The theoretical arrival time, in nanoseconds since the Unix epoch; zero is unused.
    used_until: u64,
}

/// The buckets of all keys: a table of fixed size. Where a set is full, the key that has used
/// least is forgotten, which costs the least.
#[derive(Debug)]
pub(crate) struct Buckets {
    seed: [u8; 16],
    sets: Mutex<Box<[[Slot; WAYS]]>>,
}

impl Buckets {
    pub(crate) fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            sets: Mutex::new(vec![[Slot::default(); WAYS]; SETS].into_boxed_slice()),
        }
    }

    /// Takes one request from each bucket, or from none of them. The key of each must name its
    /// limit. Gives how each stands afterwards, and whether the request is admitted.
    pub(crate) fn take(
        &self,
        requests: &[(Bucket, Vec<u8>)],
        now: UnixMillis,
    ) -> (bool, Vec<Standing>) {
        let now = now.0.saturating_mul(NANOS_PER_MILLI);
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut admitted = true;
        let mut standings = Vec::with_capacity(requests.len());
        let mut changes = Vec::with_capacity(requests.len());
        for (bucket, key) in requests {
            let (set, tag) = self.place(key);
            let slots = sets.get(set);
            let used = slots.and_then(|slots| {
                slots
                    .iter()
                    .find(|slot| slot.tag == tag && slot.used_until > now)
            });
            let (used_until, standing) = bucket.admit(used.map_or(0, |slot| slot.used_until), now);
            admitted &= used_until.is_some();
            changes.push((
                set,
                Slot {
                    tag,
                    used_until: used_until.unwrap_or(0),
                },
            ));
            standings.push(standing);
        }
        if admitted {
            for (set, slot) in changes {
                if let Some(slots) = sets.get_mut(set) {
                    put(slots, slot);
                }
            }
        }
        (admitted, standings)
    }

    fn place(&self, key: &[u8]) -> (usize, u64) {
        let hash = |domain: u8| {
            let mut hasher = DefaultHasher::new();
            hasher.write(&self.seed);
            hasher.write_u8(domain);
            hasher.write(key);
            hasher.finish()
        };
        let set = hash(0)
            .checked_rem(SETS as u64)
            .and_then(|set| usize::try_from(set).ok());
        (set.unwrap_or(0), hash(1))
    }
}

fn put(slots: &mut [Slot; WAYS], new: Slot) {
    let same = slots
        .iter()
        .position(|slot| slot.tag == new.tag && slot.used_until != 0);
    let least = || {
        slots
            .iter()
            .enumerate()
            .min_by_key(|(_, slot)| slot.used_until)
            .map(|(way, _)| way)
    };
    if let Some(slot) = same.or_else(least).and_then(|way| slots.get_mut(way)) {
        *slot = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tidegate_shared::units::Rate;

    fn bucket(count: u32, period: u32, burst: u32) -> Bucket {
        Bucket::new(&Limit {
            burst,
            ..Limit::new("l", Rate { count, period })
        })
    }

    fn take(buckets: &Buckets, bucket: Bucket, key: &str, now: u64) -> (bool, Standing) {
        let (admitted, standings) = buckets.take(&[(bucket, key.into())], UnixMillis(now));
        (admitted, standings[0])
    }

    #[test]
    fn admits_the_burst_then_the_rate() {
        let buckets = Buckets::new([0; 16]);
        let limit = bucket(60, 60, 3);
        let at = 1_700_000_000_000;
        assert_eq!(
            take(&buckets, limit, "a", at),
            (
                true,
                Standing {
                    remaining: 2,
                    reset: 1
                }
            )
        );
        assert_eq!(
            take(&buckets, limit, "a", at),
            (
                true,
                Standing {
                    remaining: 1,
                    reset: 2
                }
            )
        );
        assert_eq!(
            take(&buckets, limit, "a", at),
            (
                true,
                Standing {
                    remaining: 0,
                    reset: 3
                }
            )
        );
        assert_eq!(
            take(&buckets, limit, "a", at),
            (
                false,
                Standing {
                    remaining: 0,
                    reset: 1
                }
            )
        );
        assert!(take(&buckets, limit, "b", at).0);
        assert!(!take(&buckets, limit, "a", at + 999).0);
        assert!(take(&buckets, limit, "a", at + 1000).0);
    }

    #[test]
    fn several_limits_take_all_or_nothing() {
        let buckets = Buckets::new([0; 16]);
        let (wide, narrow) = (bucket(60, 60, 10), bucket(60, 60, 1));
        let both = [(wide, b"wide".to_vec()), (narrow, b"narrow".to_vec())];
        assert!(buckets.take(&both, UnixMillis(1_000)).0);
        for _ in 0..20 {
            assert!(!buckets.take(&both, UnixMillis(1_000)).0);
        }
        let (admitted, standings) = buckets.take(&[(wide, b"wide".to_vec())], UnixMillis(1_000));
        assert!(admitted);
        assert_eq!(standings[0].remaining, 8);
    }

    #[test]
    fn a_clock_that_jumps_back_costs_at_most_a_full_bucket() {
        let buckets = Buckets::new([0; 16]);
        let limit = bucket(60, 60, 2);
        let later = 1_700_000_000_000;
        let earlier = later - 86_400_000;
        assert!(take(&buckets, limit, "a", later).0);
        let admitted = (0..10)
            .filter(|_| take(&buckets, limit, "a", earlier).0)
            .count();
        assert_eq!(admitted, 2);
        assert!(take(&buckets, limit, "a", earlier + 1_000).0);
    }

    #[test]
    fn a_flood_of_keys_stays_in_the_table() {
        let buckets = Buckets::new([7; 16]);
        let limit = bucket(1, 86_400, 1);
        for key in 0..100_000 {
            assert!(take(&buckets, limit, &format!("k{key}"), 1_000).0);
        }
        assert_eq!(buckets.sets.lock().unwrap().len() * WAYS, 32_768);
    }

    proptest! {
        /// admitted(t, t + T) <= B + r * T for every window of a random history.
        #[test]
        fn never_admits_more_than_the_contract(
            gaps in prop::collection::vec(0_u64..2_000, 1..200),
            count in 1_u32..50, burst in 1_u32..20,
        ) {
            let buckets = Buckets::new([0; 16]);
            let limit = bucket(count, 10, burst);
            let mut now = 1_700_000_000_000;
            let mut admitted = Vec::new();
            for gap in gaps {
                now += gap;
                if take(&buckets, limit, "k", now).0 {
                    admitted.push(now);
                }
            }
            for (first, start) in admitted.iter().enumerate() {
                for (last, end) in admitted.iter().enumerate().skip(first) {
                    let in_window = (last - first + 1) as u64;
                    let allowed = u64::from(burst) * 10_000 + u64::from(count) * (end - start);
                    prop_assert!(in_window * 10_000 <= allowed);
                }
            }
        }
    }
}
