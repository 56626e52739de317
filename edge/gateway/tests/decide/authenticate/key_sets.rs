//! Key sets that issuers change.

use jwt_simple::prelude::*;
use serde_bytes::ByteBuf;
use serde_json::json;
use tidegate_shared::bundle::{Algorithm, KeyLocation, KeyMaterial, RemoteKeys};

use super::*;

const SET: &str = "https://id.bank.example/jwks";
const CONFIGURATION: &str = "https://id.bank.example/.well-known/openid-configuration";
const MINUTE: Span = Span(60_000);
const HOUR: Span = Span(3_600_000);
/// Longer than an issuer is spared after it was asked.
const A_WHILE: Span = Span(15_000);

/// A key with its id.
struct Key(&'static str, Ed25519KeyPair);

impl Key {
    fn new(id: &'static str) -> Self {
        Self(id, Ed25519KeyPair::generate())
    }

    fn public(&self) -> PublicKey {
        let octets = self.1.public_key().to_bytes();
        public_key(Some(self.0), KeyMaterial::Ed25519(ByteBuf::from(octets)))
    }

    fn jwk(&self) -> Value {
        let x = base64url(self.1.public_key().to_bytes());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.0, "x": x })
    }

    /// A request whose token is good for all of these tests.
    fn request(&self) -> Request {
        let header = json!({ "alg": "EdDSA", "kid": self.0 }).to_string();
        let payload = with("exp", json!(NOW.seconds() + 1_000_000)).to_string();
        let message = format!("{}.{}", base64url(header), base64url(payload));
        let key = ed25519_compact::KeyPair::from_slice(&self.1.to_bytes()).unwrap();
        let signature = base64url(key.sk.sign(&message, None).as_ref());
        bearer(&format!("{message}.{signature}"))
    }
}

fn set(keys: &[&Key]) -> String {
    let keys: Vec<_> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

fn gateway_at(location: KeyLocation, start: &[&Key]) -> Gateway {
    let start = start.iter().map(|key| key.public()).collect();
    let issuer = Issuer {
        remote: Some(RemoteKeys {
            location,
            refresh: Span(10 * MINUTE.0),
            keep: HOUR,
        }),
        ..pinned(&[Algorithm::EdDSA], start)
    };
    gateway_with(issuer, &[])
}

fn world_with(documents: &[(&str, String)]) -> World {
    let world = World::new();
    for (url, document) in documents {
        world.put(url, document.clone());
    }
    world
}

impl World {
    fn put(&self, url: &str, document: String) {
        self.documents.borrow_mut().insert(url.to_owned(), document);
    }
}

#[test]
fn a_new_key_works_at_once_and_a_withdrawn_one_ends_with_the_next_set() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let gateway = gateway_at(KeyLocation::Set(SET.to_owned()), &[&old]);
    let world = world_with(&[(SET, set(&[&old]))]);

    // The keys of the bundle are there before anything is fetched.
    assert_eq!(world.verdict(&gateway, &old.request()), "forward");
    assert_eq!(world.fetches.get(), 0);
    assert_eq!(world.refresh(&gateway).len(), 1);
    assert!(world.refresh(&gateway).is_empty());

    world.put(SET, set(&[&new]));
    world.pass(A_WHILE);
    assert_eq!(world.verdict(&gateway, &new.request()), "forward");
    assert_eq!(
        world.verdict(&gateway, &old.request()),
        "401 credential-invalid"
    );
    assert_eq!(world.fetches.get(), 2);
}

#[test]
fn a_withdrawn_key_is_good_for_no_longer_than_a_set_may_be_old() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let gateway = gateway_at(KeyLocation::Set(SET.to_owned()), &[]);
    let world = world_with(&[(SET, set(&[&old, &new]))]);
    assert_eq!(world.verdict(&gateway, &old.request()), "forward");

    world.put(SET, set(&[&new]));
    world.pass(Span(10 * MINUTE.0 - 1));
    assert_eq!(world.verdict(&gateway, &old.request()), "forward");
    world.pass(Span(1));
    assert_eq!(
        world.verdict(&gateway, &old.request()),
        "401 credential-invalid"
    );
    assert_eq!(world.verdict(&gateway, &new.request()), "forward");
}

#[test]
fn a_flood_of_unknown_keys_asks_the_issuer_once() {
    let (known, unknown) = (Key::new("known"), Key::new("unknown"));
    let gateway = gateway_at(KeyLocation::Set(SET.to_owned()), &[]);
    let world = world_with(&[(SET, set(&[&known]))]);
    assert_eq!(world.verdict(&gateway, &known.request()), "forward");
    world.pass(A_WHILE);
    for _ in 0..1_000 {
        let verdict = world.verdict(&gateway, &unknown.request());
        assert_eq!(verdict, "401 credential-invalid");
        world.pass(Span(10));
    }
    assert_eq!(world.fetches.get(), 2);
    // What is no token, or not of the issuer's algorithms, asks for nothing at all.
    world.pass(A_WHILE);
    for token in ["x", "a.b.c", hs256(&claims()).as_str()] {
        assert_eq!(
            world.verdict(&gateway, &bearer(token)),
            "401 credential-invalid"
        );
    }
    assert_eq!(world.fetches.get(), 2);
}

#[test]
fn the_last_good_keys_stay_while_the_issuer_fails() {
    let key = Key::new("a");
    let gateway = gateway_at(KeyLocation::Set(SET.to_owned()), &[]);
    let many: Vec<_> = (0..65).map(|_| key.jwk()).collect();
    let bad = [
        "500".to_owned(),
        "302".to_owned(),
        "<html>".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        json!({ "keys": [] }).to_string(),
        json!({ "keys": [{ "kty": "oct", "k": "c2VjcmV0" }, { "kty": "RSA", "n": "AQ" }] })
            .to_string(),
        json!({ "keys": many }).to_string(),
        format!(r#"{{"keys":{},"keys":[]}}"#, json!([key.jwk()])),
        " ".repeat(1024 * 1024),
    ];
    for bad in bad {
        let world = world_with(&[(SET, set(&[&key]))]);
        assert_eq!(world.verdict(&gateway, &key.request()), "forward");
        world.put(SET, bad.clone());
        world.pass(Span(11 * MINUTE.0));
        assert_eq!(
            world.verdict(&gateway, &key.request()),
            "forward",
            "{bad:.40}"
        );
        world.pass(A_WHILE);
        let refreshed = world.refresh(&gateway);
        assert!(refreshed[0].entries.is_err(), "{bad:.40}");
        world.pass(HOUR);
        let verdict = world.verdict(&gateway, &key.request());
        assert_eq!(verdict, "503 issuer-unavailable", "{bad:.40}");
        // It comes back, and with it the keys.
        world.put(SET, set(&[&key]));
        world.pass(A_WHILE);
        assert_eq!(world.verdict(&gateway, &key.request()), "forward");
    }
}

#[test]
fn an_issuer_that_was_never_reached_is_asked_now_and_then() {
    let key = Key::new("a");
    let gateway = gateway_at(KeyLocation::Set(SET.to_owned()), &[]);
    let world = World::new();
    for _ in 0..100 {
        let reply = world.reply(&gateway, &key.request());
        assert_eq!(problem(&reply).as_deref(), Some("issuer-unavailable"));
        assert!(reply.headers.iter().any(|(name, _)| name == "retry-after"));
        world.pass(Span(100));
    }
    assert_eq!(world.fetches.get(), 1);
}

#[test]
fn the_configuration_must_be_the_issuers_own() {
    let key = Key::new("a");
    let gateway = gateway_at(KeyLocation::Configuration(CONFIGURATION.to_owned()), &[]);
    let configuration = |issuer: &str, set: &str| json!({ "issuer": issuer, "jwks_uri": set });
    for (document, expected) in [
        (configuration("https://id.bank.example", SET), "forward"),
        (
            configuration("https://evil.example", SET),
            "503 issuer-unavailable",
        ),
        (
            configuration("https://id.bank.example", "http://id.bank.example/jwks"),
            "503 issuer-unavailable",
        ),
        (
            json!({ "issuer": "https://id.bank.example" }),
            "503 issuer-unavailable",
        ),
    ] {
        let world = world_with(&[(CONFIGURATION, document.to_string()), (SET, set(&[&key]))]);
        assert_eq!(
            world.verdict(&gateway, &key.request()),
            expected,
            "{document}"
        );
    }
}

#[test]
fn a_clock_that_jumps_back_makes_keys_old_not_young() {
    let (old, new) = (Key::new("old"), Key::new("new"));
    let gateway = gateway_at(KeyLocation::Set(SET.to_owned()), &[]);
    let world = world_with(&[(SET, set(&[&old, &new]))]);
    assert_eq!(world.verdict(&gateway, &old.request()), "forward");
    world.put(SET, set(&[&new]));
    world.now.set(UnixMillis(NOW.0 - 20_000));
    assert_eq!(
        world.verdict(&gateway, &old.request()),
        "401 credential-invalid"
    );
    assert_eq!(world.verdict(&gateway, &new.request()), "forward");
}
