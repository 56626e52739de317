//! Rules in shadow: they are looked at and recorded, and refuse nobody.

use tidegate_edge::{Decision, End, Gateway, MAX_SHADOWED, Outcome, Shadowed};
use tidegate_shared::bundle::{Auth, CallerFact, CallerFacts, JwtAuth, Route, Tables};

use crate::authenticate::{hs256, issuer, partners, with};
use crate::condition::{never, subject_is};
use crate::kit::*;
use crate::limit::each;
use crate::shape::{shaped, text};

fn world() -> Tables {
    let mut tables = tables();
    tables.issuers = vec![issuer()];
    tables.api_keys = vec![partners()];
    tables.upstreams[0].caller = CallerFacts {
        headers: vec![("x-caller".to_owned(), CallerFact::Subject)],
        token: None,
        remove_credential: true,
    };
    tables.limits = vec![each(2)];
    tables.conditions = vec![subject_is("alice"), subject_is("bob"), never()];
    tables
}

fn shadow(auth: Auth) -> Auth {
    Auth::Shadow(Box::new(auth))
}

fn gateway_with(route: Route) -> Gateway {
    gateway(world(), vec![("/a", route)])
}

fn watched(auth: Auth) -> Route {
    Route { auth, ..route("a") }
}

fn token(subject: &str) -> String {
    hs256(&with("sub", subject.into()))
}

/// What a request came to, whom the record names, and what rules in shadow said.
fn seen(gateway: &Gateway, request: &Request) -> (u16, Option<String>, Vec<Shadowed>) {
    let (status, exchange) = match World::new().decide(gateway, request) {
        Decision::Respond(reply, exchange) => (reply.status, exchange),
        Decision::Forward(forward) => (200, forward.exchange),
    };
    let outcome = Outcome {
        status,
        plan: None,
        end: End::Complete,
        now: NOW,
    };
    let record = gateway.finish(exchange, &outcome);
    (status, record.consumer, record.shadow)
}

fn problems(shadow: &[Shadowed]) -> Vec<(&str, &str)> {
    let shadow = shadow.iter();
    shadow
        .map(|watched| (watched.phase, watched.problem))
        .collect()
}

fn bearer(token: &str) -> Request {
    request("GET /a").with("authorization", format!("Bearer {token}"))
}

#[test]
fn whom_a_credential_in_shadow_would_refuse_goes_on_as_nobody() {
    let gateway = gateway_with(watched(shadow(Auth::jwt(0))));
    for (request, caller, expected) in [
        (bearer(&token("alice")), Some("alice"), vec![]),
        (
            bearer("nonsense"),
            None,
            vec![("authenticate", "credential-invalid")],
        ),
        (
            request("GET /a"),
            None,
            vec![("authenticate", "credential-missing")],
        ),
    ] {
        let (status, consumer, shadow) = seen(&gateway, &request);
        assert_eq!(status, 200);
        assert_eq!(consumer.as_deref(), caller);
        assert_eq!(problems(&shadow), expected);
    }
    let request = bearer("nonsense").with("x-caller", "mallory");
    let sent = shaped(&request, World::new().forward(&gateway, &request));
    assert_eq!(text(&sent, "x-caller"), None);
    assert_eq!(text(&sent, "authorization"), None);
}

#[test]
fn scopes_are_watched_with_their_credential() {
    let scoped = Auth::Jwt(JwtAuth {
        issuers: vec![0],
        scopes: vec!["admin".to_owned()],
    });
    let request = bearer(&token("alice"));
    let (status, consumer, noted) = seen(&gateway_with(watched(shadow(scoped.clone()))), &request);
    assert_eq!((status, consumer.as_deref()), (200, Some("alice")));
    assert_eq!(problems(&noted), [("authorise", "scope-insufficient")]);
    let (status, _, noted) = seen(&gateway_with(watched(scoped)), &request);
    assert_eq!((status, noted), (403, vec![]));
}

#[test]
fn a_credential_is_tried_beside_one_that_counts() {
    let auth = Auth::All(vec![Auth::jwt(0), shadow(Auth::api_key(0))]);
    let gateway = gateway_with(watched(auth));
    let both = bearer(&token("alice")).with("x-api-key", "key");
    let (status, consumer, noted) = seen(&gateway, &both);
    assert_eq!((status, consumer.as_deref()), (200, Some("alice")));
    assert_eq!(noted, []);
    let (status, consumer, noted) = seen(&gateway, &bearer(&token("alice")));
    assert_eq!((status, consumer.as_deref()), (200, Some("alice")));
    assert_eq!(problems(&noted), [("authenticate", "credential-missing")]);
    // The key loosens nothing that counts.
    let (status, _, _) = seen(&gateway, &request("GET /a").with("x-api-key", "key"));
    assert_eq!(status, 401);
}

#[test]
fn a_condition_in_shadow_is_recorded() {
    let route = Route {
        shadow_conditions: vec![0, 1],
        ..watched(Auth::jwt(0))
    };
    let (status, _, noted) = seen(&gateway_with(route), &bearer(&token("alice")));
    assert_eq!(status, 200);
    assert_eq!(problems(&noted), [("authorise", "condition-unmet")]);
    assert_eq!(noted[0].reason, "`subject is bob` does not hold");
}

/// What counts still counts: nobody is not alice, and is limited, too.
#[test]
fn a_rule_in_shadow_loosens_no_other() {
    let route = |conditions: Vec<u32>| Route {
        conditions,
        limits: vec![0],
        ..watched(shadow(Auth::jwt(0)))
    };
    let (status, _, noted) = seen(&gateway_with(route(vec![0])), &bearer("nonsense"));
    assert_eq!(status, 403);
    assert_eq!(problems(&noted), [("authenticate", "credential-invalid")]);
    let (gateway, world) = (gateway_with(route(vec![])), World::new());
    let statuses = [(); 3].map(|()| world.verdict(&gateway, &bearer("nonsense")));
    assert_eq!(statuses, ["forward", "forward", "429 rate-limited"]);
}

#[test]
fn a_record_says_no_more_than_its_bound() {
    let route = Route {
        shadow_conditions: vec![2; MAX_SHADOWED + 3],
        ..watched(Auth::Public)
    };
    let (_, _, noted) = seen(&gateway_with(route), &request("GET /a"));
    assert_eq!(noted.len(), MAX_SHADOWED);
}
