//! What a store holds of a key: whose it is and how long it is good, under its digest. The key
//! itself is in no store.

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::ApiKeyPrefix;
use crate::cbor::{self, Bounds, InvalidCbor};
use crate::digest::Digest;
use crate::time::UnixMillis;

/// What a store's keys begin with: other things may lie beside.
const STORED: &str = "credential-";

/// The largest record.
const BOUNDS: Bounds = Bounds {
    octets: 4096,
    items: 256,
};

/// A key that was given out, as deterministic CBOR. Times are seconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ApiKeyRecord {
    /// The ring of the policy that the key is good in, and in no other.
    pub ring: String,
    /// What the key begins with.
    pub prefix: ApiKeyPrefix,
    /// Whose it is.
    pub consumer: String,
    /// The plan that the consumer is on.
    pub plan: Option<String>,
    /// What it may do, where routes ask for scopes.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: u64,
    /// The first second that it is good.
    pub not_before: u64,
    /// The first second that it is good no longer.
    pub expires: Option<u64>,
    /// When it was revoked.
    pub revoked: Option<u64>,
}

/// Why a key that a store has is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// It will be.
    #[error("the key is not good yet")]
    NotYet,
    /// It was.
    #[error("the key has expired")]
    Expired,
    /// It was taken back.
    #[error("the key is revoked")]
    Revoked,
}

impl ApiKeyRecord {
    /// A key that is good until it is revoked, on no plan and without scopes.
    pub fn new(
        ring: impl Into<String>,
        prefix: ApiKeyPrefix,
        consumer: impl Into<String>,
        created: u64,
    ) -> Self {
        Self {
            ring: ring.into(),
            prefix,
            consumer: consumer.into(),
            plan: None,
            scopes: Vec::new(),
            created,
            not_before: 0,
            expires: None,
            revoked: None,
        }
    }

    /// Where a store has the record of the key with this digest.
    pub fn stored_at(digest: &Digest) -> String {
        format!("{STORED}{}", hex::encode(digest.0))
    }

    /// The digest of the key whose record lies there; `None` where no record does.
    pub fn stored_digest(place: &str) -> Option<Digest> {
        place.strip_prefix(STORED)?.parse().ok()
    }

    /// The octets to store.
    ///
    /// # Errors
    /// Where the record is larger than one that is read.
    pub fn encode(&self) -> Result<Vec<u8>, InvalidCbor> {
        let octets = cbor::encode(self);
        cbor::check(&octets, &BOUNDS)?;
        Ok(octets)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Where the octets are none, or too many.
    pub fn decode(octets: &[u8]) -> Result<Self, InvalidCbor> {
        cbor::decode(octets, &BOUNDS)
    }

    /// Whether the key is good.
    ///
    /// # Errors
    /// [`Ended`].
    pub fn check(&self, now: UnixMillis) -> Result<(), Ended> {
        let now = now.seconds();
        if self.revoked.is_some_and(|revoked| now >= revoked) {
            return Err(Ended::Revoked);
        }
        if self.expires.is_some_and(|expires| now >= expires) {
            return Err(Ended::Expired);
        }
        if now < self.not_before {
            return Err(Ended::NotYet);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ApiKeyRecord {
        ApiKeyRecord {
            ring: "partners".to_owned(),
            prefix: ApiKeyPrefix::default(),
            consumer: "acme".to_owned(),
            plan: Some("gold".to_owned()),
            scopes: vec!["accounts:read".to_owned()],
            created: 90,
            not_before: 100,
            expires: Some(200),
            revoked: Some(300),
        }
    }

    #[test]
    fn a_record_goes_both_ways_and_has_one_encoding() {
        let octets = record().encode().unwrap();
        assert_eq!(ApiKeyRecord::decode(&octets), Ok(record()));
        let mut long = octets.clone();
        long.push(0);
        assert!(ApiKeyRecord::decode(&long).is_err());
        let too_long = ApiKeyRecord {
            consumer: "x".repeat(5_000),
            ..record()
        };
        assert!(too_long.encode().is_err());
    }

    #[test]
    fn a_key_is_good_from_its_beginning_until_its_end_unless_revoked() {
        let revoked = ApiKeyRecord {
            expires: None,
            ..record()
        };
        for (record, second, expected) in [
            (record(), 99, Err(Ended::NotYet)),
            (record(), 100, Ok(())),
            (record(), 199, Ok(())),
            (record(), 200, Err(Ended::Expired)),
            (revoked.clone(), 299, Ok(())),
            (revoked, 300, Err(Ended::Revoked)),
        ] {
            assert_eq!(
                record.check(UnixMillis(second * 1000)),
                expected,
                "{second}"
            );
        }
    }

    #[test]
    fn a_record_lies_under_its_key_s_digest() {
        let digest = Digest::of(b"abc");
        let place = ApiKeyRecord::stored_at(&digest);
        assert_eq!(ApiKeyRecord::stored_digest(&place), Some(digest));
        assert_eq!(ApiKeyRecord::stored_digest("bundle"), None);
    }
}
