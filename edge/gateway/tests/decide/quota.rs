//! Quotas of the calendar.

use tidegate_edge::Gateway;
use tidegate_shared::bundle::{
    Accuracy, Allowance, Auth, Calendar, Cost, KeyPart, Limit, Period, Route, Tables, Target,
    Unreachable,
};
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Rate;

use crate::kit::*;

const EXCEEDED: &str = "429 quota-exceeded";
/// When the first of the calendar's days begins.
const FIRST: u64 = 1_750_000_000;
const HOUR: u64 = 3_600_000;

/// Days of 24, 23 and again 24 hours.
fn days() -> Calendar {
    Calendar {
        zone: "Europe/Zurich".to_owned(),
        period: Period::Day,
        first: FIRST,
        runs: vec![(86_400, 1), (82_800, 1), (86_400, 100)],
    }
}

fn quota(units: u32, accuracy: Accuracy) -> Limit {
    let rate = Rate {
        count: 1,
        period: 1,
    };
    Limit {
        allows: Allowance::Quota { units, calendar: 0 },
        key: vec![KeyPart::Address],
        accuracy,
        ..Limit::new("daily", rate)
    }
}

fn gateway_with(limit: Limit) -> Gateway {
    gateway_to(limit, Target::Upstream(0))
}

fn gateway_to(limit: Limit, target: Target) -> Gateway {
    let route = Route {
        limits: vec![0],
        ..Route::new("limited", Auth::Public, target)
    };
    let tables = Tables {
        limits: vec![limit],
        calendars: vec![days()],
        ..tables()
    };
    gateway(tables, vec![("/a", route)])
}

/// What of so many requests is admitted, at a time after the first day's beginning.
fn admitted(world: &World, gateway: &Gateway, requests: usize, millis: u64) -> usize {
    world.now.set(UnixMillis(FIRST * 1_000 + millis));
    let requests = (0..requests).filter(|_| {
        let verdict = world.verdict(gateway, &request("GET /a"));
        world.carry();
        assert!(verdict == "forward" || verdict == EXCEEDED, "{verdict}");
        verdict == "forward"
    });
    requests.count()
}

#[test]
fn each_day_has_its_own_also_where_clocks_change() {
    let gateway = gateway_with(quota(40, Accuracy::Strict(Unreachable::Refuse)));
    let world = World::new();
    // Nothing comes back as the day goes on.
    assert_eq!(admitted(&world, &gateway, 50, 0), 40);
    assert_eq!(admitted(&world, &gateway, 5, 12 * HOUR), 0);
    assert_eq!(admitted(&world, &gateway, 5, 24 * HOUR - 1), 0);
    // A day of 23 hours.
    assert_eq!(admitted(&world, &gateway, 30, 24 * HOUR), 30);
    assert_eq!(
        admitted(&world, &gateway, 30, (24 + 23) * HOUR - 30_000),
        10
    );
    assert_eq!(admitted(&world, &gateway, 50, (24 + 23) * HOUR), 40);
    assert_eq!(admitted(&world, &gateway, 5, (24 + 23 + 24) * HOUR - 1), 0);
}

#[test]
fn a_leased_quota_is_used_up_and_no_more() {
    let gateway = gateway_with(quota(40, Accuracy::Leased(Unreachable::Refuse)));
    let world = World::new();
    for day in [0, 24 * HOUR, (24 + 23) * HOUR] {
        // Where tokens are scarce, a holder gets some and comes again.
        let used = (0..60).map(|turn| admitted(&world, &gateway, 50, day + turn * 5_000));
        assert_eq!(used.sum::<usize>(), 40);
        assert_eq!(admitted(&world, &gateway, 50, day + 22 * HOUR), 0);
    }
}

#[test]
fn the_answer_says_how_the_caller_stands_and_when_the_next_day_begins() {
    let gateway = gateway_to(
        quota(2, Accuracy::Strict(Unreachable::Refuse)),
        reply(200, ""),
    );
    let world = World::new();
    world.now.set(UnixMillis(FIRST * 1_000 + 23 * HOUR + 500));
    let first = world.reply(&gateway, &request("GET /a"));
    assert_eq!(
        field(&first, "ratelimit-policy").as_deref(),
        Some("\"daily\";q=2;w=86400")
    );
    assert_eq!(
        field(&first, "ratelimit").as_deref(),
        Some("\"daily\";r=1;t=3600")
    );
    world.reply(&gateway, &request("GET /a"));
    let refused = world.reply(&gateway, &request("GET /a"));
    assert_eq!(problem(&refused).as_deref(), Some("quota-exceeded"));
    assert_eq!(field(&refused, "retry-after").as_deref(), Some("3600"));
    assert_eq!(
        field(&refused, "ratelimit").as_deref(),
        Some("\"daily\";r=0;t=3600")
    );
}

#[test]
fn a_denial_is_remembered_while_leases_may_come_back() {
    let gateway = gateway_with(quota(3, Accuracy::Strict(Unreachable::Refuse)));
    let world = World::new();
    assert_eq!(admitted(&world, &gateway, 4, 0), 3);
    let asked = world.asked.get();
    assert_eq!(admitted(&world, &gateway, 1_000, 1), 0);
    assert_eq!(world.asked.get(), asked);
}

#[test]
fn more_than_a_day_has_is_never_admitted() {
    let limit = Limit {
        cost: Cost::Fixed(5),
        ..quota(4, Accuracy::Strict(Unreachable::Refuse))
    };
    let reply = World::new().reply(&gateway_with(limit), &request("GET /a"));
    assert_eq!(problem(&reply).as_deref(), Some("quota-exceeded"));
    assert_eq!(field(&reply, "retry-after"), None);
}

#[test]
fn an_authority_that_is_away_decides_as_the_limit_says() {
    for (rule, expected) in [
        (Unreachable::Refuse, "503 limit-unavailable"),
        // No compiler makes this one.
        (Unreachable::Local, "503 limit-unavailable"),
        (Unreachable::Allow, "forward"),
    ] {
        for accuracy in [Accuracy::Strict(rule), Accuracy::Leased(rule)] {
            let (world, gateway) = (World::new(), gateway_with(quota(10, accuracy)));
            world.fault.set(Some(Fault::Away));
            let verdict = world.verdict(&gateway, &request("GET /a"));
            assert_eq!(verdict, expected, "{accuracy:?}");
        }
    }
}

#[test]
fn a_calendar_that_is_not_there_is_no_bundle() {
    let route = Route {
        limits: vec![0],
        ..route("limited")
    };
    let tables = Tables {
        limits: vec![quota(1, Accuracy::Strict(Unreachable::Refuse))],
        ..tables()
    };
    let bundle = std::panic::catch_unwind(|| gateway(tables, vec![("/a", route)]));
    assert!(bundle.is_err());
}

#[test]
fn leases_of_a_day_that_is_over_are_not_of_the_next() {
    let gateway = gateway_with(quota(10, Accuracy::Leased(Unreachable::Refuse)));
    let world = World::new();
    assert_eq!(admitted(&world, &gateway, 1, 24 * HOUR - 1_000), 1);
    // What is left of the lease is of yesterday.
    let today = (0..20).map(|turn| admitted(&world, &gateway, 5, 24 * HOUR + turn * 5_000));
    assert_eq!(today.sum::<usize>(), 10);
}
