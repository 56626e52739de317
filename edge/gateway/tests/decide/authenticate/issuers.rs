//! Several issuers on one route.

use jwt_simple::algorithms::Ed25519KeyPair;
use serde_bytes::ByteBuf;
use serde_json::json;
use tidegate_shared::bundle::{Algorithm, KeyMaterial, TokenSource};
use tidegate_shared::time::UnixMillis;

use super::*;

const INVALID: &str = "401 credential-invalid";

struct Partner {
    pair: Ed25519KeyPair,
    issuer: Issuer,
}

fn partner() -> Partner {
    let pair = Ed25519KeyPair::generate();
    let point = pair.public_key().to_bytes();
    let key = public_key(None, KeyMaterial::Ed25519(ByteBuf::from(point)));
    let issuer = Issuer {
        name: "partners".to_owned(),
        issuer: "https://id.partner.example".to_owned(),
        audiences: vec!["partners".to_owned()],
        ..pinned(&[Algorithm::EdDSA], vec![key])
    };
    Partner { pair, issuer }
}

impl Partner {
    fn sign(&self, claims: &Value) -> String {
        let header = base64url(r#"{"alg":"EdDSA"}"#);
        let message = format!("{header}.{}", base64url(claims.to_string()));
        let key = ed25519_compact::KeyPair::from_slice(&self.pair.to_bytes()).unwrap();
        let signature = key.sk.sign(&message, None);
        format!("{message}.{}", base64url(signature.as_ref()))
    }
}

fn partner_claims() -> Value {
    let mut claims = with("iss", json!("https://id.partner.example"));
    claims["aud"] = json!("partners");
    claims
}

#[test]
fn each_issuer_is_held_to_its_own_rules() {
    let partner = partner();
    let gateway = gateway_of_issuers(vec![issuer(), partner.issuer.clone()], &["accounts:read"]);
    let mut other = partner_claims();
    other["aud"] = json!("mobile");
    let mut lacking = partner_claims();
    lacking["scope"] = json!("other");
    for (token, expected) in [
        (hs256(&claims()), "forward"),
        (partner.sign(&partner_claims()), "forward"),
        // The audience, the key and the algorithm of one issuer are not the other's.
        (partner.sign(&other), INVALID),
        (partner.sign(&claims()), INVALID),
        (hs256(&partner_claims()), INVALID),
        // The scopes are the route's.
        (partner.sign(&lacking), "403 scope-insufficient"),
        (hs256(&with("iss", json!("https://evil.example"))), INVALID),
        (hs256(&without("iss")), INVALID),
        (
            hs256(&with("iss", json!(["https://id.bank.example"]))),
            INVALID,
        ),
        (sign_raw(r#"{"alg":"HS256"}"#, "no JSON"), INVALID),
    ] {
        assert_eq!(verdict(&gateway, &token), expected, "{token}");
    }
}

/// An issuer that the policy has, but not this route, is nobody here.
#[test]
fn only_the_listed_issuers_count() {
    let partner = partner();
    let tables = Tables {
        issuers: vec![issuer(), partner.issuer.clone()],
        ..tables()
    };
    let auth = Auth::jwt(0);
    let gateway = gateway(tables, vec![("/a", Route { auth, ..route("a") })]);
    assert_eq!(verdict(&gateway, &hs256(&claims())), "forward");
    assert_eq!(verdict(&gateway, &partner.sign(&partner_claims())), INVALID);
}

/// Where they are in different places, the place chooses first.
#[test]
fn each_issuer_has_its_own_place() {
    let partner = partner();
    let from_query = Issuer {
        source: TokenSource::Query("token".to_owned()),
        ..partner.issuer.clone()
    };
    let gateway = gateway_of_issuers(vec![issuer(), from_query], &[]);
    let (own, other) = (hs256(&claims()), partner.sign(&partner_claims()));
    let world = World::new();
    let by_query = request(&format!("GET /a?x=1&token={other}"));
    assert_eq!(world.forward(&gateway, &by_query).path_and_query, "/a?x=1");
    assert_eq!(world.verdict(&gateway, &bearer(&own)), "forward");
    assert_eq!(world.verdict(&gateway, &bearer(&other)), INVALID);
    let both =
        request(&format!("GET /a?token={other}")).with("authorization", format!("Bearer {own}"));
    assert_eq!(world.verdict(&gateway, &both), "400 credential-ambiguous");
    let swapped = request(&format!("GET /a?token={own}"));
    assert_eq!(world.verdict(&gateway, &swapped), INVALID);
}

/// A token that was verified lately is still of its own issuer, and asks for its own dates.
#[test]
fn each_issuer_is_remembered_apart() {
    let partner = partner();
    let gateway = gateway_of_issuers(vec![issuer(), partner.issuer.clone()], &[]);
    let world = World::new();
    let tokens = [hs256(&claims()), partner.sign(&partner_claims())];
    for token in tokens.iter().chain(&tokens) {
        assert_eq!(world.verdict(&gateway, &bearer(token)), "forward");
    }
    world.now.set(UnixMillis(NOW.0 + 600_000));
    for token in &tokens {
        let found = world.verdict(&gateway, &bearer(token));
        assert_eq!(found, "401 credential-expired");
    }
}
