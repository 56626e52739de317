use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike, ECDSAP384KeyPairLike, ES256KeyPair, ES384KeyPair, Ed25519KeyPair,
    EdDSAKeyPairLike, PS256KeyPair, PS384KeyPair, PS512KeyPair, RS256KeyPair, RS384KeyPair,
    RS512KeyPair, RSAKeyPairLike,
};
use jwt_simple::claims::{Claims, JWTClaims};
use jwt_simple::reexports::coarsetime::{Duration, UnixTimeStamp};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};
use tidegate_shared::bundle::{Algorithm, KeyMaterial};

use super::*;

/// Claims at the test's own time.
fn lasting() -> JWTClaims<Value> {
    let mut claims = Claims::with_custom_claims(json!({}), Duration::from_hours(1))
        .with_issuer("https://id.bank.example")
        .with_subject("alice")
        .with_audience("mobile");
    let now = UnixTimeStamp::from_millis(NOW.0);
    claims.issued_at = Some(now);
    claims.invalid_before = Some(now);
    claims.expires_at = Some(now + Duration::from_hours(1));
    claims
}

/// A key and a token for each algorithm of key pairs.
fn signed() -> Vec<(Algorithm, KeyMaterial, String)> {
    let ed25519 = Ed25519KeyPair::generate();
    let es256 = ES256KeyPair::generate();
    let es384 = ES384KeyPair::generate();
    let rs256 = RS256KeyPair::generate(2048).unwrap();
    let modulus = rs256.public_key().to_components();
    let rsa = || {
        let (n, e) = (modulus.n.clone(), modulus.e.clone());
        KeyMaterial::Rsa(ByteBuf::from(n), ByteBuf::from(e))
    };
    let der = rs256.to_der().unwrap();
    macro_rules! with_rsa {
        ($($algorithm:ident: $pair:ident),+) => {
            [$((
                Algorithm::$algorithm,
                rsa(),
                $pair::from_der(&der).unwrap().sign(lasting()).unwrap(),
            )),+]
        };
    }
    let rsa_tokens = with_rsa!(
        RS256: RS256KeyPair, RS384: RS384KeyPair, RS512: RS512KeyPair,
        PS256: PS256KeyPair, PS384: PS384KeyPair, PS512: PS512KeyPair
    );
    let mut all = rsa_tokens.to_vec();
    let point = es256.key_pair().public_key().to_bytes_uncompressed();
    let key = KeyMaterial::P256(ByteBuf::from(point));
    all.push((Algorithm::ES256, key, es256.sign(lasting()).unwrap()));
    let point = es384.key_pair().public_key().to_bytes_uncompressed();
    let key = KeyMaterial::P384(ByteBuf::from(point));
    all.push((Algorithm::ES384, key, es384.sign(lasting()).unwrap()));
    let key = KeyMaterial::Ed25519(ByteBuf::from(ed25519.public_key().to_bytes()));
    all.push((Algorithm::EdDSA, key, ed25519.sign(lasting()).unwrap()));
    all
}

#[test]
fn every_algorithm_is_accepted_with_its_own_key_only() {
    let signed = signed();
    assert_eq!(signed.len(), Algorithm::ALL.len() - 1);
    for (algorithm, key, token) in &signed {
        let issuer = pinned(&[*algorithm], vec![public_key(None, key.clone())]);
        let gateway = gateway_with(issuer, &[]);
        assert_eq!(verdict(&gateway, token), "forward", "{algorithm:?}");
        // The message altered, the signature kept.
        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = message.split_once('.').unwrap();
        let forged = format!("{header}.{}.{signature}", base64url(claims().to_string()));
        assert_eq!(
            verdict(&gateway, &forged),
            "401 credential-invalid",
            "{algorithm:?}"
        );
        for (other, _, token) in signed.iter().filter(|(other, ..)| other != algorithm) {
            assert_eq!(
                verdict(&gateway, token),
                "401 credential-invalid",
                "{other:?} for {algorithm:?}"
            );
        }
    }
}

/// The six algorithms of RSA share their keys; a signature of one is none of another, even where
/// the policy allows both.
#[test]
fn a_signature_is_of_one_algorithm() {
    let signed = signed();
    let rsa: Vec<_> = signed
        .iter()
        .filter(|(_, key, _)| matches!(key, KeyMaterial::Rsa(..)))
        .collect();
    for (algorithm, key, token) in &rsa {
        let (message, signature) = token.rsplit_once('.').unwrap();
        for (other, ..) in rsa.iter().filter(|(other, ..)| other != algorithm) {
            assert!(!tidegate_edge::signature::verify(
                *other,
                key,
                message.as_bytes(),
                &decode(signature),
            ));
        }
    }
}
