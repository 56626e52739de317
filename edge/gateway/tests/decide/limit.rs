use tidegate_shared::bundle::{Auth, Cost, KeyPart, Limit, Route, Scope, Tables};
use tidegate_shared::condition::{Condition, Constant, Node, Parts, Unary};
use tidegate_shared::units::Rate;

use crate::kit::*;

fn limit(name: &str, count: u32, burst: u32, key: Vec<KeyPart>) -> Limit {
    let rate = Rate { count, period: 60 };
    Limit {
        key,
        ..Limit::bursting(name, rate, burst)
    }
}

/// A limit of one a minute for each caller.
pub(crate) fn each(burst: u32) -> Limit {
    limit("each", 1, burst, vec![KeyPart::Subject])
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

/// An expression over `x-tenant`.
fn expression(nodes: Vec<Node>) -> Condition {
    let parts = Parts {
        text: "expression".to_owned(),
        headers: vec!["x-tenant".to_owned()],
        automata: vec![],
        nodes,
    };
    parts.try_into().unwrap()
}

/// A gateway with one limit, of two a minute, whose key and cost are expressions.
fn computed(key: Vec<Node>, cost: Vec<Node>) -> tidegate_edge::Gateway {
    let tables = Tables {
        limits: vec![Limit {
            cost: Cost::Value(1),
            ..limit("l", 2, 2, vec![KeyPart::Value(0)])
        }],
        conditions: vec![expression(key), expression(cost)],
        ..tables()
    };
    let route = Route {
        limits: vec![0],
        ..route("limited")
    };
    gateway(tables, vec![("/a", route)])
}

fn integer(value: i64) -> Vec<Node> {
    vec![Node::Constant(Constant::Int(value))]
}

#[test]
fn a_key_is_the_value_of_an_expression() {
    let gateway = computed(vec![Node::Header(0)], integer(2));
    let world = World::new();
    let tenant =
        |tenant: &str| world.verdict(&gateway, &request("GET /a").with("x-tenant", tenant));
    assert_eq!(tenant("one"), "forward");
    assert_eq!(tenant("one"), "429 rate-limited");
    assert_eq!(tenant("two"), "forward");
}

#[test]
fn a_text_of_digits_is_another_key_than_the_number() {
    let number = vec![Node::Header(0), Node::Unary(Unary::Int, 0)];
    let both = |index| Limit {
        ..limit("l", 1, 1, vec![KeyPart::Value(index)])
    };
    let tables = Tables {
        limits: vec![both(0), both(1)],
        conditions: vec![expression(vec![Node::Header(0)]), expression(number)],
        ..tables()
    };
    let route = Route {
        limits: vec![0, 1],
        ..route("limited")
    };
    let gateway = gateway(tables, vec![("/a", route)]);
    let request = request("GET /a").with("x-tenant", "7");
    assert_eq!(World::new().verdict(&gateway, &request), "forward");
}

#[test]
fn what_cannot_be_told_is_refused() {
    let number = || vec![Node::Header(0), Node::Unary(Unary::Int, 0)];
    for (key, cost, tenant, expected) in [
        (vec![Node::Header(0)], number(), "1", "forward"),
        (vec![Node::Header(0)], number(), "0", "forward"),
        (
            vec![Node::Header(0)],
            number(),
            "-1",
            "400 limit-undetermined",
        ),
        (
            vec![Node::Header(0)],
            number(),
            "one",
            "400 limit-undetermined",
        ),
        (vec![Node::Header(0)], number(), "3", "429 rate-limited"),
        (
            vec![Node::Header(0)],
            number(),
            "9223372036854775807",
            "429 rate-limited",
        ),
        (
            vec![Node::Header(0)],
            vec![Node::Header(0)],
            "1",
            "400 limit-undetermined",
        ),
        (
            vec![Node::List(vec![])],
            integer(1),
            "1",
            "400 limit-undetermined",
        ),
    ] {
        let gateway = computed(key, cost);
        let request = request("GET /a").with("x-tenant", tenant);
        let verdict = World::new().verdict(&gateway, &request);
        assert_eq!(verdict, expected, "{tenant}");
    }
    let gateway = computed(vec![Node::Header(0)], integer(1));
    let verdict = World::new().verdict(&gateway, &request("GET /a"));
    assert_eq!(verdict, "400 limit-undetermined");
}

#[test]
fn who_takes_more_than_a_bucket_holds_is_not_told_to_wait() {
    let gateway = computed(vec![Node::Header(0)], integer(3));
    let request = request("GET /a").with("x-tenant", "one");
    let reply = World::new().reply(&gateway, &request);
    assert_eq!(problem(&reply).as_deref(), Some("rate-limited"));
    assert_eq!(field(&reply, "retry-after"), None);
    assert_eq!(field(&reply, "ratelimit").as_deref(), Some("\"l\";r=2"));
}

#[test]
fn a_scope_counts_by_itself() {
    let scoped = |scope| Limit {
        scope,
        ..limit("l", 1, 1, vec![])
    };
    let scopes = [
        Scope::Gateway,
        Scope::Api("a".to_owned()),
        Scope::Route("a".to_owned()),
        Scope::Route("b".to_owned()),
    ];
    let tables = Tables {
        limits: scopes.map(scoped).to_vec(),
        ..tables()
    };
    let paths = ["/0", "/1", "/2", "/3"];
    let routes = paths.into_iter().zip(0..).map(|(path, index)| {
        let route = Route {
            limits: vec![index],
            ..route(path)
        };
        (path, route)
    });
    let gateway = gateway(tables, routes.collect());
    let world = World::new();
    for path in paths {
        let request = request(&format!("GET {path}"));
        assert_eq!(world.verdict(&gateway, &request), "forward");
        assert_eq!(world.verdict(&gateway, &request), "429 rate-limited");
    }
}
