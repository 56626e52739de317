//! Signatures in software: what [`Ports::verify`](crate::Ports::verify) does where the runtime
//! has nothing faster.
//!
//! Keys are parsed, and judged, by `jwt-simple` (RSA of 2048 to 4096 bits with exponent 65537,
//! points on the curve); the signature is then checked over the token's octets as they came.

use jwt_simple::algorithms::{Edwards25519PublicKey, P256PublicKey, P384PublicKey, RSAPublicKey};
use p256::ecdsa::signature::Verifier as _;
use superboring::hash::MessageDigest;
use superboring::pkey::PKey;
use superboring::rsa::Padding;
use superboring::sign::Verifier;
use tidegate_shared::bundle::{Algorithm, IssuerKeys, KeyMaterial, SignerMaterial, Signers};
use tidegate_shared::message_signature::SignatureAlgorithm;

/// Whether `signature` by `key` holds over `message`. A key that does not
/// [fit](KeyMaterial::fits) the algorithm verifies nothing; nor does HS256, which
/// [`verify_hmac`] checks.
pub fn verify(algorithm: Algorithm, key: &KeyMaterial, message: &[u8], signature: &[u8]) -> bool {
    if !key.fits(algorithm) {
        return false;
    }
    match key {
        KeyMaterial::Rsa(modulus, exponent) => rsa(algorithm).is_some_and(|(padding, digest)| {
            verify_rsa(modulus, exponent, padding, digest, message, signature).unwrap_or(false)
        }),
        KeyMaterial::P256(point) => {
            let key = P256PublicKey::from_bytes(point);
            let signature = p256::ecdsa::Signature::from_slice(signature);
            key.ok()
                .zip(signature.ok())
                .is_some_and(|(key, signature)| key.as_ref().verify(message, &signature).is_ok())
        }
        KeyMaterial::P384(point) => {
            let key = P384PublicKey::from_bytes(point);
            let signature = p384::ecdsa::Signature::from_slice(signature);
            key.ok()
                .zip(signature.ok())
                .is_some_and(|(key, signature)| key.as_ref().verify(message, &signature).is_ok())
        }
        KeyMaterial::Ed25519(point) => {
            let key = Edwards25519PublicKey::from_bytes(point);
            let signature = ed25519_compact::Signature::from_slice(signature);
            key.ok()
                .zip(signature.ok())
                .is_some_and(|(key, signature)| key.as_ref().verify(message, &signature).is_ok())
        }
    }
}

/// Padding and digest of an algorithm with RSA keys (RFC 7518 §3.3, §3.5). The salt of PSS is as
/// long as the digest, which is the verifier's own choice too.
fn rsa(algorithm: Algorithm) -> Option<(Padding, MessageDigest)> {
    match algorithm {
        Algorithm::RS256 => Some((Padding::PKCS1, MessageDigest::sha256())),
        Algorithm::RS384 => Some((Padding::PKCS1, MessageDigest::sha384())),
        Algorithm::RS512 => Some((Padding::PKCS1, MessageDigest::sha512())),
        Algorithm::PS256 => Some((Padding::PKCS1_PSS, MessageDigest::sha256())),
        Algorithm::PS384 => Some((Padding::PKCS1_PSS, MessageDigest::sha384())),
        Algorithm::PS512 => Some((Padding::PKCS1_PSS, MessageDigest::sha512())),
        Algorithm::HS256 | Algorithm::ES256 | Algorithm::ES384 | Algorithm::EdDSA => None,
    }
}

fn verify_rsa(
    modulus: &[u8],
    exponent: &[u8],
    padding: Padding,
    digest: MessageDigest,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let key = RSAPublicKey::from_components(modulus, exponent).ok()?;
    let key = PKey::from_rsa(key.as_ref().clone()).ok()?;
    let mut verifier = Verifier::new(digest, &key).ok()?;
    verifier.set_rsa_padding(padding).ok()?;
    verifier.update(message).ok()?;
    verifier.verify(signature).ok()
}

/// Whether `tag` is the HMAC-SHA-256 of `message`, compared in constant time.
pub fn verify_hmac(secret: &[u8], message: &[u8], tag: &[u8]) -> bool {
    tag.try_into()
        .is_ok_and(|tag| hmac_sha256::HMAC::verify(message, secret, tag))
}

/// Whether every pinned key is one that [`verify`] can use.
pub(crate) fn usable(keys: &IssuerKeys) -> bool {
    match keys {
        IssuerKeys::Secret(_) => true,
        IssuerKeys::Pinned(keys) => keys.iter().all(|key| is_key(&key.material)),
    }
}

/// Whether every key of the signers is one that [`verify`] can use, with its algorithm.
pub(crate) fn verifiable(signers: &Signers) -> bool {
    signers.keys.iter().all(|key| match &key.material {
        SignerMaterial::Secret(_) => key.algorithm == SignatureAlgorithm::HmacSha256,
        SignerMaterial::Public(material) => material.fits(key.algorithm.jws()) && is_key(material),
    })
}

fn is_key(material: &KeyMaterial) -> bool {
    match material {
        KeyMaterial::Rsa(n, e) => RSAPublicKey::from_components(n, e).is_ok(),
        KeyMaterial::P256(point) => P256PublicKey::from_bytes(point).is_ok(),
        KeyMaterial::P384(point) => P384PublicKey::from_bytes(point).is_ok(),
        KeyMaterial::Ed25519(point) => Edwards25519PublicKey::from_bytes(point).is_ok(),
    }
}
