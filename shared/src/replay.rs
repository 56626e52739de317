//! What is good once and was seen: proofs of possession (RFC 9449 §11.1), and signatures with a
//! `nonce` (RFC 9421 §7.2.2).
//!
//! A proof is remembered until it is too old to be good again, by a hash that nobody outside can
//! compute: should two proofs ever share one, the second is refused. What is remembered is bounded,
//! for each key and in all; where there is no room, a proof is refused, for a forgotten one could
//! be used twice.

use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, PoisonError};

/// How much a guard remembers. A proof takes some 80 octets at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Proofs in all.
    pub proofs: usize,
    /// Proofs of one key, so that a single caller leaves room for others.
    pub of_key: u32,
}

/// A proof is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// It was seen before.
    #[error("it was used before")]
    Replayed,
    /// There is no room to remember it.
    #[error("there is no room to remember another one")]
    Full,
}

/// The proofs that were seen.
#[derive(Debug)]
pub struct ReplayGuard {
    seed: [u8; 16],
    seen: Mutex<Seen>,
}

/// Invariant: `proofs` and `queue` hold the same ones, and `of_key` counts them.
#[derive(Debug)]
struct Seen {
    room: Room,
    proofs: HashSet<u64>,
    of_key: HashMap<u64, u32>,
    /// Each with the second from which on it is too old; the earliest first.
    queue: BinaryHeap<Reverse<(u64, u64, u64)>>,
}

impl ReplayGuard {
    /// A guard that has seen nothing. The seed must be unpredictable: it keeps anybody from
    /// choosing proofs that share a hash.
    pub fn new(seed: [u8; 16], room: Room) -> Self {
        let seen = Seen {
            room,
            proofs: HashSet::new(),
            of_key: HashMap::new(),
            queue: BinaryHeap::new(),
        };
        Self {
            seed,
            seen: Mutex::new(seen),
        }
    }

    /// Gives it another room. Where that is smaller, nothing is forgotten before its time.
    pub fn resize(&self, room: Room) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .room = room;
    }

    /// Remembers a proof by its key and its id, from second `now` until second `ends`.
    ///
    /// # Errors
    /// [`NotTaken`]: then it must be refused.
    pub fn take(&self, key: &impl Hash, id: &str, now: u64, ends: u64) -> Result<(), NotTaken> {
        let proof = self.hash((key, id));
        let key = self.hash(key);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(now);
        if seen.proofs.contains(&proof) {
            return Err(NotTaken::Replayed);
        }
        let of_key = seen.of_key.get(&key).copied().unwrap_or(0);
        if seen.proofs.len() >= seen.room.proofs || of_key >= seen.room.of_key {
            return Err(NotTaken::Full);
        }
        seen.proofs.insert(proof);
        seen.of_key.insert(key, of_key.saturating_add(1));
        seen.queue.push(Reverse((ends, proof, key)));
        Ok(())
    }

    fn hash(&self, value: impl Hash) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.seed, value).hash(&mut hasher);
        hasher.finish()
    }
}

impl Seen {
    /// Forgets what is too old at second `now`.
    fn forget(&mut self, now: u64) {
        while let Some(next) = self.queue.peek_mut() {
            if next.0.0 > now {
                return;
            }
            let Reverse((_, proof, key)) = PeekMut::pop(next);
            self.proofs.remove(&proof);
            if let Some(count) = self.of_key.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.of_key.remove(&key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;

    const ONE: Digest = Digest([1; 32]);
    const OTHER: Digest = Digest([2; 32]);
    const MOST: usize = 4_096;
    const MOST_OF_KEY: u32 = 256;

    fn guard() -> ReplayGuard {
        let room = Room {
            proofs: MOST,
            of_key: MOST_OF_KEY,
        };
        ReplayGuard::new([7; 16], room)
    }

    #[test]
    fn a_proof_is_taken_once_until_it_is_too_old() {
        let proofs = guard();
        assert_eq!(proofs.take(&ONE, "a", 100, 160), Ok(()));
        assert_eq!(
            proofs.take(&ONE, "a", 159, 200),
            Err(NotTaken::Replayed),
            "whatever its date"
        );
        assert_eq!(proofs.take(&ONE, "b", 159, 200), Ok(()));
        assert_eq!(proofs.take(&OTHER, "a", 159, 200), Ok(()));
        assert_eq!(proofs.take(&ONE, "a", 160, 200), Ok(()));
    }

    #[test]
    fn one_key_takes_its_share_and_leaves_room_for_others() {
        let proofs = guard();
        for number in 0..MOST_OF_KEY {
            assert_eq!(proofs.take(&ONE, &number.to_string(), 0, 60), Ok(()));
        }
        assert_eq!(proofs.take(&ONE, "more", 0, 60), Err(NotTaken::Full));
        assert_eq!(proofs.take(&ONE, "7", 0, 60), Err(NotTaken::Replayed));
        assert_eq!(proofs.take(&OTHER, "more", 0, 60), Ok(()));
        assert_eq!(proofs.take(&ONE, "more", 60, 120), Ok(()));
    }

    #[test]
    fn a_full_guard_refuses_and_forgets_nothing_that_is_still_good() {
        let proofs = guard();
        let key = |number: usize| Digest::of(&number.to_be_bytes());
        for number in 0..MOST {
            assert_eq!(proofs.take(&key(number), "a", 0, 60), Ok(()));
        }
        assert_eq!(proofs.take(&ONE, "a", 59, 119), Err(NotTaken::Full));
        assert_eq!(proofs.take(&key(0), "a", 59, 119), Err(NotTaken::Replayed));
        assert_eq!(proofs.take(&ONE, "a", 60, 119), Ok(()));
        let seen = proofs.seen.lock().unwrap();
        assert_eq!((seen.proofs.len(), seen.queue.len()), (1, 1));
        assert_eq!(seen.of_key.len(), 1);
    }
}
