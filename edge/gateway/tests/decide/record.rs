use expect_test::{Expect, expect};
use tidegate_edge::{Attempt, Decision, End, Outcome};
use tidegate_shared::bundle::Route;

use crate::kit::*;

fn check(line: &str, expected: &Expect) {
    let routes = vec![
        (
            "/status",
            Route {
                target: reply(200, "ok"),
                ..route("status")
            },
        ),
        ("/a/*", route("a")),
    ];
    let gateway = gateway(tables(), routes);
    let world = World::new();
    let later = NOW.plus(12);
    let record = match world.decide(&gateway, &request(line)) {
        Decision::Respond(reply, exchange) => {
            let outcome = Outcome {
                status: reply.status,
                plan: None,
                end: End::Complete,
                now: later,
            };
            gateway.finish(exchange, &outcome)
        }
        Decision::Forward(mut forward) => {
            assert!(matches!(
                forward.plan.next(&world.state, None, NOW),
                Attempt::Send(..)
            ));
            let outcome = Outcome {
                status: 200,
                plan: Some(&forward.plan),
                end: End::ClientGone,
                now: later,
            };
            gateway.finish(forward.exchange, &outcome)
        }
    };
    let mut json = serde_json::to_value(record).unwrap();
    json.as_object_mut().unwrap().remove("bundle");
    expected.assert_eq(&serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn a_refused_request() {
    check(
        "GET /nowhere?token=secret",
        &expect![[r#"
        {
          "attempts": 0,
          "client": "192.0.2.7",
          "decision": "refuse",
          "duration_ms": 12,
          "end": "complete",
          "host": "api.bank.example",
          "method": "GET",
          "path": "/nowhere",
          "phase": "route",
          "policy": "bank",
          "problem": "route-not-found",
          "reason": "no route",
          "request_id": "0102030405060708090a0b0c0d0e0f10",
          "status": 404,
          "time": 1750000000000,
          "trace_id": "0102030405060708090a0b0c0d0e0f10"
        }"#]],
    );
}

#[test]
fn a_reply_of_the_policy() {
    check(
        "GET /status",
        &expect![[r#"
        {
          "attempts": 0,
          "client": "192.0.2.7",
          "decision": "reply",
          "duration_ms": 12,
          "end": "complete",
          "host": "api.bank.example",
          "method": "GET",
          "path": "/status",
          "phase": "reply",
          "policy": "bank",
          "request_id": "0102030405060708090a0b0c0d0e0f10",
          "route": "status",
          "status": 200,
          "time": 1750000000000,
          "trace_id": "0102030405060708090a0b0c0d0e0f10"
        }"#]],
    );
}

#[test]
fn a_forwarded_request_whose_client_went_away() {
    check(
        "GET /a/b?q=1",
        &expect![[r#"
        {
          "attempts": 1,
          "client": "192.0.2.7",
          "decision": "forward",
          "duration_ms": 12,
          "end": "client-gone",
          "host": "api.bank.example",
          "method": "GET",
          "origin": "dc1",
          "path": "/a/b",
          "phase": "forward",
          "policy": "bank",
          "request_id": "0102030405060708090a0b0c0d0e0f10",
          "route": "a",
          "status": 200,
          "time": 1750000000000,
          "trace_id": "0102030405060708090a0b0c0d0e0f10",
          "upstream": "banking"
        }"#]],
    );
}
