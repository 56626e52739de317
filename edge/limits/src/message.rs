//! What holder and authority say to each other: small records, as bounded CBOR.

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};
use tidegate_shared::cbor::{self, Bounds, InvalidCbor};
use tidegate_shared::units::Rate;

use crate::LIFETIME;
use crate::contract::Contract;

/// Octets of a message, at most.
pub const MAX_MESSAGE: usize = 256;

/// The bounds on a message.
const BOUNDS: Bounds = Bounds {
    octets: MAX_MESSAGE,
    items: 32,
};

/// All demand, in the unit of a holder's share.
pub(crate) const WHOLE: u32 = 65_536;

/// Names a bucket: a digest of the policy's and the limit's name and of the parts of its key, so that the authority
/// learns neither subjects nor addresses.
pub type BucketId = [u8; 32];

/// A question to the authority of a bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Question {
    /// Which bucket.
    #[serde(with = "serde_bytes")]
    pub bucket: BucketId,
    /// The limit's rate.
    pub rate: Rate,
    /// The limit's burst.
    pub burst: u32,
    /// What is asked.
    pub ask: Ask,
}

/// What is asked of the authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Ask {
    /// Tokens to hold.
    Renew(Renewal),
    /// Tokens to use at once, all or none. They are debited, and belong to no lease; asked twice,
    /// they are debited twice.
    Spend(u32),
}

/// A holder reports what it has used and asks for tokens.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct Renewal {
    /// Names the holder. Drawn anew by whoever starts without memory.
    pub holder: u64,
    /// Grows with each renewal of a holder.
    pub sequence: u32,
    /// Tokens used since the holder began; never shrinks.
    pub used: u64,
    /// Tokens that the holder still has. What it was granted and neither used nor has, it gives
    /// back, or never received.
    pub left: u32,
    /// Tokens wanted.
    pub want: u32,
    /// Tokens that the holder expects to use in one [horizon](crate::horizon).
    pub demand: u32,
}

/// What the authority answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// To a renewal.
    Grant(Grant),
    /// To a spending.
    Spent(Spent),
}

/// What came of a spending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize_tuple, Deserialize_tuple)]
pub struct Spent {
    /// The tokens that were debited: all, or none.
    pub tokens: u32,
    /// Milliseconds until all can be had; zero where they were.
    pub retry_after: u32,
    /// Tokens that are free now.
    pub free: u32,
}

/// A lease: tokens to use until it ends, [`LIFETIME`] after the renewal was sent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct Grant {
    /// Whom it is for.
    pub holder: u64,
    /// The renewal that is answered.
    pub sequence: u32,
    /// Of the tokens that the holder had, how many it keeps.
    pub kept: u32,
    /// How many it gets.
    pub granted: u32,
    /// Milliseconds until asking again makes sense; zero where all was granted.
    pub retry_after: u32,
    /// The holder's part of all demand, in 65,536ths.
    pub share: u32,
    /// Tokens that are free now.
    pub free: u32,
}

impl Question {
    /// What the limit allows.
    pub fn contract(&self) -> Contract {
        Contract::new(self.rate, self.burst)
    }

    /// The question as CBOR.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads a question.
    ///
    /// # Errors
    /// [`InvalidCbor`] where the octets are not the one encoding of a question.
    pub fn decode(octets: &[u8]) -> Result<Self, InvalidCbor> {
        cbor::decode(octets, &BOUNDS)
    }
}

impl Answer {
    /// The grant, where this answers a renewal with no more than was asked for and can be.
    pub fn to_renewal(self, renewal: &Renewal) -> Option<Grant> {
        let Self::Grant(grant) = self else {
            return None;
        };
        let fits = (grant.holder, grant.sequence) == (renewal.holder, renewal.sequence)
            && grant.kept <= renewal.left
            && grant.granted <= renewal.want
            && u64::from(grant.retry_after) <= LIFETIME
            && grant.share <= WHOLE;
        fits.then_some(grant)
    }

    /// What was spent, where this answers a spending of `tokens`.
    pub fn to_spending(self, tokens: u32) -> Option<Spent> {
        let Self::Spent(spent) = self else {
            return None;
        };
        let debited = (spent.tokens, spent.retry_after) == (tokens, 0);
        (debited || spent.tokens == 0).then_some(spent)
    }

    /// The answer as CBOR.
    pub fn encode(&self) -> Vec<u8> {
        cbor::encode(self)
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`InvalidCbor`] where the octets are not the one encoding of an answer.
    pub fn decode(octets: &[u8]) -> Result<Self, InvalidCbor> {
        cbor::decode(octets, &BOUNDS)
    }
}
