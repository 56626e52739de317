//! Proofs of possession.

use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use tidegate_edge::dpop::{self, Address, Purpose};
use tidegate_shared::digest::Digest;

use crate::gateway::Still;
use crate::token::key_pair;

const ADDRESS: &str = "https://api.bank.example/v1/accounts";
const TOKEN: &str = "a.token.of-some-kind";

static MADE: LazyLock<String> = LazyLock::new(|| sign(&jwk()));

/// Only the proof that was made is accepted: it has one encoding and one signature.
pub fn run(octets: &[u8]) {
    let Ok(proof) = std::str::from_utf8(octets) else {
        return;
    };
    if accepts(proof) {
        assert_eq!(proof, *MADE, "a forged proof is accepted");
    }
}

/// Inputs to begin with.
pub fn seeds() -> Vec<Vec<u8>> {
    let other = r#"{"kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}"#;
    vec![MADE.clone().into(), sign(other).into()]
}

fn accepts(proof: &str) -> bool {
    let Some(address) = Address::parse(ADDRESS) else {
        return false;
    };
    let purpose = Purpose {
        key: Digest::of(jwk().as_bytes()),
        method: &Method::GET,
        address: &address,
        token: TOKEN,
        leeway: 0,
    };
    let mut verified = pin!(dpop::verify(proof, &purpose, &Still { answer: b"" }));
    let polled = verified
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    matches!(polled, Poll::Ready(Ok(_)))
}

/// The required members in their order, which are what a thumbprint is made of (RFC 7638 §3.2).
fn jwk() -> String {
    let x = URL_SAFE_NO_PAD.encode(*key_pair().pk);
    format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
}

fn sign(jwk: &str) -> String {
    let ath = URL_SAFE_NO_PAD.encode(Digest::of(TOKEN.as_bytes()).0);
    let header = format!(r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{jwk}}}"#);
    let claims = format!(
        r#"{{"jti":"1","htm":"GET","htu":"{ADDRESS}","iat":1800000000,"ath":"{ath}","nonce":"n"}}"#
    );
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
    let message = format!("{header}.{claims}");
    let signature = key_pair().sk.sign(&message, None);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this the target would hold of a gateway that refuses everything.
    #[test]
    fn what_was_made_is_accepted() {
        assert!(accepts(&MADE));
    }
}
