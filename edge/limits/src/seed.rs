//! Keeps anybody from choosing keys that collide in a table.

use std::hash::{BuildHasher, DefaultHasher, Hash};

/// What an isolate or process hashes with.
#[derive(Clone, Copy, Debug)]
pub struct Seed(pub [u8; 16]);

impl BuildHasher for Seed {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        self.0.hash(&mut hasher);
        hasher
    }
}
