//! Tokens that were verified lately: looked up, and never trusted further than that.

use jwt_simple::prelude::*;
use proptest::prelude::*;
use serde_bytes::ByteBuf;
use serde_json::json;
use tidegate_shared::bundle::{Algorithm, KeyMaterial};

use super::*;

/// Two issuers with one key, a route for each, and one of the first that needs a scope.
fn gateway_for(audience: &str, pair: &Ed25519KeyPair) -> Gateway {
    let material = KeyMaterial::Ed25519(ByteBuf::from(pair.public_key().to_bytes()));
    let customers = Issuer {
        audiences: vec![audience.to_owned()],
        ..pinned(&[Algorithm::EdDSA], vec![public_key(None, material)])
    };
    let partners = Issuer {
        name: "partners".to_owned(),
        issuer: "https://partners.example".to_owned(),
        ..customers.clone()
    };
    let tables = Tables {
        issuers: vec![customers, partners],
        ..tables()
    };
    let by = |issuer, scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        Auth::Jwt(JwtAuth {
            issuers: vec![issuer],
            scopes,
        })
    };
    let guarded = |name, auth| Route {
        auth,
        ..route(name)
    };
    gateway(
        tables,
        vec![
            ("/a", guarded("a", by(0, &[]))),
            ("/admin", guarded("admin", by(0, &["admin"]))),
            ("/partners", guarded("partners", by(1, &[]))),
        ],
    )
}

fn token(pair: &Ed25519KeyPair, claims: &Value) -> String {
    let message = format!(
        "{}.{}",
        base64url(r#"{"alg":"EdDSA"}"#),
        base64url(claims.to_string())
    );
    let key = ed25519_compact::KeyPair::from_slice(&pair.to_bytes()).unwrap();
    format!(
        "{message}.{}",
        base64url(key.sk.sign(&message, None).as_ref())
    )
}

fn to(path: &'static str, token: &str) -> Request {
    request(path).with("authorization", format!("Bearer {token}"))
}

#[test]
fn a_token_is_verified_once_a_minute() {
    let pair = Ed25519KeyPair::generate();
    let (gateway, world) = (gateway_for("mobile", &pair), World::new());
    let token = token(&pair, &with("exp", json!(NOW.seconds() + 3_600)));
    for _ in 0..10 {
        assert_eq!(world.verdict(&gateway, &bearer(&token)), "forward");
    }
    assert_eq!(world.verifications.get(), 1);
    world.pass(Span(60_000));
    assert_eq!(world.verdict(&gateway, &bearer(&token)), "forward");
    assert_eq!(world.verifications.get(), 2);
}

#[test]
fn its_dates_count_each_time() {
    let pair = Ed25519KeyPair::generate();
    let (gateway, world) = (gateway_for("mobile", &pair), World::new());
    let expiring = token(&pair, &with("exp", json!(NOW.seconds() + 5)));
    assert_eq!(world.verdict(&gateway, &bearer(&expiring)), "forward");
    // Five seconds, and the leeway of thirty.
    world.pass(Span(34_999));
    assert_eq!(world.verdict(&gateway, &bearer(&expiring)), "forward");
    world.pass(Span(1));
    assert_eq!(
        world.verdict(&gateway, &bearer(&expiring)),
        "401 credential-expired"
    );

    let world = World::new();
    let beginning = token(&pair, &with("nbf", json!(NOW.seconds() + 30)));
    assert_eq!(world.verdict(&gateway, &bearer(&beginning)), "forward");
    world.now.set(UnixMillis(NOW.0 - 1_000));
    assert_eq!(
        world.verdict(&gateway, &bearer(&beginning)),
        "401 credential-invalid"
    );
}

#[test]
fn what_it_may_do_is_asked_each_time() {
    let pair = Ed25519KeyPair::generate();
    let (gateway, world) = (gateway_for("mobile", &pair), World::new());
    let token = token(&pair, &claims());
    assert_eq!(world.verdict(&gateway, &to("GET /a", &token)), "forward");
    assert_eq!(
        world.verdict(&gateway, &to("GET /admin", &token)),
        "403 scope-insufficient"
    );
    assert_eq!(world.verifications.get(), 1);
}

#[test]
fn it_counts_for_no_other_issuer_and_no_other_bundle() {
    let pair = Ed25519KeyPair::generate();
    let (gateway, world) = (gateway_for("mobile", &pair), World::new());
    let token = token(&pair, &claims());
    assert_eq!(world.verdict(&gateway, &to("GET /a", &token)), "forward");
    assert_eq!(
        world.verdict(&gateway, &to("GET /partners", &token)),
        "401 credential-invalid"
    );
    // Another bundle with the same issuer, on the same memory.
    let stricter = gateway_for("desk", &pair);
    assert_eq!(
        world.verdict(&stricter, &to("GET /a", &token)),
        "401 credential-invalid"
    );
    let rekeyed = gateway_for("mobile", &Ed25519KeyPair::generate());
    assert_eq!(
        world.verdict(&rekeyed, &to("GET /a", &token)),
        "401 credential-invalid"
    );
}

#[test]
fn a_refused_token_is_not_kept() {
    let pair = Ed25519KeyPair::generate();
    let (gateway, world) = (gateway_for("mobile", &pair), World::new());
    let foreign = token(&Ed25519KeyPair::generate(), &claims());
    for count in 1..4 {
        assert_eq!(
            world.verdict(&gateway, &bearer(&foreign)),
            "401 credential-invalid"
        );
        assert_eq!(world.verifications.get(), count);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A token next to a known one is as unknown as without it.
    #[test]
    fn no_change_of_a_known_token_is_accepted(place in any::<prop::sample::Index>(), octet in 0x21_u8..0x7f) {
        let pair = Ed25519KeyPair::generate();
        let (gateway, world) = (gateway_for("mobile", &pair), World::new());
        let good = token(&pair, &claims());
        prop_assert_eq!(world.verdict(&gateway, &bearer(&good)), "forward");
        let mut changed = good.clone().into_bytes();
        let place = place.index(changed.len());
        changed[place] = octet;
        let changed = String::from_utf8(changed).unwrap();
        prop_assume!(changed != good);
        let with = world.verdict(&gateway, &bearer(&changed));
        prop_assert_ne!(&with, "forward");
        prop_assert_eq!(with, verdict(&gateway, &changed));
    }
}
