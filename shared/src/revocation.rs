//! Lists of what was revoked before its time: tokens, all tokens of a subject, keys.
//!
//! A list is signed as a bundle is, under a content type of its own, and replaced as a whole. Its
//! sequence only grows, so that nobody brings a revoked token back with an older list; it expires,
//! so that a reader notices when it is shown nothing new.

mod verify;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::cbor::{self, Bounds, InvalidCbor};
use crate::channel::MAX_VALIDITY;
use crate::envelope::{self, Content};
use crate::time::UnixMillis;
use crate::trust::SigningKey;
use crate::units::Span;

pub use verify::{Refused, verify};

/// Where a store has the list.
pub const PLACE: &str = "revocations";
/// The format of lists that this code writes and reads.
pub const FORMAT_VERSION: u16 = 1;
/// The most records of a list.
pub const MAX_RECORDS: usize = 20_000;
/// The largest list in octets, with its envelope.
pub const MAX_LIST: usize = 4 * 1024 * 1024;

const BOUNDS: Bounds = Bounds {
    octets: MAX_LIST,
    items: 8 * MAX_RECORDS + 16,
};

/// What was revoked. Issuers are named as the policy names them, and so are introspections, rings
/// of API keys, signers and certificates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Revoked {
    /// The token of an issuer with this `jti`.
    Token(String, String),
    /// All tokens of a subject, or all keys of a consumer.
    Subject(String, String),
    /// All tokens that were signed with the key of this `kid`, the API key of this id, all requests
    /// that were signed with the key of this `keyid`, or the certificate of this digest.
    Key(String, String),
}

/// A record of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Revocation {
    /// What was revoked.
    pub revoked: Revoked,
    /// When it will have expired by itself, in seconds since the Unix epoch, and needs no record
    /// any more; `None` for never.
    pub until: Option<u64>,
}

/// Everything that was revoked. The default is what is there before the first list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Revocations {
    format: u16,
    /// Grows with every list; at least 1.
    pub sequence: u64,
    /// When it was signed.
    pub issued: UnixMillis,
    /// From when on it holds no longer.
    pub expires: UnixMillis,
    /// Invariant: sorted by what was revoked, without repetition.
    records: Vec<Revocation>,
}

/// Why a payload is no usable list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRevocations {
    /// It is not the deterministic encoding of one, or too large.
    #[error("malformed list of revocations: {0}")]
    Payload(#[from] InvalidCbor),
    /// Written for another version of the reader.
    #[error("list format {0}, this program reads format {FORMAT_VERSION}")]
    Format(u16),
    /// Sequences begin with 1.
    #[error("the list has sequence 0, the first is 1")]
    Sequence,
    /// It expires before it is issued, or too long after.
    #[error("the list holds for no time, or for more than 400 days")]
    Validity,
    /// Records are repeated or out of order.
    #[error("the records of the list are not sorted, or one is repeated")]
    Order,
    /// There are too many.
    #[error("the list has more than {MAX_RECORDS} records")]
    TooMany,
}

/// What is known of a caller, to be held against a list.
#[derive(Clone, Copy, Debug)]
pub struct Bearer<'b> {
    /// The issuer or ring, as the policy names it.
    pub issuer: &'b str,
    /// The subject or consumer.
    pub subject: &'b str,
    /// The token's `jti`.
    pub token: Option<&'b str>,
    /// The `kid` of the key that signed the token, the API key's id, the signature's `keyid`, or the
    /// certificate's digest in hexadecimal digits.
    pub key: Option<&'b str>,
}

impl Revocations {
    /// The list that follows, which holds for `validity` and has these records but those of what
    /// has expired. Of two records of one thing, the later one counts.
    #[must_use]
    pub fn next(&self, records: Vec<Revocation>, now: UnixMillis, validity: Span) -> Self {
        let mut records = records;
        records.reverse();
        records.sort_by(|a, b| a.revoked.cmp(&b.revoked));
        records.dedup_by(|earlier, kept| earlier.revoked == kept.revoked);
        records.retain(|record| record.until.is_none_or(|until| until > now.seconds()));
        Self {
            format: FORMAT_VERSION,
            sequence: self.sequence.saturating_add(1),
            issued: now,
            expires: now.plus(validity.0),
            records,
        }
    }

    /// The records.
    pub fn records(&self) -> &[Revocation] {
        &self.records
    }

    /// What of a caller was revoked.
    pub fn find(&self, bearer: &Bearer<'_>) -> Option<&Revoked> {
        let Bearer {
            issuer,
            subject,
            token,
            key,
        } = *bearer;
        let own = [
            token.map(|token| (0, issuer, token)),
            Some((1, issuer, subject)),
            key.map(|key| (2, issuer, key)),
        ];
        own.into_iter().flatten().find_map(|wanted| {
            let found = self
                .records
                .binary_search_by(|record| record.revoked.order().cmp(&wanted));
            Some(&self.records.get(found.ok()?)?.revoked)
        })
    }

    /// Signs the list.
    ///
    /// # Errors
    /// [`InvalidRevocations`], where no reader would take it.
    pub fn sign(&self, key: &SigningKey) -> Result<Vec<u8>, InvalidRevocations> {
        self.check()?;
        let payload = cbor::encode(self);
        cbor::check(&payload, &BOUNDS)?;
        Ok(envelope::sign::<Self>(payload, key))
    }

    fn check(&self) -> Result<(), InvalidRevocations> {
        if self.format != FORMAT_VERSION {
            return Err(InvalidRevocations::Format(self.format));
        }
        if self.sequence == 0 {
            return Err(InvalidRevocations::Sequence);
        }
        let validity = self.expires.since(self.issued);
        if validity == 0 || validity > MAX_VALIDITY {
            return Err(InvalidRevocations::Validity);
        }
        if self.records.len() > MAX_RECORDS {
            return Err(InvalidRevocations::TooMany);
        }
        if !self.records.is_sorted_by(|a, b| a.revoked < b.revoked) {
            return Err(InvalidRevocations::Order);
        }
        Ok(())
    }
}

impl Revoked {
    /// What the derived order goes by, without a copy of the texts.
    fn order(&self) -> (u8, &str, &str) {
        match self {
            Self::Token(issuer, value) => (0, issuer, value),
            Self::Subject(issuer, value) => (1, issuer, value),
            Self::Key(issuer, value) => (2, issuer, value),
        }
    }
}

impl Content for Revocations {
    const CONTENT_TYPE: &'static str = "application/vnd.tidegate.revocations+cbor";
    type Invalid = InvalidRevocations;

    fn decode(payload: Vec<u8>) -> Result<Self, InvalidRevocations> {
        let list: Self = cbor::decode(&payload, &BOUNDS)?;
        list.check()?;
        Ok(list)
    }
}

#[cfg(test)]
mod tests;
