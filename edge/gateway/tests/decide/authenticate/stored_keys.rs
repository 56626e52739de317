//! API keys of the platform's key-value store.

use tidegate_shared::api_key::{ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::bundle::{ApiKeyAuth, ApiKeyRing, ApiKeySource, RingKeys, StoredKeys};
use tidegate_shared::digest::Digest;

use super::*;

const REFRESH: Span = Span(60_000);
const KEEP: Span = Span(600_000);
/// What a made-up key is remembered for.
const UNKNOWN: Span = Span(10_000);

fn gateway_with_store() -> Gateway {
    let ring = |name: &str| ApiKeyRing {
        name: name.to_owned(),
        source: ApiKeySource::Header("x-api-key".to_owned()),
        prefix: Some(ApiKeyPrefix::default()),
        keys: RingKeys::Stored(StoredKeys {
            store: "kv".to_owned(),
            refresh: REFRESH,
            keep: KEEP,
        }),
    };
    let tables = Tables {
        api_keys: vec![ring("partners"), ring("others")],
        ..tables()
    };
    let path = |ring| Route {
        auth: Auth::api_key(ring),
        ..route("a")
    };
    let scoped = Route {
        auth: Auth::ApiKey(ApiKeyAuth {
            ring: 0,
            scopes: vec!["read".to_owned()],
        }),
        ..route("a")
    };
    let routes = vec![("/a", path(0)), ("/others", path(1)), ("/scoped", scoped)];
    gateway(tables, routes)
}

fn key(number: u8) -> String {
    ApiKeyPrefix::default().mint([number; 32])
}

fn record() -> ApiKeyRecord {
    ApiKeyRecord::new("partners", ApiKeyPrefix::default(), "acme", 0)
}

fn put(world: &World, key: &str, record: &ApiKeyRecord) {
    let place = ApiKeyRecord::stored_at(&Digest::of(key.as_bytes()));
    let mut store = world.store.borrow_mut();
    store
        .as_mut()
        .unwrap()
        .insert(place, record.encode().unwrap());
}

fn call(world: &World, gateway: &Gateway, key: &str) -> String {
    world.verdict(gateway, &request("GET /a").with("x-api-key", key))
}

#[test]
fn a_key_of_the_store_is_looked_up_once_in_its_refresh_time() {
    let (world, gateway) = (World::new(), gateway_with_store());
    put(&world, &key(1), &record());
    for _ in 0..3 {
        assert_eq!(call(&world, &gateway, &key(1)), "forward");
        world.pass(Span(REFRESH.0 / 3));
    }
    assert_eq!(world.lookups.get(), 1);
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    assert_eq!(world.lookups.get(), 2);
}

#[test]
fn what_cannot_be_a_key_is_not_looked_up() {
    let (world, gateway) = (World::new(), gateway_with_store());
    for key in ["", "guess", "tdg_000000000000000000000000000000000000"] {
        assert_eq!(call(&world, &gateway, key), "401 credential-invalid");
    }
    assert_eq!(world.lookups.get(), 0);
}

#[test]
fn a_key_is_good_in_its_ring_and_in_its_time() {
    let (world, gateway) = (World::new(), gateway_with_store());
    let now = NOW.0 / 1000;
    for (number, record, expected) in [
        (1, record(), "forward"),
        (
            2,
            ApiKeyRecord {
                not_before: now + 1,
                ..record()
            },
            "401 credential-invalid",
        ),
        (
            3,
            ApiKeyRecord {
                expires: Some(now),
                ..record()
            },
            "401 credential-expired",
        ),
        (
            4,
            ApiKeyRecord {
                revoked: Some(now),
                ..record()
            },
            "401 credential-revoked",
        ),
        (
            5,
            ApiKeyRecord {
                ring: "others".to_owned(),
                ..record()
            },
            "401 credential-invalid",
        ),
    ] {
        put(&world, &key(number), &record);
        assert_eq!(call(&world, &gateway, &key(number)), expected, "{number}");
    }
    let elsewhere = request("GET /others").with("x-api-key", key(5));
    assert_eq!(world.verdict(&gateway, &elsewhere), "forward");
}

#[test]
fn a_cached_key_ends_in_its_very_second() {
    let (world, gateway) = (World::new(), gateway_with_store());
    let expires = Some(NOW.0 / 1000 + 10);
    put(
        &world,
        &key(1),
        &ApiKeyRecord {
            expires,
            ..record()
        },
    );
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    world.pass(Span(9_999));
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    world.pass(Span(1));
    assert_eq!(call(&world, &gateway, &key(1)), "401 credential-expired");
    assert_eq!(world.lookups.get(), 1);
}

#[test]
fn two_keys_are_good_while_one_takes_the_place_of_the_other() {
    let (world, gateway) = (World::new(), gateway_with_store());
    let overlap = Some(NOW.0 / 1000 + 3600);
    let old = ApiKeyRecord {
        expires: overlap,
        ..record()
    };
    put(&world, &key(1), &old);
    put(&world, &key(2), &record());
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    assert_eq!(call(&world, &gateway, &key(2)), "forward");
    world.pass(Span(3_600_000));
    assert_eq!(call(&world, &gateway, &key(1)), "401 credential-expired");
    assert_eq!(call(&world, &gateway, &key(2)), "forward");
}

#[test]
fn a_revocation_is_in_force_within_the_refresh_time() {
    let (world, gateway) = (World::new(), gateway_with_store());
    put(&world, &key(1), &record());
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    let revoked = Some(NOW.0 / 1000);
    put(
        &world,
        &key(1),
        &ApiKeyRecord {
            revoked,
            ..record()
        },
    );
    world.pass(Span(REFRESH.0 - 1));
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    world.pass(Span(1));
    assert_eq!(call(&world, &gateway, &key(1)), "401 credential-revoked");
}

#[test]
fn a_key_that_was_tried_before_it_was_made_is_good_soon_after() {
    let (world, gateway) = (World::new(), gateway_with_store());
    assert_eq!(call(&world, &gateway, &key(1)), "401 credential-invalid");
    put(&world, &key(1), &record());
    world.pass(Span(UNKNOWN.0 - 1));
    assert_eq!(call(&world, &gateway, &key(1)), "401 credential-invalid");
    assert_eq!(world.lookups.get(), 1);
    world.pass(Span(1));
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
}

#[test]
fn while_the_store_is_away_what_is_known_counts_for_a_stated_time() {
    let (world, gateway) = (World::new(), gateway_with_store());
    put(&world, &key(1), &record());
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    let records = world.store.take();
    world.pass(REFRESH);
    // The store is asked again once in a while, and not by each request.
    for _ in 0..10 {
        assert_eq!(call(&world, &gateway, &key(1)), "forward");
    }
    assert_eq!(world.lookups.get(), 2);
    let reply = world.reply(&gateway, &request("GET /a").with("x-api-key", key(2)));
    assert_eq!(problem(&reply).unwrap(), "credentials-unavailable");
    assert_eq!(
        (reply.status, field(&reply, "retry-after").as_deref()),
        (503, Some("5"))
    );
    assert_eq!(field(&reply, "www-authenticate"), None);

    world.pass(Span(KEEP.0 - REFRESH.0 - 1));
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    world.pass(Span(1));
    assert_eq!(
        call(&world, &gateway, &key(1)),
        "503 credentials-unavailable"
    );
    world.store.replace(records);
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
}

#[test]
fn a_record_that_cannot_be_read_is_no_answer() {
    let (world, gateway) = (World::new(), gateway_with_store());
    put(&world, &key(1), &record());
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    for octets in world.store.borrow_mut().as_mut().unwrap().values_mut() {
        octets.push(0);
    }
    world.pass(REFRESH);
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    world.pass(KEEP);
    assert_eq!(
        call(&world, &gateway, &key(1)),
        "503 credentials-unavailable"
    );
}

#[test]
fn a_key_that_is_gone_from_the_store_is_no_longer_good() {
    let (world, gateway) = (World::new(), gateway_with_store());
    put(&world, &key(1), &record());
    assert_eq!(call(&world, &gateway, &key(1)), "forward");
    world.store.borrow_mut().as_mut().unwrap().clear();
    world.pass(REFRESH);
    assert_eq!(call(&world, &gateway, &key(1)), "401 credential-invalid");
}

#[test]
fn the_record_says_which_scopes_a_key_has() {
    let (world, gateway) = (World::new(), gateway_with_store());
    let scoped = |scopes: &[&str]| ApiKeyRecord {
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        ..record()
    };
    put(&world, &key(1), &scoped(&["read", "write"]));
    put(&world, &key(2), &scoped(&["readers"]));
    for (number, expected) in [(1, "forward"), (2, "403 scope-insufficient")] {
        let request = request("GET /scoped").with("x-api-key", key(number));
        assert_eq!(world.verdict(&gateway, &request), expected, "{number}");
    }
}
