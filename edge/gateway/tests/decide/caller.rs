//! What the origin is told of the caller.

use serde_json::Value;
use tidegate_shared::bundle::{Auth, CallerFact, CallerFacts, CallerToken, Route, Upstream};
use tidegate_shared::units::Span;

use crate::authenticate::partners;
use crate::kit::*;
use crate::shape::{shaped, text};

fn told(secret: &str) -> Upstream {
    let field = |name: &str, fact| (name.to_owned(), fact);
    Upstream {
        caller: CallerFacts {
            headers: vec![
                field("x-caller", CallerFact::Subject),
                field("x-issuer", CallerFact::Issuer),
                field("x-scopes", CallerFact::Scopes),
            ],
            token: Some(CallerToken {
                header: "x-token".to_owned(),
                secret: secret.to_owned(),
                audience: "mesh".to_owned(),
                lifetime: Span(60_000),
            }),
            remove_credential: true,
        },
        ..upstream()
    }
}

fn gateway_to(upstream: Upstream) -> tidegate_edge::Gateway {
    let mut tables = tables();
    tables.upstreams = vec![upstream];
    tables.api_keys = vec![partners()];
    let auth = Auth::api_key(0);
    gateway(
        tables,
        vec![
            ("/a", Route { auth, ..route("a") }),
            ("/open", route("open")),
        ],
    )
}

fn call(path: &str) -> Request {
    request(path)
        .with("x-api-key", "key")
        .with("x-caller", "mallory")
        .with("x-token", "forged")
}

#[test]
fn the_origin_is_told_who_calls_in_fields_and_in_a_token() {
    let (gateway, world) = (gateway_to(told("legacy")), World::new());
    let request = call("GET /a");
    let seen = shaped(&request, world.forward(&gateway, &request));
    assert_eq!(text(&seen, "x-caller"), Some("acme"));
    assert_eq!(text(&seen, "x-issuer"), Some("partners"));
    assert_eq!(text(&seen, "x-scopes"), Some(""));
    assert_eq!(text(&seen, "x-api-key"), None);

    let token = text(&seen, "x-token").unwrap();
    let (message, tag) = token.rsplit_once('.').unwrap();
    let decode = |part: &str| crate::authenticate::decode(part);
    let expected = hmac_sha256::HMAC::mac(message, SECRET);
    assert_eq!(decode(tag), expected);
    let (header, payload) = message.split_once('.').unwrap();
    assert_eq!(decode(header), br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims: Value = serde_json::from_slice(&decode(payload)).unwrap();
    let now = NOW.seconds();
    let expected = serde_json::json!({
        "iss": "urn:tidegate:bank", "aud": "mesh", "sub": "acme", "idp": "partners", "scope": "",
        "iat": now, "exp": now + 60, "jti": text(&seen, "x-request-id").unwrap(),
    });
    assert_eq!(claims, expected);
}

#[test]
fn a_client_cannot_speak_for_the_gateway() {
    let (gateway, world) = (gateway_to(told("legacy")), World::new());
    let request = call("GET /open");
    let seen = shaped(&request, world.forward(&gateway, &request));
    for name in ["x-caller", "x-issuer", "x-scopes", "x-token"] {
        assert_eq!(text(&seen, name), None, "{name}");
    }
    // There it is no credential, but a field like any other.
    assert_eq!(text(&seen, "x-api-key"), Some("key"));
}

#[test]
fn without_a_good_secret_there_is_no_token_and_no_request() {
    for secret in ["missing", "weak"] {
        let verdict = World::new().verdict(&gateway_to(told(secret)), &call("GET /a"));
        assert_eq!(verdict, "500 internal", "{secret}");
    }
}
