//! Tokens that are bound to a key (RFC 9449).

#[path = "dpop/binding.rs"]
mod binding;
#[path = "dpop/examples.rs"]
mod examples;
#[path = "dpop/nonce.rs"]
mod nonce;
#[path = "dpop/property.rs"]
mod property;
#[path = "dpop/replay.rs"]
mod replay;
#[path = "dpop/rules.rs"]
mod rules;

use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};
use tidegate_shared::bundle::{Binding, Possession, TokenSource};
use tidegate_shared::digest::Digest;

use super::*;

const INVALID: &str = "401 proof-invalid";

fn key_pair(seed: u8) -> KeyPair {
    KeyPair::from_seed(Seed::new([seed; 32]))
}

fn jwk(keys: &KeyPair) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(*keys.pk) })
}

fn thumbprint(keys: &KeyPair) -> String {
    let x = base64url(*keys.pk);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    base64url(Digest::of(members.as_bytes()).0)
}

/// A token that is bound to the first key pair.
fn bound_token() -> String {
    hs256(&with("cnf", json!({ "jkt": thumbprint(&key_pair(1)) })))
}

/// A proof before it is signed, good for `GET /a` with [`bound_token`].
struct Draft {
    header: Value,
    claims: Value,
    keys: KeyPair,
}

fn draft() -> Draft {
    let keys = key_pair(1);
    Draft {
        header: json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk(&keys) }),
        claims: json!({
            "jti": "-BwC3ESc6acc2lTc", "htm": "GET", "htu": format!("https://{HOST}/a"),
            "iat": NOW.seconds(), "ath": base64url(Digest::of(bound_token().as_bytes()).0),
        }),
        keys,
    }
}

impl Draft {
    /// Sets a member of the header; `null` takes it away.
    fn header(mut self, name: &str, value: Value) -> Self {
        set(&mut self.header, name, value);
        self
    }

    /// Sets a claim; `null` takes it away.
    fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    fn id(self, id: &str) -> Self {
        self.claim("jti", id)
    }

    fn sign(self) -> String {
        let parts = [self.header, self.claims].map(|part| base64url(part.to_string()));
        let message = parts.join(".");
        format!(
            "{message}.{}",
            base64url(*self.keys.sk.sign(&message, None))
        )
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    if value.is_null() {
        object.as_object_mut().unwrap().remove(name);
    } else {
        object[name] = value;
    }
}

/// `GET /a` with [`bound_token`] and a proof.
fn proven(proof: &str) -> Request {
    request("GET /a")
        .with("authorization", format!("DPoP {}", bound_token()))
        .with("dpop", proof)
}

fn verdict_of(proof: &str) -> String {
    World::new().verdict(&gateway_with(issuer(), &[]), &proven(proof))
}

fn issuer_bound(binding: Binding) -> Issuer {
    Issuer {
        possession: Possession {
            binding: Some(binding),
            nonce: None,
        },
        ..issuer()
    }
}

fn challenges(gateway: &Gateway, request: &Request) -> String {
    let reply = World::new().reply(gateway, request);
    field(&reply, "www-authenticate").unwrap_or_default()
}
