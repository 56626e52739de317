//! The algorithms of RFC 9421 §3.3.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::bundle::Algorithm;

/// A signature algorithm of HTTP messages (RFC 9421 §6.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the registry")]
pub enum SignatureAlgorithm {
    Ed25519,
    EcdsaP256Sha256,
    EcdsaP384Sha384,
    RsaPssSha512,
    RsaV1_5Sha256,
    HmacSha256,
}

impl SignatureAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 6] = [
        Self::Ed25519,
        Self::EcdsaP256Sha256,
        Self::EcdsaP384Sha384,
        Self::RsaPssSha512,
        Self::RsaV1_5Sha256,
        Self::HmacSha256,
    ];

    /// The registered name, as in the parameter `alg`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "ed25519",
            Self::EcdsaP256Sha256 => "ecdsa-p256-sha256",
            Self::EcdsaP384Sha384 => "ecdsa-p384-sha384",
            Self::RsaPssSha512 => "rsa-pss-sha512",
            Self::RsaV1_5Sha256 => "rsa-v1_5-sha256",
            Self::HmacSha256 => "hmac-sha256",
        }
    }

    /// The same algorithm by its name in JWS: octet for octet the same signature, that of an
    /// elliptic curve as `r` and `s` in their full length (§3.3.4, §3.3.5; RFC 7518 §3.4).
    pub fn jws(self) -> Algorithm {
        match self {
            Self::Ed25519 => Algorithm::EdDSA,
            Self::EcdsaP256Sha256 => Algorithm::ES256,
            Self::EcdsaP384Sha384 => Algorithm::ES384,
            Self::RsaPssSha512 => Algorithm::PS512,
            Self::RsaV1_5Sha256 => Algorithm::RS256,
            Self::HmacSha256 => Algorithm::HS256,
        }
    }
}

/// No algorithm has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no signature algorithm: use {names}", names = SignatureAlgorithm::ALL.map(SignatureAlgorithm::name).join(", "))]
pub struct UnknownSignatureAlgorithm(String);

impl FromStr for SignatureAlgorithm {
    type Err = UnknownSignatureAlgorithm;

    fn from_str(name: &str) -> Result<Self, UnknownSignatureAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
            .ok_or_else(|| UnknownSignatureAlgorithm(name.to_owned()))
    }
}
