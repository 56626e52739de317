//! Keys between a gateway and its connectors: a shared secret, or a pair of Ed25519.

use std::fmt;

use super::SignatureAlgorithm;
use crate::trust::{InvalidKey, SigningKey, TrustKey};

/// The shortest secret for HMAC in octets: as long as its hash (RFC 2104 §3).
const MIN_SECRET: usize = 32;

/// The secret is none that signs. No text repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It can be guessed.
    #[error("it has fewer than {MIN_SECRET} octets")]
    Weak,
    /// It is no Ed25519 key.
    #[error("{0}")]
    Key(&'static str),
    /// Nothing is signed here with the algorithm.
    #[error("`{name}` does not sign here: use hmac-sha256 or ed25519")]
    Algorithm {
        /// The algorithm's name.
        name: &'static str,
    },
}

/// What signs messages. Never shown.
#[derive(Clone)]
pub enum SigningSecret {
    /// A shared secret, for `hmac-sha256`.
    Hmac(Vec<u8>),
    /// The secret half of a pair, for `ed25519`.
    Ed25519(SigningKey),
}

impl SigningSecret {
    /// Reads a secret as a platform's store has it: any octets for `hmac-sha256`, the text that
    /// `tidegate keys new` writes for `ed25519`.
    ///
    /// # Errors
    /// [`InvalidSecret`].
    pub fn new(algorithm: SignatureAlgorithm, secret: &[u8]) -> Result<Self, InvalidSecret> {
        match algorithm {
            SignatureAlgorithm::HmacSha256 if secret.len() < MIN_SECRET => Err(InvalidSecret::Weak),
            SignatureAlgorithm::HmacSha256 => Ok(Self::Hmac(secret.to_owned())),
            SignatureAlgorithm::Ed25519 => {
                let text = std::str::from_utf8(secret).ok();
                let key = text.and_then(|text| text.parse().ok());
                let wanted = "it is no signing key of `tidegate keys new`";
                key.map(Self::Ed25519).ok_or(InvalidSecret::Key(wanted))
            }
            SignatureAlgorithm::EcdsaP256Sha256
            | SignatureAlgorithm::EcdsaP384Sha384
            | SignatureAlgorithm::RsaPssSha512
            | SignatureAlgorithm::RsaV1_5Sha256 => Err(InvalidSecret::Algorithm {
                name: algorithm.name(),
            }),
        }
    }

    pub(super) fn sign(&self, base: &str) -> Vec<u8> {
        match self {
            Self::Hmac(secret) => hmac_sha256::HMAC::mac(base, secret).to_vec(),
            Self::Ed25519(key) => key.sign(base.as_bytes()),
        }
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(_) => f.write_str("Hmac(…)"),
            Self::Ed25519(key) => key.fmt(f),
        }
    }
}

/// What verifies the messages that a [`SigningSecret`] signed. Never shown where it is secret.
#[derive(Clone)]
pub enum VerifyingKey {
    /// The same shared secret.
    Hmac(Vec<u8>),
    /// The public half of the pair.
    Ed25519(TrustKey),
}

impl VerifyingKey {
    /// A shared secret.
    ///
    /// # Errors
    /// [`InvalidSecret::Weak`].
    pub fn hmac(secret: &[u8]) -> Result<Self, InvalidSecret> {
        if secret.len() < MIN_SECRET {
            return Err(InvalidSecret::Weak);
        }
        Ok(Self::Hmac(secret.to_owned()))
    }

    /// The public half as `tidegate keys new` writes it.
    ///
    /// # Errors
    /// Where the text is none.
    pub fn ed25519(text: &str) -> Result<Self, InvalidKey> {
        text.trim().parse().map(Self::Ed25519)
    }

    /// The only algorithm of the key.
    pub fn algorithm(&self) -> SignatureAlgorithm {
        match self {
            Self::Hmac(_) => SignatureAlgorithm::HmacSha256,
            Self::Ed25519(_) => SignatureAlgorithm::Ed25519,
        }
    }

    /// Whether the signature holds over the base; that of a shared secret is compared in constant
    /// time.
    pub fn verify(&self, base: &str, octets: &[u8]) -> bool {
        match self {
            Self::Hmac(secret) => octets
                .try_into()
                .is_ok_and(|tag| hmac_sha256::HMAC::verify(base, secret, tag)),
            Self::Ed25519(key) => key.verify(base.as_bytes(), octets),
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hmac(_) => f.write_str("Hmac(…)"),
            Self::Ed25519(key) => key.fmt(f),
        }
    }
}
