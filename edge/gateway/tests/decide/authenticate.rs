//! Who calls? The tokens and keys that these tests share.

#[path = "authenticate/algorithms.rs"]
mod algorithms;
#[path = "authenticate/api_keys.rs"]
mod api_keys;
#[path = "authenticate/cache.rs"]
mod cache;
#[path = "authenticate/certificate.rs"]
mod certificate;
#[path = "authenticate/challenges.rs"]
mod challenges;
#[path = "authenticate/claims.rs"]
mod claims;
#[path = "authenticate/client_certificates.rs"]
mod client_certificates;
#[path = "authenticate/combinations.rs"]
mod combinations;
#[path = "authenticate/dpop.rs"]
mod dpop;
#[path = "authenticate/headers.rs"]
mod headers;
#[path = "authenticate/hostile.rs"]
mod hostile;
#[path = "authenticate/introspection.rs"]
mod introspection;
#[path = "authenticate/issuers.rs"]
mod issuers;
#[path = "authenticate/key_sets.rs"]
mod key_sets;
#[path = "authenticate/keys.rs"]
mod keys;
#[path = "authenticate/message_signatures.rs"]
mod message_signatures;
#[path = "authenticate/revocations.rs"]
mod revocations;
#[path = "authenticate/rfc8725.rs"]
mod rfc8725;
#[path = "authenticate/rules.rs"]
mod rules;
#[path = "authenticate/shapes.rs"]
mod shapes;
#[path = "authenticate/source.rs"]
mod source;
#[path = "authenticate/stored_keys.rs"]
mod stored_keys;

use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};
use serde_json::{Value, json};
use tidegate_edge::Gateway;
use tidegate_shared::bundle::{
    Algorithm, ApiKeyRing, ApiKeySource, Auth, Issuer, IssuerKeys, JwtAuth, KeyMaterial,
    PinnedKeys, PublicKey, RingKeys, Route, Tables,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::kit::*;

pub(crate) use introspection::sessions;

/// An issuer of HS256 tokens, with the secret that the test's world holds.
pub(crate) fn issuer() -> Issuer {
    let secret = IssuerKeys::Secret("legacy".to_owned());
    Issuer {
        audiences: vec!["mobile".to_owned(), "web".to_owned()],
        algorithms: vec![Algorithm::HS256],
        leeway: Span(30_000),
        ..Issuer::new("customers", "https://id.bank.example", "mobile", secret)
    }
}

fn public_key(id: Option<&str>, material: KeyMaterial) -> PublicKey {
    PublicKey {
        id: id.map(str::to_owned),
        algorithm: None,
        material,
    }
}

fn pinned(algorithms: &[Algorithm], keys: Vec<PublicKey>) -> Issuer {
    Issuer {
        algorithms: algorithms.to_vec(),
        keys: IssuerKeys::Pinned(keys),
        ..issuer()
    }
}

fn gateway_with(issuer: Issuer, scopes: &[&str]) -> Gateway {
    gateway_of_issuers(vec![issuer], scopes)
}

fn gateway_of_issuers(issuers: Vec<Issuer>, scopes: &[&str]) -> Gateway {
    let indices = (0..).take(issuers.len()).collect();
    let tables = Tables {
        issuers,
        ..tables()
    };
    let auth = Auth::Jwt(JwtAuth {
        issuers: indices,
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    });
    gateway(tables, vec![("/a", Route { auth, ..route("a") })])
}

fn claims() -> Value {
    let now = NOW.seconds();
    json!({
        "iss": "https://id.bank.example", "sub": "alice", "aud": "mobile",
        "iat": now, "exp": now + 60, "scope": "accounts:read transfers:write",
    })
}

pub(crate) fn with(member: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[member] = value;
    claims
}

fn without(member: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(member);
    claims
}

fn base64url(octets: impl AsRef<[u8]>) -> String {
    Base64UrlSafeNoPadding::encode_to_string(octets).unwrap()
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    Base64UrlSafeNoPadding::decode_to_vec(text, None).unwrap()
}

/// A token put together by hand, with a good HS256 signature over whatever it holds.
fn sign_octets(header: &str, payload: &[u8]) -> String {
    let message = format!("{}.{}", base64url(header), base64url(payload));
    let tag = hmac_sha256::HMAC::mac(&message, SECRET);
    format!("{message}.{}", base64url(tag))
}

fn sign_raw(header: &str, payload: &str) -> String {
    sign_octets(header, payload.as_bytes())
}

pub(crate) fn hs256(claims: &Value) -> String {
    sign_raw(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string())
}

pub(crate) fn bearer(token: &str) -> Request {
    request("GET /a").with("authorization", format!("Bearer {token}"))
}

fn verdict(gateway: &Gateway, token: &str) -> String {
    World::new().verdict(gateway, &bearer(token))
}

/// A ring with the key `key` of `acme`, in `X-Api-Key`.
pub(crate) fn partners() -> ApiKeyRing {
    ApiKeyRing {
        name: "partners".to_owned(),
        source: ApiKeySource::Header("x-api-key".to_owned()),
        prefix: None,
        keys: RingKeys::Pinned(PinnedKeys::new([("acme".to_owned(), [Digest::of(b"key")])])),
    }
}
