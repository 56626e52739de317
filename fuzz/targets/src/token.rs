//! `Authorization` fields.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use hmac_sha256::HMAC;
use tidegate_edge::Gateway;

use crate::gateway::{self, HOST, PATH_EDDSA, PATH_HS256, SECRET};

const CLAIMS: &str = r#"{"iss":"https://id.bank.example","aud":["mobile"],"sub":"ada","exp":1800003600,"nbf":1799999000,"iat":1.799999e9,"scope":"read write"}"#;

pub(crate) static GATEWAY: LazyLock<Option<Gateway>> = LazyLock::new(gateway::load);

/// Only a field that carries a token that was issued is accepted: a token has one encoding and
/// one signature.
pub fn run(octets: &[u8]) {
    let Ok(field) = std::str::from_utf8(octets) else {
        return;
    };
    for (path, issued) in [(PATH_HS256, hs256(CLAIMS)), (PATH_EDDSA, eddsa(CLAIMS))] {
        if accepts(path, field) {
            assert!(field.contains(&issued), "a forged token is accepted");
        }
    }
}

/// Whether a request with that `Authorization` field is let in.
pub(crate) fn accepts(path: &str, field: &str) -> bool {
    let gateway = GATEWAY.as_ref();
    assert!(gateway.is_some(), "the gateway does not load");
    gateway.and_then(|gateway| gateway::ask(gateway, HOST, path, Some(field))) == Some(200)
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let fields = [hs256(CLAIMS), eddsa(CLAIMS)].map(|token| format!("Bearer {token}").into());
    fields.into()
}

/// A token of the issuer with a shared secret.
pub(crate) fn hs256(claims: impl AsRef<[u8]>) -> String {
    let message = message(r#"{"alg":"HS256","typ":"JWT"}"#, claims.as_ref());
    let tag = HMAC::mac(&message, SECRET);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// A token of the issuer with a key pair.
fn eddsa(claims: &str) -> String {
    let message = message(r#"{"alg":"EdDSA","kid":"k1"}"#, claims.as_ref());
    let signature = key_pair().sk.sign(&message, None);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The key pair of the issuer that has one.
pub(crate) fn key_pair() -> KeyPair {
    KeyPair::from_seed(Seed::new([3; 32]))
}

fn message(header: &str, claims: &[u8]) -> String {
    let [header, claims] = [header.as_bytes(), claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{header}.{claims}")
}

/// The claims of every token that [`seeds`] gives.
pub(crate) fn claims() -> Vec<u8> {
    CLAIMS.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this the target would hold of a gateway that refuses everything.
    #[test]
    fn what_was_issued_is_accepted() {
        for (path, field) in [PATH_HS256, PATH_EDDSA].into_iter().zip(seeds()) {
            assert!(accepts(path, str::from_utf8(&field).unwrap()));
        }
    }
}
