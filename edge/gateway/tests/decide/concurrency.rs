//! Limits on how many requests may be under way at once.

use tidegate_edge::{Decision, End, Exchange, Gateway, Outcome};
use tidegate_shared::bundle::{Allowance, Cost, KeyPart, Limit, Route, Tables};
use tidegate_shared::units::Rate;

use crate::kit::*;
use crate::limit::each;

fn at_once(name: &str, units: u32) -> Limit {
    let rate = Rate {
        count: 1,
        period: 1,
    };
    Limit {
        allows: Allowance::AtOnce(units),
        key: vec![KeyPart::Header("x-tenant".to_owned())],
        ..Limit::new(name, rate)
    }
}

fn gateway_with(limits: Vec<Limit>) -> Gateway {
    let route = Route {
        limits: (0..).take(limits.len()).collect(),
        ..route("limited")
    };
    let tables = Tables { limits, ..tables() };
    gateway(tables, vec![("/a", route)])
}

/// One that lets a tenant have one request under way.
pub(crate) fn one_at_once() -> Gateway {
    gateway_with(vec![at_once("reports", 1)])
}

/// The exchange of a request that goes on; what refuses another.
fn begin(world: &World, gateway: &Gateway, tenant: &str) -> Result<Exchange, String> {
    let request = request("GET /a").with("x-tenant", tenant);
    match world.decide(gateway, &request) {
        Decision::Forward(forward) => Ok(forward.exchange),
        Decision::Respond(reply, exchange) => {
            finish(gateway, exchange);
            Err(problem(&reply).unwrap())
        }
    }
}

fn finish(gateway: &Gateway, exchange: Exchange) {
    let outcome = Outcome {
        status: 200,
        plan: None,
        end: End::Complete,
        now: NOW,
    };
    gateway.finish(exchange, &outcome);
}

#[test]
fn a_request_holds_its_place_until_it_is_over() {
    let gateway = gateway_with(vec![at_once("reports", 2)]);
    let world = World::new();
    let [first, second] = [(); 2].map(|()| begin(&world, &gateway, "one").unwrap());
    let refused = begin(&world, &gateway, "one").unwrap_err();
    assert_eq!(refused, "concurrency-limited");
    // Of another tenant others are under way.
    let other = begin(&world, &gateway, "two").unwrap();
    finish(&gateway, first);
    let third = begin(&world, &gateway, "one").unwrap();
    assert!(begin(&world, &gateway, "one").is_err());
    // A client that leaves is no longer there, whatever the adapter did.
    drop(second);
    let fourth = begin(&world, &gateway, "one").unwrap();
    for exchange in [other, third, fourth] {
        finish(&gateway, exchange);
    }
}

#[test]
fn the_answer_says_how_many_may_be_under_way() {
    let gateway = gateway_with(vec![at_once("reports", 1)]);
    let world = World::new();
    let held = begin(&world, &gateway, "one").unwrap();
    let reply = world.reply(&gateway, &request("GET /a").with("x-tenant", "one"));
    assert_eq!(reply.status, 429);
    assert_eq!(
        field(&reply, "ratelimit-policy").as_deref(),
        Some("\"reports\";q=1;qu=\"concurrent-requests\"")
    );
    assert_eq!(
        field(&reply, "ratelimit").as_deref(),
        Some("\"reports\";r=0")
    );
    assert_eq!(field(&reply, "retry-after").as_deref(), Some("1"));
    drop(held);
}

#[test]
fn what_another_limit_refuses_holds_no_place_and_the_reverse() {
    let everyone = Limit {
        key: vec![],
        ..each(2)
    };
    let gateway = gateway_with(vec![at_once("reports", 1), everyone]);
    let world = World::new();
    let held = begin(&world, &gateway, "one").unwrap();
    // Refused by the places, so that nothing is taken of the rate.
    for _ in 0..3 {
        let refused = begin(&world, &gateway, "one").unwrap_err();
        assert_eq!(refused, "concurrency-limited");
    }
    drop(held);
    drop(begin(&world, &gateway, "one").unwrap());
    // Refused by the rate, so that no place is held.
    for _ in 0..3 {
        assert_eq!(begin(&world, &gateway, "one").unwrap_err(), "rate-limited");
    }
    world.pass(tidegate_shared::units::Span(60_000));
    assert!(begin(&world, &gateway, "one").is_ok());
}

#[test]
fn a_request_may_count_for_several_or_for_more_than_there_are() {
    let heavy = |units, cost| Limit {
        cost: Cost::Fixed(cost),
        ..at_once("heavy", units)
    };
    let world = World::new();
    let gateway = gateway_with(vec![heavy(5, 2)]);
    let held = [(); 2].map(|()| begin(&world, &gateway, "one").unwrap());
    assert!(begin(&world, &gateway, "one").is_err());
    drop(held);
    let gateway = gateway_with(vec![heavy(5, 6)]);
    let reply = world.reply(&gateway, &request("GET /a").with("x-tenant", "one"));
    assert_eq!(problem(&reply).as_deref(), Some("concurrency-limited"));
    assert_eq!(field(&reply, "retry-after"), None);
}

#[test]
fn in_shadow_it_is_counted_and_refuses_nobody() {
    let watched = Limit {
        shadow: true,
        ..at_once("watched", 1)
    };
    let gateway = gateway_with(vec![watched]);
    let world = World::new();
    let shadowed = |exchange| {
        let outcome = Outcome {
            status: 200,
            plan: None,
            end: End::Complete,
            now: NOW,
        };
        gateway.finish(exchange, &outcome).shadow.len()
    };
    let [first, second] = [(); 2].map(|()| begin(&world, &gateway, "one").unwrap());
    assert_eq!([first, second].map(shadowed), [0, 1]);
    let third = begin(&world, &gateway, "one").unwrap();
    assert_eq!(shadowed(third), 0);
}
