use tidegate_edge::{Attempt, AttemptOutcome, AttemptPlan};
use tidegate_shared::bundle::{Retry, RetryOn, Tables, Upstream};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Percent;

use crate::kit::*;

fn plan(world: &World, upstream: Upstream, line: &str) -> AttemptPlan {
    let gateway = gateway(
        Tables {
            upstreams: vec![upstream],
            ..tables()
        },
        vec![("/*", route("a"))],
    );
    world.forward(&gateway, &request(line)).plan
}

/// What comes next, in a few words: the origin and the milliseconds it has, or the end.
fn next(world: &World, plan: &mut AttemptPlan, last: Option<(AttemptOutcome, bool)>) -> String {
    match plan.next(&world.state, last, world.now.get()) {
        Attempt::Send(destination, deadline) => {
            format!(
                "{} {}",
                destination.origin(),
                deadline.since(world.now.get())
            )
        }
        Attempt::Deliver => "deliver".to_owned(),
        Attempt::GiveUp(problem) => problem.to_string(),
    }
}

const WHOLE: bool = true;
const SPENT: bool = false;

#[test]
fn a_failed_connection_goes_to_the_next_origin() {
    let world = World::new();
    for line in ["GET /", "POST /"] {
        let world = World::new();
        let mut plan = plan(&world, upstream(), line);
        assert_eq!(next(&world, &mut plan, None), "dc1 3000");
        world.now.set(NOW.plus(500));
        assert_eq!(
            next(
                &world,
                &mut plan,
                Some((AttemptOutcome::ConnectFailed, WHOLE))
            ),
            "dc2 2500"
        );
        assert_eq!(
            next(
                &world,
                &mut plan,
                Some((AttemptOutcome::Answered(200), WHOLE))
            ),
            "deliver"
        );
        assert_eq!((plan.origin(), plan.attempts()), (Some("dc2"), 2));
    }
    let mut plan = plan(&world, upstream(), "POST /");
    next(&world, &mut plan, None);
    let spent = next(
        &world,
        &mut plan,
        Some((AttemptOutcome::ConnectFailed, SPENT)),
    );
    assert_eq!(spent, Problem::OriginUnreachable.name());
}

/// RFC 9110 §9.2.2.
#[test]
fn only_an_idempotent_request_is_repeated_after_an_answer() {
    let world = World::new();
    let unavailable = Some((AttemptOutcome::Answered(503), WHOLE));
    let mut get = plan(&world, upstream(), "GET /");
    next(&world, &mut get, None);
    assert_eq!(next(&world, &mut get, unavailable), "dc2 3000");
    assert_eq!(next(&world, &mut get, unavailable), "deliver");
    let mut post = plan(&world, upstream(), "POST /");
    next(&world, &mut post, None);
    assert_eq!(next(&world, &mut post, unavailable), "deliver");
    let mut broken = plan(&world, upstream(), "GET /");
    next(&world, &mut broken, None);
    assert_eq!(
        next(&world, &mut broken, Some((AttemptOutcome::Failed, WHOLE))),
        "origin-failed"
    );
}

#[test]
fn an_origin_that_failed_is_tried_last_for_a_while() {
    let world = World::new();
    let mut first = plan(&world, upstream(), "GET /");
    next(&world, &mut first, None);
    next(
        &world,
        &mut first,
        Some((AttemptOutcome::ConnectFailed, WHOLE)),
    );
    assert_eq!(
        next(&world, &mut plan(&world, upstream(), "GET /"), None),
        "dc2 3000"
    );
    world.now.set(NOW.plus(5_000));
    assert_eq!(
        next(&world, &mut plan(&world, upstream(), "GET /"), None),
        "dc1 3000"
    );
    // A clock that jumps back does not prolong it.
    world.now.set(UnixMillis(NOW.0 - 86_400_000));
    assert_eq!(
        next(&world, &mut plan(&world, upstream(), "GET /"), None),
        "dc1 3000"
    );
}

#[test]
fn a_retried_timeout_shares_the_time() {
    let retry = Retry {
        attempts: 3,
        on: vec![RetryOn::Timeout],
        budget: Percent(20),
    };
    let upstream = Upstream {
        retry,
        ..upstream()
    };
    let world = World::new();
    let mut plan = plan(&world, upstream, "GET /");
    assert_eq!(next(&world, &mut plan, None), "dc1 1000");
    world.now.set(NOW.plus(1_000));
    assert_eq!(
        next(&world, &mut plan, Some((AttemptOutcome::TimedOut, WHOLE))),
        "dc2 1000"
    );
    world.now.set(NOW.plus(2_000));
    assert_eq!(
        next(&world, &mut plan, Some((AttemptOutcome::TimedOut, WHOLE))),
        "dc1 1000"
    );
    world.now.set(NOW.plus(3_000));
    assert_eq!(
        next(&world, &mut plan, Some((AttemptOutcome::TimedOut, WHOLE))),
        "origin-timeout"
    );
}

#[test]
fn retries_end_with_their_budget() {
    let retry = Retry {
        budget: Percent(0),
        ..upstream().retry
    };
    let upstream = Upstream {
        retry,
        ..upstream()
    };
    let world = World::new();
    let retried = (0..50).filter(|_| {
        let mut plan = plan(&world, upstream.clone(), "GET /");
        next(&world, &mut plan, None);
        next(
            &world,
            &mut plan,
            Some((AttemptOutcome::ConnectFailed, WHOLE)),
        ) != "origin-unreachable"
    });
    assert_eq!(retried.count(), 10);
}

#[test]
fn a_destination_says_by_whose_tunnel_it_is_reached_and_other_runtimes_take_none() {
    let world = World::new();
    let connector = "spiffe://bank.example/connector/dc1";
    let mut tunnelled = upstream();
    tunnelled.origins[0].tunnel = Some(connector.parse().unwrap());
    let mut plan = plan(&world, tunnelled.clone(), "GET /");
    let mut tunnels = Vec::new();
    let mut last = None;
    while let Attempt::Send(destination, _) = plan.next(&world.state, last, world.now.get()) {
        tunnels.push(destination.tunnel().map(ToString::to_string));
        last = Some((AttemptOutcome::ConnectFailed, WHOLE));
    }
    assert_eq!(tunnels, [Some(connector.to_owned()), None]);

    let load = |upstream| {
        let tables = Tables {
            upstreams: vec![upstream],
            ..tables()
        };
        gateway(tables, vec![("/*", route("a"))]).without_tunnels()
    };
    assert!(load(upstream()).is_ok());
    let error = load(tunnelled).unwrap_err().to_string();
    assert_eq!(
        error,
        "the origin `dc1` of the upstream `banking` is reached by a tunnel, and this runtime takes none"
    );
}
