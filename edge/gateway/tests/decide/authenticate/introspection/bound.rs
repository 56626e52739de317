//! Tokens of which the server says that they are bound (RFC 8705 §3.2, RFC 9449 §6.2).

use ed25519_compact::{KeyPair, Seed};
use tidegate_shared::bundle::Binding;

use super::*;

const OWN: Digest = Digest([7; 32]);

fn keys() -> KeyPair {
    KeyPair::from_seed(Seed::new([1; 32]))
}

fn jwk() -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": base64url(*keys().pk) })
}

fn bound_to_key() -> Value {
    let x = base64url(*keys().pk);
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    json!({ "jkt": base64url(Digest::of(members.as_bytes()).0) })
}

fn bound_to_certificate() -> Value {
    json!({ "x5t#S256": base64url(OWN.0) })
}

/// A request with the token and a proof for `method`.
fn proving(method: &str, id: &str) -> Request {
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk() });
    let claims = json!({
        "jti": id, "htm": method, "htu": format!("https://{HOST}/a"), "iat": NOW.seconds(),
        "ath": base64url(Digest::of(TOKEN.as_bytes()).0),
    });
    let message = format!(
        "{}.{}",
        base64url(header.to_string()),
        base64url(claims.to_string())
    );
    let signature = base64url(keys().sk.sign(&message, None).as_ref());
    request("GET /a")
        .with("authorization", format!("DPoP {TOKEN}"))
        .with("dpop", format!("{message}.{signature}"))
}

fn over(certificate: Digest) -> Request {
    Request {
        certificate: Some(certificate),
        ..bearer(TOKEN)
    }
}

#[test]
fn a_token_is_held_to_what_its_server_says() {
    let gateway = gateway_asking(sessions(), &[]);
    for (cnf, request, expected) in [
        (bound_to_certificate(), over(OWN), "forward"),
        (
            bound_to_certificate(),
            over(Digest([8; 32])),
            "401 proof-invalid",
        ),
        (bound_to_certificate(), bearer(TOKEN), "401 proof-invalid"),
        (bound_to_key(), proving("GET", "a"), "forward"),
        (bound_to_key(), proving("POST", "a"), "401 proof-invalid"),
        (bound_to_key(), bearer(TOKEN), "401 credential-invalid"),
        (json!({ "kid": "a" }), over(OWN), "401 credential-invalid"),
    ] {
        let world = world_saying(&answer_with("cnf", cnf.clone()).to_string());
        assert_eq!(world.verdict(&gateway, &request), expected, "{cnf}");
    }
    // A token that is bound to nothing needs no proof, and none makes it better.
    let world = world_saying(&answer().to_string());
    let verdict = world.verdict(&gateway, &proving("GET", "a"));
    assert_eq!(verdict, "401 credential-invalid");
}

/// What is remembered is the answer, never the proof.
#[test]
fn a_proof_is_good_once_though_the_answer_is_remembered() {
    let gateway = gateway_asking(sessions(), &[]);
    let world = world_saying(&answer_with("cnf", bound_to_key()).to_string());
    for (id, expected) in [
        ("a", "forward"),
        ("a", "401 proof-invalid"),
        ("b", "forward"),
    ] {
        let verdict = world.verdict(&gateway, &proving("GET", id));
        assert_eq!(verdict, expected, "{id}");
    }
    assert_eq!(world.fetches.get(), 1);
}

#[test]
fn a_policy_may_ask_that_all_are_bound() {
    for (binding, cnf, request, expected) in [
        (
            Binding::Certificate,
            bound_to_certificate(),
            over(OWN),
            "forward",
        ),
        (Binding::Any, bound_to_certificate(), over(OWN), "forward"),
        (
            Binding::Dpop,
            bound_to_certificate(),
            over(OWN),
            "401 credential-invalid",
        ),
        (
            Binding::Dpop,
            bound_to_key(),
            proving("GET", "a"),
            "forward",
        ),
    ] {
        let possession = Possession {
            binding: Some(binding),
            nonce: None,
        };
        let by = Introspection {
            possession,
            ..sessions()
        };
        let gateway = gateway_asking(by, &[]);
        let world = world_saying(&answer_with("cnf", cnf).to_string());
        assert_eq!(world.verdict(&gateway, &request), expected, "{binding:?}");
        let loose = world_saying(&answer().to_string());
        let verdict = loose.verdict(&gateway, &over(OWN));
        assert_eq!(verdict, "401 credential-invalid", "{binding:?}");
        let reply = World::new().reply(&gateway, &crate::kit::request("GET /a"));
        let challenge = field(&reply, "www-authenticate").unwrap();
        assert_eq!(challenge.contains("DPoP"), binding != Binding::Certificate);
        assert_eq!(challenge.contains("Bearer"), binding != Binding::Dpop);
    }
}
