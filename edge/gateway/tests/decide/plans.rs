//! Callers on plans.

use serde_json::json;
use tidegate_edge::{Decision, End, Gateway, Outcome};
use tidegate_shared::bundle::{
    ApiKeyRing, ApiKeySource, Auth, CallerFact, CallerFacts, IntrospectAuth, Introspection, Issuer,
    KeyPart, Limit, PinnedKeys, PlanClaim, PlanLimits, RingKeys, Route, Tables,
};
use tidegate_shared::condition::{Binary, Condition, Constant, Node, Parts, Variable};
use tidegate_shared::digest::Digest;
use tidegate_shared::units::Rate;

use crate::authenticate::{hs256, issuer, with};
use crate::kit::*;
use crate::shape::{shaped, text};

const LIMITED: &str = "429 rate-limited";

fn limit(name: &str, burst: u32) -> Limit {
    Limit {
        key: vec![KeyPart::Subject],
        ..Limit::bursting(
            name,
            Rate {
                count: 1,
                period: 60,
            },
            burst,
        )
    }
}

/// Limit 0 is the route's, 1 of `free` and 2 of `gold`.
fn world(default: Option<&str>) -> Tables {
    let mut tables = tables();
    let plan = PlanClaim {
        claim: "tier".to_owned(),
        default: default.map(str::to_owned),
    };
    tables.issuers = vec![Issuer {
        plan: Some(plan),
        ..issuer()
    }];
    let keys = ["acme", "idle", "plain"];
    let keys = keys.map(|name| (name.to_owned(), [Digest::of(name.as_bytes())]));
    let on_plans = vec![("acme".to_owned(), "gold".to_owned())];
    tables.api_keys = vec![ApiKeyRing {
        name: "partners".to_owned(),
        source: ApiKeySource::Header("x-api-key".to_owned()),
        prefix: None,
        keys: RingKeys::Pinned(PinnedKeys::new(keys).on_plans(on_plans)),
    }];
    tables.limits = vec![limit("all", 4), limit("few", 1), limit("many", 3)];
    tables.plans = vec!["free".to_owned(), "gold".to_owned()];
    tables.conditions = vec![on_gold()];
    tables.upstreams[0].caller = CallerFacts {
        headers: vec![("x-plan".to_owned(), CallerFact::Plan)],
        token: None,
        remove_credential: false,
    };
    tables
}

fn on_gold() -> Condition {
    let parts = Parts {
        text: "auth.plan == 'gold'".to_owned(),
        headers: vec![],
        automata: vec![],
        nodes: vec![
            Node::Variable(Variable::Plan),
            Node::Constant(Constant::Text("gold".to_owned())),
            Node::Binary(Binary::Equal, 0, 1),
        ],
    };
    parts.try_into().unwrap()
}

fn planned(auth: Auth) -> Route {
    let of = |plan: &str, limit| PlanLimits {
        plan: plan.to_owned(),
        limits: vec![limit],
    };
    Route {
        auth,
        limits: vec![0],
        plans: vec![of("free", 1), of("gold", 2)],
        ..route("a")
    }
}

fn any() -> Auth {
    Auth::Any(vec![Auth::jwt(0), Auth::api_key(0), Auth::Anonymous])
}

fn gateway_with(default: Option<&str>, route: Route) -> Gateway {
    gateway(world(default), vec![("/a", route)])
}

fn token(tier: &str) -> Request {
    let token = hs256(&with("tier", json!(tier)));
    request("GET /a").with("authorization", format!("Bearer {token}"))
}

fn key(name: &str) -> Request {
    request("GET /a").with("x-api-key", name)
}

/// How many requests of a caller go through before one does not.
fn admitted(gateway: &Gateway, request: &Request) -> usize {
    let world = World::new();
    let mut count = 0;
    while count < 10 && world.verdict(gateway, request) == "forward" {
        count += 1;
    }
    assert_eq!(world.verdict(gateway, request), LIMITED);
    count
}

#[test]
fn the_limits_of_a_plan_hold_beside_those_of_the_route() {
    let route = Route {
        anonymous_plan: Some("free".to_owned()),
        ..planned(any())
    };
    let gateway = gateway_with(Some("free"), route);
    for (request, expected) in [
        (token("gold"), 3),
        (token("free"), 1),
        // What names no plan, and what is no text.
        (token("bronze"), 1),
        (key("acme"), 3),
        // On no plan: the route's own limit is left.
        (key("plain"), 4),
        (request("GET /a"), 1),
    ] {
        assert_eq!(admitted(&gateway, &request), expected);
    }
}

#[test]
fn without_a_default_an_unknown_plan_refuses() {
    let gateway = gateway_with(None, planned(Auth::jwt(0)));
    let world = World::new();
    assert_eq!(world.verdict(&gateway, &token("gold")), "forward");
    assert_eq!(
        world.verdict(&gateway, &token("bronze")),
        "403 plan-unknown"
    );
    let number = hs256(&with("tier", json!(7)));
    let number = request("GET /a").with("authorization", format!("Bearer {number}"));
    assert_eq!(world.verdict(&gateway, &number), "403 plan-unknown");
}

#[test]
fn a_rule_in_shadow_refuses_nobody_for_want_of_a_plan() {
    let auth = Auth::Shadow(Box::new(Auth::jwt(0)));
    let gateway = gateway_with(None, planned(auth));
    let Decision::Forward(forward) = World::new().decide(&gateway, &token("bronze")) else {
        panic!("refused");
    };
    let outcome = Outcome {
        status: 200,
        plan: None,
        end: End::Complete,
        now: NOW,
    };
    let record = gateway.finish(forward.exchange, &outcome);
    let shadow: Vec<_> = record.shadow.iter().map(|noted| noted.problem).collect();
    assert_eq!(shadow, ["plan-unknown"]);
    assert_eq!(record.plan, None);
}

#[test]
fn a_plan_can_be_asked_and_told() {
    let route = Route {
        conditions: vec![0],
        ..planned(any())
    };
    let (gateway, world) = (gateway_with(Some("free"), route), World::new());
    let mallory = |request: Request| request.with("x-plan", "platinum");
    let golden = mallory(token("gold"));
    let seen = shaped(&golden, world.forward(&gateway, &golden));
    assert_eq!(text(&seen, "x-plan"), Some("gold"));
    for request in [token("free"), key("plain"), request("GET /a")] {
        let verdict = world.verdict(&gateway, &mallory(request));
        assert_eq!(verdict, "403 condition-unmet");
    }
    let open = gateway_with(Some("free"), planned(any()));
    let plain = mallory(key("plain"));
    let seen = shaped(&plain, world.forward(&open, &plain));
    assert_eq!(text(&seen, "x-plan"), None);
}

/// What a server says of a token puts its bearer on a plan as a token's own claims do.
#[test]
fn an_answer_may_say_the_plan() {
    let plan = |default: Option<&str>| PlanClaim {
        claim: "tier".to_owned(),
        default: default.map(str::to_owned),
    };
    let gateway = |default| {
        let mut tables = world(None);
        tables.introspections = vec![Introspection {
            plan: Some(plan(default)),
            ..crate::authenticate::sessions()
        }];
        let auth = Auth::Introspect(IntrospectAuth {
            introspection: 0,
            scopes: vec![],
        });
        gateway(tables, vec![("/a", planned(auth))])
    };
    for (tier, default, expected) in [
        ("gold", None, 3),
        ("free", None, 1),
        ("bronze", Some("free"), 1),
        ("bronze", None, 0),
    ] {
        let world = World::new();
        let mut answer = with("active", json!(true));
        answer["tier"] = json!(tier);
        let address = "https://id.bank.example/introspect opaque".to_owned();
        let mut documents = world.documents.borrow_mut();
        documents.insert(address, answer.to_string());
        drop(documents);
        let gateway = gateway(default);
        let request = request("GET /a").with("authorization", "Bearer opaque");
        let mut count = 0;
        while count < 10 && world.verdict(&gateway, &request) == "forward" {
            count += 1;
        }
        assert_eq!(count, expected, "{tier} {default:?}");
        let refused = if expected == 0 {
            "403 plan-unknown"
        } else {
            LIMITED
        };
        assert_eq!(world.verdict(&gateway, &request), refused);
    }
}
