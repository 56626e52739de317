use tidegate_shared::bundle::{Auth, KeyPart, Limit, Route, Tables};
use tidegate_shared::units::Rate;

use crate::kit::*;

fn limit(name: &str, count: u32, burst: u32, key: Vec<KeyPart>) -> Limit {
    let rate = Rate { count, period: 60 };
    Limit {
        burst,
        key,
        ..Limit::new(name, rate)
    }
}

fn gateway_with(limits: Vec<Limit>, path: &str) -> tidegate_edge::Gateway {
    let indexes = (0..).take(limits.len()).collect();
    let tables = Tables {
        limits,
        issuers: vec![crate::authenticate::issuer()],
        ..tables()
    };
    gateway(
        tables,
        vec![(
            path,
            Route {
                limits: indexes,
                ..route("limited")
            },
        )],
    )
}

#[test]
fn the_burst_then_a_refusal_that_says_when() {
    let gateway = gateway_with(
        vec![limit("per-address", 60, 2, vec![KeyPart::Address])],
        "/a",
    );
    let world = World::new();
    assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
    assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
    let reply = world.reply(&gateway, &request("GET /a"));
    assert_eq!(problem(&reply).as_deref(), Some("rate-limited"));
    assert_eq!(field(&reply, "retry-after").as_deref(), Some("1"));
    assert_eq!(
        field(&reply, "ratelimit-policy").as_deref(),
        Some("\"per-address\";q=60;w=60")
    );
    assert_eq!(
        field(&reply, "ratelimit").as_deref(),
        Some("\"per-address\";r=0;t=1")
    );
    world.now.set(NOW.plus(1_000));
    assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
    assert_eq!(
        world.verdict(&gateway, &request("GET /a")),
        "429 rate-limited"
    );
}

#[test]
fn each_key_has_a_bucket_of_its_own() {
    let key = vec![
        KeyPart::Address,
        KeyPart::Header("x-tenant".to_owned()),
        KeyPart::PathParameter("id".to_owned()),
    ];
    let gateway = gateway_with(vec![limit("l", 1, 1, key)], "/a/{id}");
    let world = World::new();
    let tenant = |tenant: &str, path: &str| request(path).with("x-tenant", tenant);
    assert_eq!(
        world.verdict(&gateway, &tenant("one", "GET /a/1")),
        "forward"
    );
    assert_eq!(
        world.verdict(&gateway, &tenant("one", "GET /a/1")),
        "429 rate-limited"
    );
    assert_eq!(
        world.verdict(&gateway, &tenant("two", "GET /a/1")),
        "forward"
    );
    assert_eq!(
        world.verdict(&gateway, &tenant("one", "GET /a/2")),
        "forward"
    );
    let mut elsewhere = tenant("one", "GET /a/1");
    elsewhere.peer.address = Some([192, 0, 2, 8].into());
    assert_eq!(world.verdict(&gateway, &elsewhere), "forward");
    elsewhere.peer.address = None;
    assert_eq!(world.verdict(&gateway, &elsewhere), "500 internal");
}

#[test]
fn one_refusing_limit_costs_the_others_nothing() {
    let limits = vec![
        limit("wide", 60, 10, vec![]),
        limit("narrow", 60, 1, vec![KeyPart::Address]),
    ];
    let gateway = gateway_with(limits, "/a");
    let world = World::new();
    assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
    for _ in 0..5 {
        let reply = world.reply(&gateway, &request("GET /a"));
        assert_eq!(
            field(&reply, "ratelimit").as_deref(),
            Some("\"wide\";r=8;t=2, \"narrow\";r=0;t=1")
        );
    }
    let mut other = request("GET /a");
    other.peer.address = Some([192, 0, 2, 9].into());
    assert_eq!(world.verdict(&gateway, &other), "forward");
}

#[test]
fn a_refused_credential_uses_nothing_up() {
    let limits = vec![limit("l", 1, 1, vec![KeyPart::Address])];
    let tables = Tables {
        limits,
        issuers: vec![crate::authenticate::issuer()],
        ..tables()
    };
    let auth = Auth::jwt(0);
    let routes = vec![
        (
            "/closed",
            Route {
                limits: vec![0],
                auth,
                ..route("closed")
            },
        ),
        (
            "/open",
            Route {
                limits: vec![0],
                ..route("open")
            },
        ),
    ];
    let gateway = gateway(tables, routes);
    let world = World::new();
    assert_eq!(
        world.verdict(&gateway, &request("GET /closed")),
        "401 credential-missing"
    );
    assert_eq!(world.verdict(&gateway, &request("GET /open")), "forward");
}
