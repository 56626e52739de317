//! Requests under way, for the limits on how many may be at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tidegate_shared::digest::Digest;

use crate::seed::Seed;

/// What is counted apart at a time, at most: no more than there are requests under way.
const MAX_KEYS: usize = 65_536;

/// How many units requests under way hold, by the digest of what is counted together.
type Counts = HashMap<[u8; 32], u32, Seed>;

/// The requests under way: a limit on how many may be at once holds for all that share one.
#[derive(Debug)]
pub struct InFlight(Arc<Mutex<Counts>>);

/// Units that a request holds, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    counts: Arc<Mutex<Counts>>,
    key: [u8; 32],
    units: u32,
}

/// Why a request may not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoSlot {
    /// So many units are free, and it takes more.
    Taken(u32),
    /// There is no room to count one more key.
    Full,
}

impl InFlight {
    /// None yet. The seed must be unpredictable.
    pub fn new(seed: [u8; 16]) -> Self {
        let counts = Counts::with_hasher(Seed(seed));
        Self(Arc::new(Mutex::new(counts)))
    }

    /// Holds `units` of the `most` that may be held together, and tells how many are left.
    ///
    /// # Errors
    /// Where fewer are free, or there is no room to count.
    pub fn enter(&self, key: &[u8], units: u64, most: u32) -> Result<(Slot, u32), NoSlot> {
        let key = Digest::of(key).0;
        let mut counts = lock(&self.0);
        let held = counts.get(&key).copied().unwrap_or(0);
        let free = most.saturating_sub(held);
        let units = u32::try_from(units).ok().filter(|units| *units <= free);
        let units = units.ok_or(NoSlot::Taken(free))?;
        if units > 0 {
            if held == 0 && counts.len() >= MAX_KEYS {
                return Err(NoSlot::Full);
            }
            counts.insert(key, held.saturating_add(units));
        }
        drop(counts);
        let slot = Slot {
            counts: Arc::clone(&self.0),
            key,
            units,
        };
        Ok((slot, free.saturating_sub(units)))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(held) = counts.get_mut(&self.key) {
            *held = held.saturating_sub(self.units);
            if *held == 0 {
                counts.remove(&self.key);
            }
        }
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_comes_back_and_leaves_nothing_behind() {
        let requests = InFlight::new([7; 16]);
        let (first, left) = requests.enter(b"one", 2, 3).unwrap();
        assert_eq!(left, 1);
        assert_eq!(requests.enter(b"one", 2, 3).unwrap_err(), NoSlot::Taken(1));
        assert_eq!(requests.enter(b"two", 3, 3).unwrap().1, 0);
        let (second, left) = requests.enter(b"one", 1, 3).unwrap();
        assert_eq!(left, 0);
        // Where the limit has become smaller meanwhile.
        assert_eq!(requests.enter(b"one", 1, 1).unwrap_err(), NoSlot::Taken(0));
        drop((first, second));
        assert!(lock(&requests.0).is_empty());
    }

    #[test]
    fn no_more_keys_are_counted_than_there_is_room_for() {
        let requests = InFlight::new([7; 16]);
        let held: Vec<_> = (0..MAX_KEYS)
            .map(|key| requests.enter(&key.to_be_bytes(), 1, 1).unwrap())
            .collect();
        assert_eq!(requests.enter(b"more", 1, 1).unwrap_err(), NoSlot::Full);
        // Who takes nothing needs no room.
        assert!(requests.enter(b"more", 0, 1).is_ok());
        drop(held);
        assert!(requests.enter(b"more", 1, 1).is_ok());
    }
}
