//! Tokens that are bound to a client certificate (RFC 8705 §3).

use serde_json::json;
use tidegate_shared::bundle::{Binding, Possession};
use tidegate_shared::digest::Digest;

use super::*;

const OWN: Digest = Digest([7; 32]);

fn bound_token() -> String {
    hs256(&with("cnf", json!({ "x5t#S256": base64url(OWN.0) })))
}

/// A request with a token, over a connection with a certificate.
fn over(certificate: Option<Digest>, token: &str) -> Request {
    Request {
        certificate,
        ..bearer(token)
    }
}

#[test]
fn a_bound_token_comes_over_its_certificates_connection() {
    let gateway = gateway_with(issuer(), &[]);
    let mut one_bit = OWN;
    one_bit.0[31] ^= 1;
    for (certificate, expected) in [
        (Some(OWN), "forward"),
        (Some(one_bit), "401 proof-invalid"),
        (Some(Digest::of(b"other")), "401 proof-invalid"),
        (None, "401 proof-invalid"),
    ] {
        let request = over(certificate, &bound_token());
        let world = World::new();
        assert_eq!(
            world.verdict(&gateway, &request),
            expected,
            "{certificate:?}"
        );
        // The token is known the second time, the connection is looked at anew.
        assert_eq!(
            world.verdict(&gateway, &request),
            expected,
            "{certificate:?}"
        );
    }
}

#[test]
fn a_header_is_no_certificate() {
    let gateway = gateway_with(issuer(), &[]);
    let mut request = over(None, &bound_token());
    for name in ["client-cert", "x-forwarded-client-cert", "x-client-cert"] {
        request = request.with(name, base64url(OWN.0));
    }
    assert_eq!(
        World::new().verdict(&gateway, &request),
        "401 proof-invalid"
    );
}

#[test]
fn the_refusal_is_one_of_the_token() {
    let gateway = gateway_with(issuer(), &[]);
    let reply = World::new().reply(&gateway, &over(None, &bound_token()));
    assert_eq!(
        field(&reply, "www-authenticate").as_deref(),
        Some("Bearer realm=\"bank\", error=\"invalid_token\"")
    );
}

#[test]
fn an_issuer_may_ask_that_its_tokens_are_bound_to_certificates() {
    for (binding, expected) in [
        (Binding::Certificate, "forward"),
        (Binding::Any, "forward"),
        (Binding::Dpop, "401 credential-invalid"),
    ] {
        let possession = Possession {
            binding: Some(binding),
            nonce: None,
        };
        let issuer = Issuer {
            possession,
            ..issuer()
        };
        let gateway = gateway_with(issuer, &[]);
        let bound = over(Some(OWN), &bound_token());
        assert_eq!(
            World::new().verdict(&gateway, &bound),
            expected,
            "{binding:?}"
        );
        let loose = over(Some(OWN), &hs256(&claims()));
        assert_eq!(
            World::new().verdict(&gateway, &loose),
            "401 credential-invalid"
        );
    }
}
