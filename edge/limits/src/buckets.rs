//! The local limiter: GCRA (ITU-T I.371 Annex A), which keeps one number for each key, in a
//! table of fixed size.

use std::hash::{DefaultHasher, Hasher};
use std::sync::{Mutex, PoisonError};

use tidegate_shared::time::UnixMillis;

use crate::contract::Contract;

const SETS: usize = 4096;
const WAYS: usize = 8;
const NANOS_PER_MILLI: u64 = 1_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// How far behind a request's time may be: it is read before the table is locked, so that another one
/// may have taken at a later time already.
const BEHIND: u64 = NANOS_PER_SECOND;

/// Where a request at `now` would leave a bucket that is in use until `used_until`.
fn admit(contract: Contract, used_until: u64, cost: u64, now: u64) -> (u64, Standing) {
    let capacity = contract.capacity();
    // The stored point lies beyond a whole bucket by a moment if another request was faster, and
    // further only if the clock jumped back. The key then starts anew, and is not refused for as
    // long as the jump was.
    let debt = Some(used_until.saturating_sub(now))
        .filter(|debt| *debt <= capacity.saturating_add(BEHIND))
        .unwrap_or(0)
        .min(capacity);
    let cost = contract.drain(cost);
    let after = debt.saturating_add(cost);
    let admitted = after <= capacity;
    let left = if admitted { after } else { debt };
    let reset = if admitted {
        Some(after)
    } else {
        let fits = cost <= capacity;
        fits.then(|| after.saturating_sub(capacity))
    };
    let remaining = capacity.saturating_sub(left);
    let standing = Standing {
        admitted,
        remaining: remaining.checked_div(contract.drain(1)).unwrap_or(0),
        reset: reset.map(seconds_up),
    };
    (now.saturating_add(left), standing)
}

/// What a request takes from a bucket.
#[derive(Clone, Debug)]
pub struct Take {
    /// What the limit allows.
    pub contract: Contract,
    /// Names the bucket; its limit is a part.
    pub key: Vec<u8>,
    /// How many units.
    pub cost: u64,
}

/// Seconds that `nanos` take, rounded up.
pub fn seconds_up(nanos: u64) -> u64 {
    nanos.div_ceil(NANOS_PER_SECOND)
}

/// How a key stands with a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the limit has what the request takes.
    pub admitted: bool,
    /// Units that could still be taken at once.
    pub remaining: u64,
    /// Seconds until the bucket is full again; where the request was refused, until it would be
    /// admitted, and `None` where it takes more than a full bucket holds.
    pub reset: Option<u64>,
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
pub struct Buckets {
    seed: [u8; 16],
    sets: Mutex<Box<[[Slot; WAYS]]>>,
}

impl Buckets {
    /// A table without keys. The seed must be unpredictable.
    pub fn new(seed: [u8; 16]) -> Self {
        Self {
            seed,
            sets: Mutex::new(vec![[Slot::default(); WAYS]; SETS].into_boxed_slice()),
        }
    }

    /// Takes from each bucket, or from none of them: all were admitted, or some standing says
    /// which was not.
    pub fn take(&self, takes: &[Take], now: UnixMillis) -> Vec<Standing> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let (standings, changes) = self.look(&sets, takes, now);
        if standings.iter().all(|standing| standing.admitted) {
            for (set, slot) in changes {
                if let Some(slots) = sets.get_mut(set) {
                    put(slots, slot);
                }
            }
        }
        standings
    }

    /// What [`take`](Self::take) would say, taking nothing.
    pub fn stand(&self, takes: &[Take], now: UnixMillis) -> Vec<Standing> {
        let sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&sets, takes, now).0
    }

    /// How each bucket would stand, and what would change.
    fn look(
        &self,
        sets: &[[Slot; WAYS]],
        takes: &[Take],
        now: UnixMillis,
    ) -> (Vec<Standing>, Vec<(usize, Slot)>) {
        let now = now.0.saturating_mul(NANOS_PER_MILLI);
        let mut standings = Vec::with_capacity(takes.len());
        let mut changes = Vec::with_capacity(takes.len());
        for Take {
            contract,
            key,
            cost,
        } in takes
        {
            let (set, tag) = self.place(key);
            let slots = sets.get(set);
            let used = slots.and_then(|slots| {
                slots
                    .iter()
                    .find(|slot| slot.tag == tag && slot.used_until > now)
            });
            let used = used.map_or(0, |slot| slot.used_until);
            let (used_until, standing) = admit(*contract, used, *cost, now);
            // Who takes nothing does not displace another key.
            if *cost > 0 {
                changes.push((set, Slot { tag, used_until }));
            }
            standings.push(standing);
        }
        (standings, changes)
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

    fn contract(count: u32, period: u32, burst: u32) -> Contract {
        Contract::new(Rate { count, period }, burst)
    }

    fn costs(contract: Contract, key: &str, cost: u64) -> Take {
        let key = key.into();
        Take {
            contract,
            key,
            cost,
        }
    }

    fn take(buckets: &Buckets, contract: Contract, key: &str, now: u64) -> Standing {
        buckets.take(&[costs(contract, key, 1)], UnixMillis(now))[0]
    }

    fn standing(admitted: bool, remaining: u64, reset: u64) -> Standing {
        Standing {
            admitted,
            remaining,
            reset: Some(reset),
        }
    }

    #[test]
    fn admits_the_burst_then_the_rate() {
        let buckets = Buckets::new([0; 16]);
        let limit = contract(60, 60, 3);
        let at = 1_700_000_000_000;
        for expected in [
            standing(true, 2, 1),
            standing(true, 1, 2),
            standing(true, 0, 3),
            standing(false, 0, 1),
        ] {
            assert_eq!(take(&buckets, limit, "a", at), expected);
        }
        assert!(take(&buckets, limit, "b", at).admitted);
        assert!(!take(&buckets, limit, "a", at + 999).admitted);
        assert!(take(&buckets, limit, "a", at + 1000).admitted);
    }

    #[test]
    fn a_request_takes_what_it_costs() {
        let buckets = Buckets::new([0; 16]);
        let limit = contract(60, 60, 5);
        let at = UnixMillis(1_700_000_000_000);
        let take = |cost| buckets.take(&[costs(limit, "a", cost)], at)[0];
        assert_eq!(take(3), standing(true, 2, 3));
        assert_eq!(take(3), standing(false, 2, 1));
        assert_eq!(take(0), standing(true, 2, 3));
        assert_eq!(take(2), standing(true, 0, 5));
        assert_eq!(take(0), standing(true, 0, 5));
        for never in [6, u64::MAX] {
            let refused = Standing {
                admitted: false,
                remaining: 0,
                reset: None,
            };
            assert_eq!(take(never), refused);
        }
    }

    #[test]
    fn several_limits_take_all_or_nothing() {
        let buckets = Buckets::new([0; 16]);
        let (wide, narrow) = (contract(60, 60, 10), contract(60, 60, 1));
        let both = [costs(wide, "wide", 1), costs(narrow, "narrow", 1)];
        let admitted = |takes: &[Take]| {
            let standings = buckets.take(takes, UnixMillis(1_000));
            standings.iter().all(|standing| standing.admitted)
        };
        assert!(admitted(&both));
        for _ in 0..20 {
            assert!(!admitted(&both));
        }
        let after = take(&buckets, wide, "wide", 1_000);
        assert_eq!(after, standing(true, 8, 2));
    }

    #[test]
    fn a_request_that_is_late_for_the_table_gets_no_bucket_of_its_own() {
        let buckets = Buckets::new([0; 16]);
        let limit = contract(60, 60, 2);
        let at = 1_700_000_000_000;
        assert!(take(&buckets, limit, "a", at).admitted);
        assert!(take(&buckets, limit, "a", at).admitted);
        for late in [1, 20, 999] {
            assert!(!take(&buckets, limit, "a", at - late).admitted, "{late}");
        }
        assert!(!take(&buckets, limit, "a", at + 999).admitted);
        assert!(take(&buckets, limit, "a", at + 1000).admitted);
    }

    #[test]
    fn a_clock_that_jumps_back_costs_at_most_a_full_bucket() {
        let buckets = Buckets::new([0; 16]);
        let limit = contract(60, 60, 2);
        let later = 1_700_000_000_000;
        let earlier = later - 86_400_000;
        assert!(take(&buckets, limit, "a", later).admitted);
        let admitted = (0..10)
            .filter(|_| take(&buckets, limit, "a", earlier).admitted)
            .count();
        assert_eq!(admitted, 2);
        assert!(take(&buckets, limit, "a", earlier + 1_000).admitted);
    }

    #[test]
    fn a_flood_of_keys_stays_in_the_table() {
        let buckets = Buckets::new([7; 16]);
        let limit = contract(1, 86_400, 1);
        for key in 0..100_000 {
            assert!(take(&buckets, limit, &format!("k{key}"), 1_000).admitted);
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
            let limit = contract(count, 10, burst);
            let mut now = 1_700_000_000_000;
            let mut admitted = Vec::new();
            for gap in gaps {
                now += gap;
                if take(&buckets, limit, "k", now).admitted {
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
