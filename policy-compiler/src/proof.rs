//! Proofs of possession (RFC 9449 §4.2), to try a policy with.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt_simple::algorithms::{ECDSAP256KeyPairLike, ES256KeyPair};
use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer;
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use tidegate_edge::jwk;
use tidegate_shared::bundle::KeyMaterial;
use tidegate_shared::digest::Digest;

/// A key that tokens are bound to.
pub struct ProofKey(ES256KeyPair);

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProofKey")
    }
}

impl Default for ProofKey {
    /// Makes a key.
    fn default() -> Self {
        Self(ES256KeyPair::generate())
    }
}

impl ProofKey {
    /// The thumbprint, as `jkt` of a token's `cnf` has it (RFC 9449 §6.1).
    pub fn thumbprint(&self) -> String {
        let key = KeyMaterial::P256(ByteBuf::from(self.point()));
        base64url(&jwk::thumbprint(&key))
    }

    /// The header of a proof, with the public key.
    pub fn header(&self) -> Value {
        let point = self.point();
        let (x, y) = point.split_at(point.len() / 2 + 1);
        let coordinate = |octets| URL_SAFE_NO_PAD.encode(octets);
        let x = coordinate(x.get(1..).unwrap_or_default());
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": x, "y": coordinate(y) });
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk })
    }

    /// Signs a proof, whatever it says.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature: Signature = self.0.key_pair().as_ref().sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }

    /// The uncompressed point (SEC 1 §2.3.3).
    fn point(&self) -> Vec<u8> {
        self.0.key_pair().public_key().to_bytes_uncompressed()
    }
}

/// What `ath` is of a proof for this token (RFC 9449 §4.2).
pub fn token_hash(token: &str) -> String {
    base64url(&Digest::of(token.as_bytes()))
}

/// A digest as tokens have it.
pub(crate) fn base64url(digest: &Digest) -> String {
    URL_SAFE_NO_PAD.encode(digest.0)
}
