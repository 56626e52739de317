//! What readers that live for a moment remember for each other, in a store that they share.

use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::MAX_STATEMENT;
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
    use super::*;

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
