//! What readers that live for a moment remember for each other, in a store that they share.

use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::{MAX_STATEMENT, Statement};
use crate::cbor::{self, Bounds, InvalidCbor};
use crate::time::UnixMillis;

/// The longest entity tag that is remembered; a longer one is none.
const MAX_TAG: usize = 1024;
const BOUNDS: Bounds = Bounds {
    octets: MAX_STATEMENT + MAX_TAG + 64,
    items: 8,
};

/// What is remembered of a channel. It is not signed: the statement in it is, and is verified
/// when it is [recalled](super::Follower::recall).
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Memory {
    /// Decides which side of roll-outs they are on, all of them on one.
    pub entropy: u64,
    /// When the source was last asked.
    pub asked: UnixMillis,
    /// The entity tag (RFC 9110 §8.8.3) of the statement.
    pub tag: Option<String>,
    /// The last statement whose bundle came into force; empty before the first.
    pub statement: ByteBuf,
}

impl Memory {
    /// Nothing yet.
    pub fn new(entropy: u64) -> Self {
        Self {
            entropy,
            asked: UnixMillis(0),
            tag: None,
            statement: ByteBuf::new(),
        }
    }

    /// Remembers a statement, and its entity tag.
    pub fn keep(&mut self, statement: Vec<u8>, tag: Option<String>) {
        self.statement = ByteBuf::from(statement);
        self.tag = tag.filter(|tag| tag.len() <= MAX_TAG);
    }

    /// When a reader is to write a statement down where very many readers share a store that bears
    /// few writes: at a moment of its own in the first half of the statement's time. The first
    /// one writes, and those after it find it written.
    pub fn due(statement: &Statement, entropy: u64) -> UnixMillis {
        let half = statement.expires.since(statement.issued) / 2;
        let share = (u128::from(half) * u128::from(entropy)) >> 64;
        // Less than half.
        statement.issued.plus(u64::try_from(share).unwrap_or(half))
    }

    /// As it lies in the store.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads what lies in the store.
    ///
    /// # Errors
    /// [`InvalidCbor`], where something else lies there.
    pub fn decode(octets: &[u8]) -> Result<Self, InvalidCbor> {
        cbor::decode(octets, &BOUNDS)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::channel::FORMAT_VERSION;
    use crate::digest::Digest;
    use crate::units::Percent;

    proptest! {
        #[test]
        fn readers_write_down_within_the_first_half(
            entropy: u64,
            issued in 0..u64::MAX / 2,
            validity in 1..40_000_000_000_u64,
        ) {
            let statement = Statement {
                format: FORMAT_VERSION,
                channel: "production".parse().unwrap(),
                sequence: 1,
                issued: UnixMillis(issued),
                expires: UnixMillis(issued + validity),
                bundle: Digest::of(b"new"),
                rollout: Percent(100),
                previous: None,
                shadow: None,
            };
            let due = Memory::due(&statement, entropy).since(statement.issued);
            prop_assert!(due <= validity / 2);
            let share = u64::MAX / validity.max(2) * 2;
            prop_assert!(due.abs_diff(entropy / share) <= 1 + entropy / share / 1_000_000);
        }
    }

    #[test]
    fn what_is_kept_is_read_again_and_nothing_else() {
        let mut memory = Memory::new(u64::MAX);
        assert_eq!(Memory::decode(&memory.encode()), Ok(memory.clone()));
        memory.asked = UnixMillis(u64::MAX);
        memory.keep(vec![7; MAX_STATEMENT], Some("t".repeat(MAX_TAG)));
        let octets = memory.encode();
        assert_eq!(Memory::decode(&octets), Ok(memory.clone()));
        for end in 0..octets.len() {
            assert!(Memory::decode(&octets[..end]).is_err());
        }
        memory.keep(vec![7], Some("t".repeat(MAX_TAG + 1)));
        assert_eq!(memory.tag, None);
    }
}
