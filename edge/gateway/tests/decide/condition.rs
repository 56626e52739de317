use serde_json::json;
use tidegate_edge::{End, Gateway, Outcome};
use tidegate_shared::bundle::{Auth, KeyPart, Limit, Route, Tables};
use tidegate_shared::condition::{Binary, Condition, Constant, Node, Parts, TimePart, Variable};
use tidegate_shared::units::Rate;

use crate::authenticate::{bearer, hs256, issuer, with};
use crate::kit::*;

/// `NODE == TEXT`.
fn equals(node: Node, text: &str) -> Condition {
    condition(
        "equals",
        vec![
            node,
            Node::Constant(Constant::Text(text.to_owned())),
            Node::Binary(Binary::Equal, 0, 1),
        ],
    )
}

fn condition(text: &str, nodes: Vec<Node>) -> Condition {
    let parts = Parts {
        text: text.to_owned(),
        headers: vec!["x-tenant".to_owned()],
        automata: vec![],
        nodes,
    };
    parts.try_into().unwrap()
}

/// The caller is this one.
pub(crate) fn subject_is(name: &str) -> Condition {
    let nodes = vec![
        Node::Variable(Variable::Subject),
        Node::Constant(Constant::Text(name.to_owned())),
        Node::Binary(Binary::Equal, 0, 1),
    ];
    condition(&format!("subject is {name}"), nodes)
}

/// A condition that holds for no request.
pub(crate) fn never() -> Condition {
    condition("false", vec![Node::Constant(Constant::Bool(false))])
}

/// A gateway whose only route has these conditions.
fn gateway_with(conditions: Vec<Condition>, auth: Auth) -> Gateway {
    let route = Route {
        auth,
        conditions: (0..).take(conditions.len()).collect(),
        limits: vec![0],
        ..route("a")
    };
    let tables = Tables {
        issuers: vec![issuer()],
        limits: vec![Limit {
            key: vec![KeyPart::Address],
            ..Limit::new(
                "all",
                Rate {
                    count: 1,
                    period: 60,
                },
            )
        }],
        conditions,
        ..tables()
    };
    gateway(tables, vec![("/{id}", route)])
}

fn token() -> Auth {
    Auth::jwt(0)
}

#[test]
fn every_fact_can_be_asked() {
    for (node, value) in [
        (Node::Variable(Variable::Method), "GET"),
        (Node::Variable(Variable::Path), "/7"),
        (Node::Variable(Variable::Host), HOST),
        (Node::Variable(Variable::Address), "192.0.2.7"),
        (Node::Header(0), "t1"),
        (Node::Query("q".to_owned()), "a b"),
        (Node::Parameter(0), "7"),
    ] {
        let request = request("GET /x/../%37?p=1&q=a+b&q=c").with("x-tenant", "t1");
        let verdict = |value| {
            let gateway = gateway_with(vec![equals(node.clone(), value)], Auth::Public);
            World::new().verdict(&gateway, &request)
        };
        assert_eq!(verdict(value), "forward", "{node:?}");
        assert_eq!(verdict("other"), "403 condition-unmet", "{node:?}");
    }
}

#[test]
fn every_fact_of_a_caller_can_be_asked() {
    let claim = |name: &str| {
        vec![
            Node::Variable(Variable::Claims),
            Node::Constant(Constant::Text(name.to_owned())),
            Node::Binary(Binary::Index, 0, 1),
            Node::Constant(Constant::Text("gold".to_owned())),
            Node::Binary(Binary::Equal, 2, 3),
        ]
    };
    let scope = |name: &str| {
        vec![
            Node::Constant(Constant::Text(name.to_owned())),
            Node::Variable(Variable::Scopes),
            Node::Binary(Binary::In, 0, 1),
        ]
    };
    let request = bearer(&hs256(&with("tier", json!("gold"))));
    for (condition, expected) in [
        (equals(Node::Variable(Variable::Subject), "alice"), true),
        (equals(Node::Variable(Variable::Subject), "bob"), false),
        (equals(Node::Variable(Variable::Issuer), "customers"), true),
        (condition("scope", scope("accounts:read")), true),
        (condition("scope", scope("accounts:write")), false),
        (condition("claim", claim("tier")), true),
        (condition("claim", claim("sub")), false),
        // What cannot be evaluated does not hold.
        (condition("claim", claim("missing")), false),
    ] {
        let gateway = gateway_with(vec![condition.clone()], token());
        let verdict = World::new().verdict(&gateway, &request);
        let expected = if expected {
            "forward"
        } else {
            "403 condition-unmet"
        };
        assert_eq!(verdict, expected, "{condition:?}");
    }
}

#[test]
fn the_time_is_when_the_request_came() {
    let year = |year| {
        let nodes = vec![
            Node::Variable(Variable::Now),
            Node::Part(TimePart::FullYear, 0, 0),
            Node::Constant(Constant::Int(year)),
            Node::Binary(Binary::Equal, 1, 2),
        ];
        let gateway = gateway_with(vec![condition("year", nodes)], Auth::Public);
        World::new().verdict(&gateway, &request("GET /7"))
    };
    assert_eq!(year(2025), "forward");
    assert_eq!(year(1970), "403 condition-unmet");
}

#[test]
fn all_conditions_must_hold() {
    let yes = || equals(Node::Variable(Variable::Method), "GET");
    let no = || equals(Node::Variable(Variable::Method), "PUT");
    for (conditions, expected) in [
        (vec![yes(), yes()], "forward"),
        (vec![no(), yes()], "403 condition-unmet"),
        (vec![yes(), no()], "403 condition-unmet"),
    ] {
        let gateway = gateway_with(conditions, Auth::Public);
        let verdict = World::new().verdict(&gateway, &request("GET /7"));
        assert_eq!(verdict, expected);
    }
}

/// Who calls is asked first, and what is refused uses up no limit.
#[test]
fn conditions_stand_between_the_credential_and_the_limits() {
    let subject = equals(Node::Variable(Variable::Subject), "alice");
    let gateway = gateway_with(vec![subject], token());
    let world = World::new();
    let anonymous = request("GET /7");
    assert_eq!(
        world.verdict(&gateway, &anonymous),
        "401 credential-missing"
    );
    let bob = bearer(&hs256(&with("sub", json!("bob"))));
    for _ in 0..3 {
        assert_eq!(world.verdict(&gateway, &bob), "403 condition-unmet");
    }
    let alice = bearer(&hs256(&with("sub", json!("alice"))));
    assert_eq!(world.verdict(&gateway, &alice), "forward");
    assert_eq!(world.verdict(&gateway, &alice), "429 rate-limited");
}

/// The operator reads which condition and why; the client does not.
#[test]
fn the_cause_is_in_the_record_alone() {
    let nodes = vec![Node::Header(0)];
    for (value, reason) in [
        (None, "`tenant` cannot be evaluated: no such key"),
        (Some("t1"), "`tenant` cannot be evaluated: no such overload"),
    ] {
        let gateway = gateway_with(vec![condition("tenant", nodes.clone())], Auth::Public);
        let mut request = request("GET /7");
        if let Some(value) = value {
            request = request.with("x-tenant", value);
        }
        let tidegate_edge::Decision::Respond(reply, exchange) =
            World::new().decide(&gateway, &request)
        else {
            panic!("forwarded");
        };
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert!(!body.contains("tenant") && !body.contains("such"), "{body}");
        let outcome = Outcome {
            status: reply.status,
            plan: None,
            end: End::Complete,
            now: NOW,
        };
        let record = gateway.finish(exchange, &outcome);
        assert_eq!(record.phase, "authorise");
        assert_eq!(record.reason.as_deref(), Some(reason));
    }
}
