//! Keys that an attacker makes up, and keys that are overlong.

use tidegate_edge::Gateway;
use tidegate_shared::bundle::{Accuracy, KeyPart, Limit, Route, Tables, Unreachable};
use tidegate_shared::units::Rate;

use crate::kit::*;

/// More than any table holds.
const MADE_UP: usize = 40_000;

fn gateway_with(accuracy: Accuracy) -> Gateway {
    let rate = Rate {
        count: 1,
        period: 60,
    };
    let limit = Limit {
        key: vec![KeyPart::Header("x-tenant".to_owned())],
        accuracy,
        ..Limit::bursting("by-tenant", rate, 9)
    };
    let route = Route {
        limits: vec![0],
        ..route("limited")
    };
    let tables = Tables {
        limits: vec![limit],
        ..tables()
    };
    gateway(tables, vec![("/a", route)])
}

fn tenant(world: &World, gateway: &Gateway, name: impl Into<String>) -> String {
    let verdict = world.verdict(gateway, &request("GET /a").with("x-tenant", name));
    world.carry();
    verdict
}

fn flood(world: &World, gateway: &Gateway) {
    for number in 0..MADE_UP {
        tenant(world, gateway, format!("made up {number}"));
    }
}

#[test]
fn who_has_used_up_a_limit_stays_refused() {
    let gateway = gateway_with(Accuracy::Local);
    let world = World::new();
    for _ in 0..9 {
        assert_eq!(tenant(&world, &gateway, "honest"), "forward");
    }
    flood(&world, &gateway);
    assert_eq!(tenant(&world, &gateway, "honest"), "429 rate-limited");
}

#[test]
fn who_has_a_lease_keeps_it_and_asks_nobody() {
    let gateway = gateway_with(Accuracy::Leased(Unreachable::Refuse));
    let world = World::new();
    for _ in 0..2 {
        assert_eq!(tenant(&world, &gateway, "honest"), "forward");
    }
    flood(&world, &gateway);
    // The authority has no room for more keys, and forgets none that it has.
    assert_eq!(tenant(&world, &gateway, "new"), "503 limit-unavailable");
    let asked = world.asked.get();
    world.fault.set(Some(Fault::Away));
    assert_eq!(tenant(&world, &gateway, "honest"), "forward");
    assert_eq!(world.asked.get(), asked);
}

#[test]
fn an_overlong_key_is_a_key_like_any_other() {
    for accuracy in [
        Accuracy::Local,
        Accuracy::Leased(Unreachable::Refuse),
        Accuracy::Strict(Unreachable::Refuse),
    ] {
        let (world, gateway) = (World::new(), gateway_with(accuracy));
        let long = |last: char| format!("{}{last}", "x".repeat(12_000));
        for _ in 0..9 {
            assert_eq!(tenant(&world, &gateway, long('a')), "forward");
        }
        assert_eq!(tenant(&world, &gateway, long('a')), "429 rate-limited");
        assert_eq!(tenant(&world, &gateway, long('b')), "forward");
    }
}
