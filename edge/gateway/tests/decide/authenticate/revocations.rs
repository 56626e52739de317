//! Tokens, subjects and keys that were revoked before their time.

use ed25519_compact::Seed;
use serde_bytes::ByteBuf;
use tidegate_edge::{Decision, End, Outcome};
use tidegate_shared::api_key::{ApiKeyId, ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::bundle::{
    Bundle, FORMAT_VERSION, Header, ListLocation, RevocationRules, StoredKeys, WhenStale,
};
use tidegate_shared::envelope;
use tidegate_shared::revocation::{PLACE, Revocation, Revocations, Revoked};
use tidegate_shared::trust::SigningKey;

use super::*;

const REFRESH: Span = Span(30_000);
const KEEP: Span = Span(300_000);
const URL: &str = "https://lists.bank.example/revocations";

type Kind = fn(String, String) -> Revoked;

fn signer() -> SigningKey {
    SigningKey::from_seed([5; 32])
}

fn rules(when_stale: WhenStale) -> RevocationRules {
    RevocationRules {
        location: ListLocation::Store("kv".to_owned()),
        trust: signer().trust_key().to_string(),
        refresh: REFRESH,
        keep: KEEP,
        when_stale,
    }
}

fn gateway_by(rules: RevocationRules) -> Gateway {
    let stored = ApiKeyRing {
        prefix: Some(ApiKeyPrefix::default()),
        keys: RingKeys::Stored(StoredKeys {
            store: "kv".to_owned(),
            refresh: Span(3_600_000),
            keep: Span(3_600_000),
        }),
        ..partners()
    };
    let tables = Tables {
        issuers: vec![issuer()],
        api_keys: vec![stored],
        revocations: Some(rules),
        ..tables()
    };
    let with = |auth| Route { auth, ..route("a") };
    gateway(
        tables,
        vec![
            ("/token", with(Auth::jwt(0))),
            ("/key", with(Auth::api_key(0))),
            ("/open", with(Auth::Public)),
        ],
    )
}

fn gateway_when(when_stale: WhenStale) -> Gateway {
    gateway_by(rules(when_stale))
}

/// A list of a day with one record, or none.
fn list(sequence: u64, what: Option<Revoked>) -> Revocations {
    list_for(Span(86_400_000), sequence, what)
}

fn list_for(validity: Span, sequence: u64, what: Option<Revoked>) -> Revocations {
    let records = what.map(|revoked| Revocation {
        revoked,
        until: None,
    });
    let records = records.into_iter().collect();
    let mut list = Revocations::default().next(records, NOW, validity);
    list.sequence = sequence;
    list
}

fn put(world: &World, octets: Vec<u8>) {
    let mut store = world.store.borrow_mut();
    store.as_mut().unwrap().insert(PLACE.to_owned(), octets);
}

fn publish(world: &World, list: &Revocations) {
    put(world, list.sign(&signer()).unwrap());
}

fn request_with_token() -> Request {
    let mut claims = claims();
    claims["jti"] = "t1".into();
    claims["exp"] = (NOW.seconds() + 86_400).into();
    let token = sign_raw(r#"{"alg":"HS256","kid":"k1"}"#, &claims.to_string());
    request("GET /token").with("authorization", format!("Bearer {token}"))
}

fn call(world: &World, gateway: &Gateway) -> String {
    world.verdict(gateway, &request_with_token())
}

fn own(kind: Kind, value: &str) -> Option<Revoked> {
    Some(kind("customers".to_owned(), value.to_owned()))
}

#[test]
fn a_revocation_is_in_force_within_the_refresh_time_also_for_a_cached_token() {
    for (kind, value, reason) in [
        (Revoked::Token as Kind, "t1", "the token is revoked"),
        (Revoked::Subject, "alice", "the subject is revoked"),
        (Revoked::Key, "k1", "the key is revoked"),
    ] {
        let (world, gateway) = (World::new(), gateway_when(WhenStale::Refuse));
        publish(&world, &list(1, own(kind, "another")));
        assert_eq!(call(&world, &gateway), "forward");
        publish(&world, &list(2, own(kind, value)));
        world.pass(Span(REFRESH.0 - 1));
        assert_eq!(call(&world, &gateway), "forward");
        assert_eq!(world.lookups.get(), 1);
        world.pass(Span(1));
        let Decision::Respond(reply, exchange) = world.decide(&gateway, &request_with_token())
        else {
            panic!("{value} is let in");
        };
        assert_eq!(problem(&reply).as_deref(), Some("credential-revoked"));
        assert_eq!(
            field(&reply, "www-authenticate").as_deref(),
            Some("Bearer realm=\"bank\", error=\"invalid_token\"")
        );
        let outcome = Outcome {
            status: reply.status,
            plan: None,
            end: End::Complete,
            now: NOW,
        };
        let record = gateway.finish(exchange, &outcome);
        assert_eq!(record.reason.as_deref(), Some(reason));
        assert_eq!(world.lookups.get(), 2);
    }
}

#[test]
fn the_list_is_asked_for_anew_behind_the_requests() {
    let (world, gateway) = (World::new(), gateway_when(WhenStale::Refuse));
    // One that nobody needs yet is not.
    assert!(!gateway.refresh_due(&world.state, world.now.get()));
    publish(&world, &list(1, None));
    assert_eq!(call(&world, &gateway), "forward");
    assert!(!gateway.refresh_due(&world.state, world.now.get()));
    publish(&world, &list(2, own(Revoked::Token, "t1")));
    world.pass(Span(REFRESH.0 / 2));
    assert!(gateway.refresh_due(&world.state, world.now.get()));
    let refreshed = world.refresh(&gateway);
    assert_eq!(refreshed[0].what, "the list of revocations");
    assert_eq!(refreshed[0].entries, Ok(1));
    assert_eq!(call(&world, &gateway), "401 credential-revoked");
    assert_eq!(world.lookups.get(), 2);
}

#[test]
fn the_key_that_verified_a_token_is_known_also_where_the_token_names_none() {
    let pair = ed25519_compact::KeyPair::from_seed(Seed::new([4; 32]));
    let material = KeyMaterial::Ed25519(ByteBuf::from(pair.pk.to_vec()));
    let keys = vec![public_key(Some("k1"), material)];
    let issuer = pinned(&[Algorithm::EdDSA], keys);
    let tables = Tables {
        issuers: vec![issuer],
        revocations: Some(rules(WhenStale::Refuse)),
        ..tables()
    };
    let auth = Auth::jwt(0);
    let gateway = gateway(tables, vec![("/a", Route { auth, ..route("a") })]);
    let message = format!(
        "{}.{}",
        base64url(r#"{"alg":"EdDSA"}"#),
        base64url(claims().to_string())
    );
    let signature = pair.sk.sign(&message, None);
    let token = format!("{message}.{}", base64url(signature.as_ref()));
    let world = World::new();
    publish(&world, &list(1, own(Revoked::Key, "k2")));
    assert_eq!(world.verdict(&gateway, &bearer(&token)), "forward");
    publish(&world, &list(2, own(Revoked::Key, "k1")));
    world.pass(REFRESH);
    assert_eq!(
        world.verdict(&gateway, &bearer(&token)),
        "401 credential-revoked"
    );
}

#[test]
fn an_api_key_and_a_consumer_can_be_revoked_by_the_list() {
    let key = ApiKeyPrefix::default().mint([1; 32]);
    let digest = Digest::of(key.as_bytes());
    let record = ApiKeyRecord::new("partners", ApiKeyPrefix::default(), "acme", 0);
    for (kind, value) in [
        (Revoked::Key as Kind, ApiKeyId::from(digest).to_string()),
        (Revoked::Subject, "acme".to_owned()),
    ] {
        let (world, gateway) = (World::new(), gateway_when(WhenStale::Refuse));
        let place = ApiKeyRecord::stored_at(&digest);
        let octets = record.encode().unwrap();
        world
            .store
            .borrow_mut()
            .as_mut()
            .unwrap()
            .insert(place, octets);
        publish(&world, &list(1, None));
        let request = request("GET /key").with("x-api-key", key.as_str());
        assert_eq!(world.verdict(&gateway, &request), "forward");
        publish(&world, &list(2, Some(kind("partners".to_owned(), value))));
        world.pass(REFRESH);
        let reply = world.reply(&gateway, &request);
        assert_eq!(problem(&reply).as_deref(), Some("credential-revoked"));
        let challenge = field(&reply, "www-authenticate").unwrap();
        assert_eq!(challenge, "ApiKey realm=\"bank\", header=\"x-api-key\"");
    }
}

#[test]
fn a_list_that_is_no_good_leaves_the_last_good_one_in_force() {
    let bundle = Bundle {
        header: Header {
            format: FORMAT_VERSION,
            name: "bank".to_owned(),
            sequence: 9,
            source: Digest::of(b""),
        },
        tables: Tables::default(),
        hosts: vec![],
    };
    let signed = |list: Revocations| list.sign(&signer()).unwrap();
    let good = signed(list(4, None));
    for (attack, octets) in [
        ("rollback", signed(list(2, None))),
        ("equivocation", signed(list(3, None))),
        (
            "wrong key",
            list(4, None).sign(&SigningKey::from_seed([6; 32])).unwrap(),
        ),
        (
            "bundle",
            envelope::sign::<Bundle>(bundle.encode().unwrap(), &signer()),
        ),
        ("truncated", good[..good.len() - 1].to_vec()),
        ("garbage", b"garbage".to_vec()),
        ("expired", signed(list_for(Span(1), 4, None))),
        (
            "too large",
            vec![0; tidegate_shared::revocation::MAX_LIST + 1],
        ),
    ] {
        let (world, gateway) = (World::new(), gateway_when(WhenStale::Refuse));
        publish(&world, &list(3, own(Revoked::Token, "t1")));
        assert_eq!(call(&world, &gateway), "401 credential-revoked");
        put(&world, octets);
        world.pass(REFRESH);
        assert_eq!(call(&world, &gateway), "401 credential-revoked", "{attack}");
        assert_eq!(world.lookups.get(), 2);
        put(&world, good.clone());
        // A bad one is not asked for by each request.
        world.pass(Span(4_999));
        assert_eq!(call(&world, &gateway), "401 credential-revoked", "{attack}");
        assert_eq!(world.lookups.get(), 2);
        world.pass(Span(1));
        assert_eq!(call(&world, &gateway), "forward", "{attack}");
    }
}

#[test]
fn a_list_can_lie_at_an_address() {
    let world = World::new();
    let at_url = RevocationRules {
        location: ListLocation::Url(URL.to_owned()),
        ..rules(WhenStale::Refuse)
    };
    let gateway = gateway_by(at_url.clone());
    let octets = list(1, own(Revoked::Token, "t1")).sign(&signer()).unwrap();
    world.files.borrow_mut().insert(URL.to_owned(), octets);
    assert_eq!(call(&world, &gateway), "401 credential-revoked");
    assert_eq!(world.fetches.get(), 1);

    let world = World::new();
    world
        .documents
        .borrow_mut()
        .insert(URL.to_owned(), "404".to_owned());
    let gateway = gateway_by(at_url);
    assert_eq!(call(&world, &gateway), "503 credentials-unavailable");
    // Nor is what is not there.
    assert_eq!(call(&world, &gateway), "503 credentials-unavailable");
    assert_eq!(world.fetches.get(), 1);
}

#[test]
fn without_a_list_callers_are_refused_or_let_in_as_the_policy_says() {
    for (when_stale, expected) in [
        (WhenStale::Refuse, "503 credentials-unavailable"),
        (WhenStale::Allow, "forward"),
    ] {
        let (world, gateway) = (World::new(), gateway_when(when_stale));
        assert_eq!(call(&world, &gateway), expected);
        assert_eq!(world.verdict(&gateway, &request("GET /open")), "forward");
        assert_eq!(
            world.verdict(&gateway, &request("GET /token")),
            "401 credential-missing"
        );
    }
}

#[test]
fn a_list_that_cannot_be_had_anew_goes_stale_after_a_stated_time_or_at_its_end() {
    const REVOKED: &str = "401 credential-revoked";
    const UNAVAILABLE: &str = "503 credentials-unavailable";
    for (when_stale, what, young, stale) in [
        (WhenStale::Refuse, "t2", "forward", UNAVAILABLE),
        (WhenStale::Refuse, "t1", REVOKED, UNAVAILABLE),
        (WhenStale::Allow, "t2", "forward", "forward"),
        // What is known to be revoked stays so.
        (WhenStale::Allow, "t1", REVOKED, REVOKED),
    ] {
        let end = Span(KEEP.0 / 2);
        for (lasts, good) in [(Span(86_400_000), KEEP), (end, end)] {
            let (world, gateway) = (World::new(), gateway_when(when_stale));
            let list = list_for(lasts, 1, own(Revoked::Token, what));
            publish(&world, &list);
            assert_eq!(call(&world, &gateway), young);
            world.store.take();
            world.pass(Span(good.0 - 1));
            assert_eq!(call(&world, &gateway), young);
            world.pass(Span(1));
            assert_eq!(call(&world, &gateway), stale, "{when_stale:?}");
        }
    }
}

#[test]
fn with_another_key_or_place_sequences_begin_anew() {
    let world = World::new();
    publish(&world, &list(7, own(Revoked::Token, "t1")));
    assert_eq!(
        call(&world, &gateway_when(WhenStale::Refuse)),
        "401 credential-revoked"
    );
    let other = SigningKey::from_seed([6; 32]);
    put(&world, list(1, None).sign(&other).unwrap());
    let gateway = gateway_by(RevocationRules {
        trust: other.trust_key().to_string(),
        ..rules(WhenStale::Refuse)
    });
    assert_eq!(call(&world, &gateway), "forward");
}
