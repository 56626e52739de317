//! The signed envelope: COSE_Sign1 (RFC 9052 §4.2) with Ed25519 (RFC 9053 §2.2).
//!
//! [`Signed`] becomes [`Verified`], and nothing else does: what the gateway loads has been
//! checked by construction. An envelope has exactly one encoding, so that the digest of its
//! octets identifies it.

use coset::{CoseError, CoseSign1, CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, iana};

use crate::digest::Digest;
use crate::trust::{KeyId, SigningKey, TrustKeys};

/// The largest envelope in octets.
pub const MAX_ENVELOPE: usize = 16 * 1024 * 1024;

/// What an envelope may carry.
pub trait Content: Sized {
    /// The media type in the protected header, which keeps one kind of content from being taken
    /// for another.
    const CONTENT_TYPE: &'static str;
    /// Why octets are no such content.
    type Invalid: std::error::Error;
    /// Reads the content from a payload whose signature holds.
    ///
    /// # Errors
    /// Where the payload is not this content, or over its bounds.
    fn decode(payload: Vec<u8>) -> Result<Self, Self::Invalid>;
}

/// Wraps and signs a payload.
pub fn sign<C: Content>(payload: Vec<u8>, key: &SigningKey) -> Vec<u8> {
    let sign1 = unsigned(C::CONTENT_TYPE, key.trust_key().id(), payload)
        .create_signature(&[], |message| key.sign(message))
        .build();
    // An envelope built here always encodes; an empty one would be refused by every reader.
    sign1.to_tagged_vec().unwrap_or_default()
}

fn unsigned(content_type: &str, key: KeyId, payload: Vec<u8>) -> CoseSign1Builder {
    let protected = HeaderBuilder::new()
        .algorithm(iana::Algorithm::EdDSA)
        .content_type(content_type.to_owned())
        .key_id(key.0.to_vec())
        .build();
    CoseSign1Builder::new()
        .protected(protected)
        .payload(payload)
}

/// Why octets are no acceptable envelope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEnvelope {
    /// More octets than [`MAX_ENVELOPE`].
    #[error("the envelope has {0} octets, more than {MAX_ENVELOPE}")]
    TooLarge(usize),
    /// The envelope ends before it is complete.
    #[error("the envelope ends early")]
    Truncated,
    /// No tagged COSE_Sign1.
    #[error("not a signed envelope (COSE_Sign1): {0}")]
    NotCose(String),
    /// Octets after the envelope.
    #[error("octets follow the envelope")]
    TrailingOctets,
    /// The protected header names no Ed25519 key of eight octets, or holds something else too.
    #[error(
        "the envelope's protected header is not `EdDSA`, a content type and a key id of 8 octets"
    )]
    Header,
    /// Another encoding of the same envelope.
    #[error("the envelope is not in its deterministic encoding")]
    NotDeterministic,
}

fn not_cose(error: &CoseError) -> InvalidEnvelope {
    match error {
        CoseError::ExtraneousData => InvalidEnvelope::TrailingOctets,
        CoseError::DecodeFailed(ciborium::de::Error::Io(_)) => InvalidEnvelope::Truncated,
        CoseError::DecodeFailed(_)
        | CoseError::DuplicateMapKey
        | CoseError::EncodeFailed
        | CoseError::OutOfRangeIntegerValue
        | CoseError::UnexpectedItem(..)
        | CoseError::UnregisteredIanaValue
        | CoseError::UnregisteredIanaNonPrivateValue => InvalidEnvelope::NotCose(error.to_string()),
    }
}

/// A well-formed envelope whose signature nobody has checked yet.
#[derive(Clone, Debug)]
pub struct Signed {
    sign1: CoseSign1,
    content_type: String,
    key: KeyId,
    digest: Digest,
}

impl Signed {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`InvalidEnvelope`], each deviation with its own.
    pub fn parse(octets: &[u8]) -> Result<Self, InvalidEnvelope> {
        if octets.len() > MAX_ENVELOPE {
            return Err(InvalidEnvelope::TooLarge(octets.len()));
        }
        let sign1 = CoseSign1::from_tagged_slice(octets).map_err(|error| not_cose(&error))?;
        let header = &sign1.protected.header;
        let key = <[u8; 8]>::try_from(header.key_id.as_slice())
            .map(KeyId)
            .map_err(|_| InvalidEnvelope::Header)?;
        let Some(coset::ContentType::Text(content_type)) = header.content_type.clone() else {
            return Err(InvalidEnvelope::Header);
        };
        let payload = sign1
            .payload
            .clone()
            .ok_or(InvalidEnvelope::NotCose("no payload".to_owned()))?;
        // Built again from what was understood, it must be the same octets: nothing unread,
        // nothing unprotected, no second encoding.
        let again = unsigned(&content_type, key, payload)
            .signature(sign1.signature.clone())
            .build();
        if again.protected.header != *header {
            return Err(InvalidEnvelope::Header);
        }
        if again.to_tagged_vec().ok().as_deref() != Some(octets) {
            return Err(InvalidEnvelope::NotDeterministic);
        }
        Ok(Self {
            sign1,
            content_type,
            key,
            digest: Digest::of(octets),
        })
    }

    /// The identity of the envelope: the digest of all its octets.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The key that claims to have signed.
    pub fn key_id(&self) -> KeyId {
        self.key
    }

    /// Reads the content without checking the signature: to show it, never to act on it.
    ///
    /// # Errors
    /// Where the payload is not this content.
    pub fn unverified<C: Content>(&self) -> Result<C, C::Invalid> {
        C::decode(self.sign1.payload.clone().unwrap_or_default())
    }

    /// Checks the signature, and only then reads the content.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify<C: Content>(
        self,
        trust: &TrustKeys,
    ) -> Result<Verified<C>, VerifyError<C::Invalid>> {
        if self.content_type != C::CONTENT_TYPE {
            return Err(VerifyError::ContentType {
                expected: C::CONTENT_TYPE,
                found: self.content_type,
            });
        }
        match trust.verify(self.key, &self.sign1.tbs_data(&[]), &self.sign1.signature) {
            None => return Err(VerifyError::UnknownKey(self.key)),
            Some(false) => return Err(VerifyError::Signature(self.key)),
            Some(true) => {}
        }
        let content =
            C::decode(self.sign1.payload.unwrap_or_default()).map_err(VerifyError::Content)?;
        Ok(Verified {
            content,
            digest: self.digest,
            key: self.key,
        })
    }
}

/// Why an envelope is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError<E: std::error::Error> {
    /// It carries something else.
    #[error("the envelope carries `{found}`, expected `{expected}`")]
    ContentType {
        /// What was asked for.
        expected: &'static str,
        /// What the protected header says.
        found: String,
    },
    /// The key is not among the trusted ones.
    #[error("signed by key `{0}`, which is not trusted")]
    UnknownKey(KeyId),
    /// The signature does not hold.
    #[error("the signature by key `{0}` does not hold")]
    Signature(KeyId),
    /// The signature holds, the content is unusable.
    #[error(transparent)]
    Content(E),
}

/// Content whose signature holds. Only [`Signed::verify`] makes one.
#[derive(Clone, Debug)]
pub struct Verified<C> {
    content: C,
    digest: Digest,
    key: KeyId,
}

impl<C> Verified<C> {
    /// The content.
    pub fn content(&self) -> &C {
        &self.content
    }

    /// The content, taken out.
    pub fn into_content(self) -> C {
        self.content
    }

    /// The identity of the envelope that carried it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The key that signed.
    pub fn key_id(&self) -> KeyId {
        self.key
    }
}
