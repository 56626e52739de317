//! Limits that hold over many places.

use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use tidegate_edge::{Decision, End, Gateway, Outcome};
use tidegate_limits::{Answer, Authority, Grant, Spent};
use tidegate_shared::bundle::{Accuracy, KeyPart, Limit, Route, Tables, Unreachable};
use tidegate_shared::units::{Rate, Span};

use crate::kit::*;

/// A limit of one a second for each address.
fn limit(name: &str, burst: u32, accuracy: Accuracy) -> Limit {
    let rate = Rate {
        count: 60,
        period: 60,
    };
    Limit {
        key: vec![KeyPart::Address],
        accuracy,
        ..Limit::bursting(name, rate, burst)
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

fn leased(rule: Unreachable) -> Gateway {
    gateway_with(vec![limit("leased", 20, Accuracy::Leased(rule))])
}

fn strict(rule: Unreachable) -> Gateway {
    gateway_with(vec![limit("strict", 20, Accuracy::Strict(rule))])
}

/// Places with one authority.
fn worlds<const N: usize>() -> [World; N] {
    let first = World::new();
    let authority = Rc::clone(&first.authority);
    let mut first = Some(first);
    std::array::from_fn(|_| {
        first.take().unwrap_or_else(|| World {
            authority: Rc::clone(&authority),
            // Else both would hold by the same name.
            state: tidegate_edge::State::new([10; 16]),
            ..World::new()
        })
    })
}

fn admitted(world: &World, gateway: &Gateway, requests: usize) -> usize {
    let requests = (0..requests).filter(|_| {
        let verdict = world.verdict(gateway, &request("GET /a"));
        world.carry();
        verdict == "forward"
    });
    requests.count()
}

#[test]
fn two_places_admit_what_one_limit_says() {
    for gateway in [leased(Unreachable::Refuse), strict(Unreachable::Refuse)] {
        let [one, other] = worlds();
        let mut sum = 0;
        for second in 0..60 {
            for world in [&one, &other] {
                world.now.set(NOW.plus(second * 1_000));
                sum += admitted(world, &gateway, 5);
            }
        }
        // Leases that the other has are not used here: some is lost, none is won.
        assert!((70..=20 + 60).contains(&sum), "{sum}");
    }
}

#[test]
fn nobody_waits_while_tokens_are_there() {
    let gateway = leased(Unreachable::Refuse);
    let world = World::new();
    assert_eq!(admitted(&world, &gateway, 1), 1);
    world.fault.set(Some(Fault::Silent));
    assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
}

#[test]
fn a_denial_is_told_and_asks_nobody_again() {
    // A holder comes back for its part after a quarter of its horizon.
    for (gateway, wait) in [
        (leased(Unreachable::Refuse), 2),
        (strict(Unreachable::Refuse), 1),
    ] {
        let world = World::new();
        assert_eq!(admitted(&world, &gateway, 100), 20);
        let asked = world.asked.get();
        for _ in 0..1_000 {
            let reply = world.reply(&gateway, &request("GET /a"));
            assert_eq!(problem(&reply).as_deref(), Some("rate-limited"));
            assert_eq!(field(&reply, "retry-after"), Some(wait.to_string()));
            world.carry();
        }
        assert_eq!(world.asked.get(), asked);
        world.pass(Span(wait * 1_000));
        assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
    }
}

#[test]
fn a_refusal_takes_nothing_from_other_limits() {
    let [leased, strict, local] = [
        limit("leased", 20, Accuracy::Leased(Unreachable::Refuse)),
        limit("strict", 20, Accuracy::Strict(Unreachable::Refuse)),
        limit("local", 20, Accuracy::Local),
    ];
    let narrow = |other: &Limit| limit("narrow", 1, other.accuracy);
    let wide = [&leased, &strict, &local];
    for refusing in wide {
        for other in wide {
            let world = World::new();
            let gateway = gateway_with(vec![other.clone(), narrow(refusing), local.clone()]);
            assert_eq!(admitted(&world, &gateway, 10), 1);
            let alone = gateway_with(vec![other.clone(), local.clone()]);
            let left = admitted(&world, &alone, 30);
            assert_eq!(left, 19, "{refusing:?} beside {other:?}");
        }
    }
}

#[test]
fn several_strict_limits_are_all_taken_or_none() {
    let strict = |name, burst| limit(name, burst, Accuracy::Strict(Unreachable::Refuse));
    let gateway = gateway_with(vec![strict("a", 5), strict("b", 3), strict("c", 9)]);
    let world = World::new();
    assert_eq!(admitted(&world, &gateway, 10), 3);
    let wide = gateway_with(vec![strict("a", 5), strict("c", 9)]);
    assert_eq!(admitted(&world, &wide, 10), 2);
    let widest = gateway_with(vec![strict("c", 9)]);
    assert_eq!(admitted(&world, &widest, 10), 4);
}

#[test]
fn while_the_authority_is_away_the_limit_says_what_happens() {
    for (gateway, expected) in [
        (leased(Unreachable::Refuse), 0),
        (leased(Unreachable::Allow), 50),
        (strict(Unreachable::Refuse), 0),
        (strict(Unreachable::Allow), 50),
    ] {
        let world = World::new();
        world.fault.set(Some(Fault::Away));
        assert_eq!(admitted(&world, &gateway, 50), expected);
        assert!(world.asked.get() <= 2, "asked {}", world.asked.get());
        world.fault.set(None);
        world.pass(Span(1_000));
        // Who comes first shows that the authority answers again.
        admitted(&world, &gateway, 1);
        assert_eq!(world.verdict(&gateway, &request("GET /a")), "forward");
        let sum = admitted(&world, &gateway, 50);
        assert!(sum <= 20, "{sum}");
    }
    let world = World::new();
    world.fault.set(Some(Fault::Away));
    let reply = world.reply(&leased(Unreachable::Refuse), &request("GET /a"));
    assert_eq!(problem(&reply).as_deref(), Some("limit-unavailable"));
    assert_eq!(field(&reply, "retry-after").as_deref(), Some("1"));
}

#[test]
fn a_holder_goes_on_with_its_part() {
    let gateway = leased(Unreachable::Local);
    let world = World::new();
    assert_eq!(admitted(&world, &gateway, 10), 10);
    world.fault.set(Some(Fault::Away));
    let mut sum = 0;
    for _ in 0..100 {
        world.pass(Span(1_000));
        sum += admitted(&world, &gateway, 3);
    }
    // Its lease, a third of the burst, and the rate of two lifetimes.
    assert!((20..=20 + 7 + 40).contains(&sum), "{sum}");
}

#[test]
fn an_answer_that_fits_no_question_is_none() {
    let grant = Grant {
        holder: 1,
        sequence: 1,
        kept: 0,
        granted: 1_000_000,
        retry_after: 0,
        share: 0,
        free: 0,
    };
    let spent = Spent {
        tokens: 1_000,
        retry_after: 0,
        free: 0,
    };
    for answer in [Answer::Grant(grant), Answer::Spent(spent)] {
        for gateway in [leased(Unreachable::Refuse), strict(Unreachable::Refuse)] {
            let world = World::new();
            world.fault.set(Some(Fault::Says(answer)));
            let verdict = world.verdict(&gateway, &request("GET /a"));
            assert_eq!(verdict, "503 limit-unavailable");
        }
    }
}

#[test]
fn no_room_with_the_authority_refuses_and_forgets_nobody() {
    let gateway = strict(Unreachable::Refuse);
    let world = World::new();
    world.authority.replace(Authority::new(1));
    assert_eq!(admitted(&world, &gateway, 20), 20);
    let mut other = request("GET /a");
    other.peer.address = Some([192, 0, 2, 9].into());
    let verdict = world.verdict(&gateway, &other);
    assert_eq!(verdict, "503 limit-unavailable");
    assert_eq!(admitted(&world, &gateway, 1), 0);
}

#[test]
fn a_request_may_wait_and_others_do_not_make_its_answer_void() {
    let gateway = leased(Unreachable::Refuse);
    let world = World::new();
    world.fault.set(Some(Fault::Silent));
    let request = request("GET /a");
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = pin!(gateway.decide(&world.state, &world, &request));
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    world.fault.set(None);
    assert_eq!(world.verdict(&gateway, &request), "forward");
    assert_eq!(world.asked.get(), 2);
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Pending));
}

#[test]
fn what_nobody_needs_goes_back() {
    let gateway = leased(Unreachable::Refuse);
    let [one, other] = worlds();
    assert_eq!(admitted(&one, &gateway, 1), 1);
    for _ in 0..60 {
        one.pass(Span(1_000));
        one.state.tend_leases(one.now.get());
        one.carry();
    }
    other.now.set(one.now.get());
    // The other may have what it needs at once, and the rest by and by.
    let sum = admitted(&other, &gateway, 30);
    assert!(sum >= 12, "{sum}");
}

#[test]
fn a_limit_in_shadow_is_counted_and_refuses_nobody() {
    for accuracy in [
        Accuracy::Local,
        Accuracy::Leased(Unreachable::Refuse),
        Accuracy::Strict(Unreachable::Refuse),
    ] {
        let watched = Limit {
            shadow: true,
            ..limit("watched", 2, accuracy)
        };
        let gateway = gateway_with(vec![watched, limit("counts", 4, Accuracy::Local)]);
        let world = World::new();
        let verdicts = [(); 5].map(|()| {
            let decision = world.decide(&gateway, &request("GET /a"));
            let (verdict, exchange) = match decision {
                Decision::Forward(forward) => ("forward", forward.exchange),
                Decision::Respond(_, exchange) => ("refused", exchange),
            };
            let outcome = Outcome {
                status: 200,
                plan: None,
                end: End::Complete,
                now: NOW,
            };
            let record = gateway.finish(exchange, &outcome);
            let noted = record.shadow.iter().map(|noted| noted.problem);
            (verdict, noted.collect::<Vec<_>>())
        });
        let passes = ("forward", vec![]);
        let noted = ("forward", vec!["rate-limited"]);
        let refused = ("refused", vec![]);
        assert_eq!(
            verdicts,
            [passes.clone(), passes, noted.clone(), noted, refused]
        );
        let reply = world.reply(&gateway, &request("GET /a"));
        let told = field(&reply, "ratelimit");
        assert_eq!(told.as_deref(), Some("\"counts\";r=0;t=1"));
    }
}
