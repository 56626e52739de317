//! A bundle in shadow: it is asked about each request, asks nobody itself, and leaves a note where
//! it would have done something else.

use std::cell::RefCell;
use std::rc::Rc;

use serde_json::{Value, json};
use tidegate_edge::{
    AccessRecord, Decision, End, Gateway, LateRecord, Outcome, ShadowBundle, Would,
};
use tidegate_limits::Unreachable;
use tidegate_shared::api_key::{ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::bundle::{
    Accuracy, ApiKeyAuth, ApiKeyRing, ApiKeySource, Auth, IssuerKeys, JwtAuth, KeyLocation,
    KeyPart, Limit, RemoteKeys, RingKeys, Route, StoredKeys, Tables, Target,
};
use tidegate_shared::digest::Digest;
use tidegate_shared::units::{Percent, Rate, Span};

use crate::authenticate::{hs256, issuer, with};
use crate::kit::*;

const ONE: &str = "https://id.bank.example/one";
/// Of which the bundle has no keys to begin with.
const TWO: &str = "https://id.bank.example/two";

fn shadow(gateway: Gateway) -> ShadowBundle {
    ShadowBundle::new(gateway, [7; 16], Percent(100))
}

/// What the record says of the shadow; null where nothing.
fn noted(world: &World, gateway: &Gateway, shadow: &ShadowBundle, request: &Request) -> Value {
    let mut decision = world.decide(gateway, request);
    ready(shadow.watch(&mut decision, &world.state, world, request));
    let record = serde_json::to_value(finished(gateway, decision)).unwrap();
    let mut noted = record["shadow_bundle"].clone();
    if let Some(members) = noted.as_object_mut() {
        let bundle = members.remove("bundle");
        assert_eq!(bundle, Some(shadow.digest().to_string().into()));
        members.remove("reason");
    }
    noted
}

fn finished(gateway: &Gateway, decision: Decision) -> AccessRecord {
    let (exchange, status) = match decision {
        Decision::Respond(reply, exchange) => (exchange, reply.status),
        Decision::Forward(forward) => (forward.exchange, 200),
    };
    let outcome = Outcome {
        status,
        plan: None,
        end: End::Complete,
        now: NOW,
    };
    gateway.finish(exchange, &outcome)
}

fn of(routes: Vec<(&str, Route)>) -> Gateway {
    gateway(tables(), routes)
}

#[test]
fn only_what_differs_is_noted() {
    let world = World::new();
    let answer = |status| Route {
        target: reply(status, "well"),
        ..route("answer")
    };
    let old = of(vec![
        ("/same", route("same")),
        ("/renamed", route("before")),
        ("/gone", route("gone")),
        ("/answer", answer(200)),
        ("/taken", route("taken")),
    ]);
    let other = Route::new("taken", Auth::Public, Target::Upstream(1));
    let mut more = tables();
    let mut second = upstream();
    second.name = "trading".to_owned();
    more.upstreams.push(second);
    let new = shadow(gateway(
        more,
        vec![
            ("/same", route("same")),
            ("/renamed", route("after")),
            ("/answer", answer(204)),
            ("/taken", other),
            ("/new", route("new")),
        ],
    ));
    let noted = |line: &str| noted(&world, &old, &new, &request(line));
    assert_eq!(noted("GET /same?a=b"), Value::Null);
    assert_eq!(noted("GET /renamed"), Value::Null);
    assert_eq!(noted("GET /neither"), Value::Null);
    assert_eq!(
        noted("GET /gone"),
        json!({ "decision": "refuse", "status": 404, "problem": "route-not-found" })
    );
    assert_eq!(
        noted("GET /answer"),
        json!({ "decision": "reply", "status": 204, "route": "answer" })
    );
    assert_eq!(
        noted("GET /taken?a=b"),
        json!({ "decision": "forward", "upstream": "trading", "path": "/taken", "route": "taken" })
    );
    assert_eq!(noted("GET /new")["decision"], "forward");
}

#[test]
fn a_share_of_none_is_nothing() {
    let (old, new) = (of(vec![("/a", route("a"))]), of(vec![]));
    let none = ShadowBundle::new(new, [7; 16], Percent(0));
    assert_eq!(
        noted(&World::new(), &old, &none, &request("GET /a")),
        Value::Null
    );
}

fn limited(accuracy: Accuracy) -> Gateway {
    let rate = Rate {
        count: 1,
        period: 60,
    };
    let limit = Limit {
        accuracy,
        key: vec![KeyPart::Address],
        ..Limit::bursting("limit", rate, 2)
    };
    let route = Route {
        limits: vec![0],
        ..route("a")
    };
    let tables = Tables {
        limits: vec![limit],
        ..tables()
    };
    gateway(tables, vec![("/a", route)])
}

#[test]
fn its_limits_count_beside_the_others_and_ask_no_authority() {
    for accuracy in [
        Accuracy::Local,
        Accuracy::Leased(Unreachable::Refuse),
        Accuracy::Strict(Unreachable::Refuse),
    ] {
        let world = World::new();
        let old = of(vec![("/a", route("a"))]);
        let new = shadow(limited(accuracy));
        let noted = || noted(&world, &old, &new, &request("GET /a"))["problem"].clone();
        assert_eq!([noted(), noted()], [Value::Null, Value::Null]);
        assert_eq!(noted(), "rate-limited", "{accuracy:?}");
        assert_eq!(world.asked.get(), 0);
        // Whoever is under the same limit in force has all of it.
        let own = limited(accuracy);
        assert_eq!(world.verdict(&own, &request("GET /a")), "forward");
    }
}

#[test]
fn it_asks_no_issuer_and_uses_what_is_known() {
    let remote = |location: &str| {
        let mut issuer = issuer();
        if location == TWO {
            issuer.keys = IssuerKeys::Pinned(vec![]);
        }
        issuer.remote = Some(RemoteKeys {
            location: KeyLocation::Set(location.to_owned()),
            refresh: Span(600_000),
            keep: Span(3_600_000),
        });
        issuer
    };
    let asking = |location: &str, scopes: &[&str]| {
        let auth = JwtAuth {
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            issuers: vec![0],
        };
        let tables = Tables {
            issuers: vec![remote(location)],
            ..tables()
        };
        let auth = Auth::Jwt(auth);
        gateway(tables, vec![("/a", Route { auth, ..route("a") })])
    };
    let world = World::new();
    let bearer = request("GET /a").with(
        "authorization",
        format!("Bearer {}", hs256(&with("sub", "alice".into()))),
    );
    let old = asking(ONE, &[]);
    let same = shadow(asking(ONE, &["admin"]));
    let fetches = || world.fetches.get();
    let before = {
        world.decide(&old, &bearer);
        fetches()
    };
    assert_eq!(
        noted(&world, &old, &same, &bearer)["problem"],
        "scope-insufficient"
    );
    let elsewhere = shadow(asking(TWO, &["admin"]));
    for _ in 0..2 {
        assert_eq!(noted(&world, &old, &elsewhere, &bearer), Value::Null);
    }
    assert_eq!(fetches(), before);
}

#[test]
fn it_asks_no_store_and_compares_nothing_that_it_cannot_know() {
    let stored = |scopes: &[&str]| {
        let ring = ApiKeyRing {
            name: "partners".to_owned(),
            source: ApiKeySource::Header("x-api-key".to_owned()),
            prefix: Some(ApiKeyPrefix::default()),
            keys: RingKeys::Stored(StoredKeys {
                store: "kv".to_owned(),
                refresh: Span(60_000),
                keep: Span(600_000),
            }),
        };
        let tables = Tables {
            api_keys: vec![ring],
            ..tables()
        };
        let auth = Auth::ApiKey(ApiKeyAuth {
            ring: 0,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
        });
        gateway(tables, vec![("/a", Route { auth, ..route("a") })])
    };
    let world = World::new();
    let key = ApiKeyPrefix::default().mint([1; 32]);
    let record = ApiKeyRecord::new("partners", ApiKeyPrefix::default(), "acme", 0);
    world.store.borrow_mut().as_mut().unwrap().insert(
        ApiKeyRecord::stored_at(&Digest::of(key.as_bytes())),
        record.encode().unwrap(),
    );
    let request = request("GET /a").with("x-api-key", key);
    let new = shadow(stored(&["read"]));
    assert_eq!(
        noted(&world, &stored(&[]), &new, &request)["problem"],
        "scope-insufficient"
    );
    assert_eq!(world.lookups.get(), 1);
    // Where the one in force never asked, nobody knows.
    let world = World::new();
    let public = of(vec![("/a", route("a"))]);
    for scopes in [&[][..], &["read"]] {
        let fresh = shadow(stored(scopes));
        assert_eq!(noted(&world, &public, &fresh, &request), Value::Null);
    }
    assert_eq!(world.lookups.get(), 0);
}

thread_local! {
    static DELIVERED: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

/// Whichever comes last, the end of the request or what the shadow says, the record has both, and
/// once.
#[test]
fn a_record_waits_for_what_is_said_behind_the_answer() {
    let world = World::new();
    let (old, new) = (of(vec![("/a", route("a"))]), shadow(of(vec![])));
    let request = request("GET /a");
    let deliver = |record: &AccessRecord| {
        let record = serde_json::to_value(record).unwrap();
        DELIVERED.with_borrow_mut(|delivered| delivered.push(record));
    };
    let watch = |decided: &Would, late: Rc<LateRecord>| {
        late.watched(ready(new.compare(decided, &world.state, &world, &request)));
    };
    for watched in [Some(true), Some(false), None] {
        let decision = world.decide(&old, &request);
        let decided = Would::drawn(&decision, Percent(100), &world).unwrap();
        let late = Rc::new(LateRecord::new(deliver));
        let mut ends: Vec<Box<dyn FnOnce(Rc<LateRecord>) + '_>> =
            vec![Box::new(|late| late.finished(finished(&old, decision)))];
        match watched {
            Some(true) => ends.insert(0, Box::new(|late| watch(&decided, late))),
            Some(false) => ends.push(Box::new(|late| watch(&decided, late))),
            None => {}
        }
        for end in ends {
            assert!(DELIVERED.take().is_empty());
            end(Rc::clone(&late));
        }
        drop(late);
        let delivered = DELIVERED.take();
        let noted: Vec<_> = delivered
            .iter()
            .map(|record| &record["shadow_bundle"]["problem"])
            .collect();
        let expected = watched.map_or(Value::Null, |_| "route-not-found".into());
        assert_eq!(noted, [&expected], "{watched:?}");
    }
}

/// A limit on requests at once counts a request until its end.
#[test]
fn what_a_shadow_holds_of_limits_ends_with_the_request() {
    let world = World::new();
    let old = of(vec![("/a", route("a"))]);
    let new = shadow(crate::concurrency::one_at_once());
    let request = request("GET /a").with("x-tenant", "one");
    let under_way = || {
        let decision = world.decide(&old, &request);
        let decided = Would::drawn(&decision, Percent(100), &world).unwrap();
        let late = LateRecord::new(|record| {
            let noted = record.shadow_bundle.is_some();
            DELIVERED.with_borrow_mut(|delivered| delivered.push(noted.into()));
        });
        late.watched(ready(new.compare(&decided, &world.state, &world, &request)));
        (late, finished(&old, decision))
    };
    let (first, record) = under_way();
    first.finished(record);
    let [(second, _record), (third, last)] = [under_way(), under_way()];
    drop((first, second));
    third.finished(last);
    drop(third);
    assert_eq!(DELIVERED.take(), [false, true]);
}
