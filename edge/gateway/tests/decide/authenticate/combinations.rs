//! Several credentials on one route.

use serde_json::json;
use tidegate_shared::bundle::{CallerFact, CallerFacts, TokenSource};

use super::*;
use crate::limit::each;
use crate::shape::{shaped, text};

const FORWARD: &str = "forward";
const MISSING: &str = "401 credential-missing";
const INVALID: &str = "401 credential-invalid";
const SCOPES: &str = "403 scope-insufficient";

/// Issuer 0 has its tokens in `Authorization`, issuer 1 in a cookie; ring 0 has its keys in
/// `X-Api-Key`.
fn world() -> Tables {
    let mut tables = tables();
    let session = Issuer {
        name: "session".to_owned(),
        issuer: "https://session.bank.example".to_owned(),
        source: TokenSource::Cookie("session".to_owned()),
        ..issuer()
    };
    tables.issuers = vec![issuer(), session];
    tables.api_keys = vec![partners()];
    tables.upstreams[0].caller = CallerFacts {
        headers: vec![
            ("x-caller".to_owned(), CallerFact::Subject),
            ("x-scopes".to_owned(), CallerFact::Scopes),
        ],
        token: None,
        remove_credential: true,
    };
    tables.limits = vec![each(1)];
    tables
}

fn gateway_for(auth: Auth) -> Gateway {
    gateway(world(), vec![("/a", Route { auth, ..route("a") })])
}

fn scoped(scope: &str) -> Auth {
    Auth::Jwt(JwtAuth {
        issuers: vec![0],
        scopes: vec![scope.to_owned()],
    })
}

/// A request with some of: a token, a key, a session.
fn calling(token: Option<&str>, key: Option<&str>, session: Option<&str>) -> Request {
    let mut request = request("GET /a");
    if let Some(token) = token {
        request = request.with("authorization", format!("Bearer {token}"));
    }
    if let Some(key) = key {
        request = request.with("x-api-key", key);
    }
    if let Some(session) = session {
        request = request.with("cookie", format!("session={session}; theme=dark"));
    }
    request
}

fn good() -> String {
    hs256(&claims())
}

fn session() -> String {
    let mut claims = with("iss", json!("https://session.bank.example"));
    claims["sub"] = json!("bob");
    claims["scope"] = json!("desk");
    hs256(&claims)
}

#[test]
fn the_first_credential_that_is_carried_decides() {
    let either = || vec![scoped("accounts:read"), Auth::api_key(0)];
    let token = good();
    let narrow = hs256(&with("scope", json!("other")));
    for open in [false, true] {
        let mut alternatives = either();
        if open {
            alternatives.push(Auth::Anonymous);
        }
        let gateway = gateway_for(Auth::Any(alternatives));
        let nobody = if open { FORWARD } else { MISSING };
        for (token, key, expected) in [
            (None, None, nobody),
            (Some(token.as_str()), None, FORWARD),
            (None, Some("key"), FORWARD),
            // What is bad gives way to nothing.
            (Some("nonsense"), None, INVALID),
            (Some("nonsense"), Some("key"), INVALID),
            (None, Some("other"), INVALID),
            (None, Some(""), INVALID),
            // The later one is not looked at.
            (Some(&token), Some("other"), FORWARD),
            // Scopes are those of the alternative that decided.
            (Some(&narrow), None, SCOPES),
            (Some(&narrow), Some("key"), SCOPES),
        ] {
            let request = calling(token, key, None);
            let verdict = World::new().verdict(&gateway, &request);
            assert_eq!(verdict, expected, "{token:?} {key:?}, open: {open}");
        }
        let twice = calling(Some("a, Bearer b"), Some("key"), None);
        let verdict = World::new().verdict(&gateway, &twice);
        assert_ne!(verdict, FORWARD, "several tokens, open: {open}");
    }
}

/// RFC 9110 §11.6.1.
#[test]
fn who_carries_nothing_is_told_of_every_alternative() {
    let gateway = gateway_for(Auth::Any(vec![Auth::jwt(0), Auth::api_key(0)]));
    let challenges = |request: &Request| {
        let reply = World::new().reply(&gateway, request);
        let fields = reply.headers.iter();
        let fields = fields.filter(|(name, _)| name == "www-authenticate");
        let texts = fields.map(|(_, value)| value.to_str().unwrap().to_owned());
        texts.collect::<Vec<_>>()
    };
    let key = "ApiKey realm=\"bank\", header=\"x-api-key\"";
    let all = challenges(&calling(None, None, None));
    assert_eq!(all, ["Bearer realm=\"bank\"", key]);
    let bad = challenges(&calling(None, Some("other"), None));
    assert_eq!(bad, [key]);
}

#[test]
fn all_credentials_must_hold_and_the_first_says_who_calls() {
    let gateway = gateway_for(Auth::All(vec![Auth::api_key(0), scoped("accounts:read")]));
    let (token, world) = (good(), World::new());
    let narrow = hs256(&with("scope", json!("other")));
    for (token, key, expected) in [
        (Some(token.as_str()), Some("key"), FORWARD),
        (Some(&token), None, MISSING),
        (Some(&token), Some("other"), INVALID),
        (None, Some("key"), MISSING),
        (Some("nonsense"), Some("key"), INVALID),
        (Some(&narrow), Some("key"), SCOPES),
        (None, None, MISSING),
    ] {
        let verdict = world.verdict(&gateway, &calling(token, key, None));
        assert_eq!(verdict, expected, "{token:?} {key:?}");
    }
    let request = calling(Some(&token), Some("key"), None);
    let seen = shaped(&request, world.forward(&gateway, &request));
    assert_eq!(text(&seen, "x-caller"), Some("acme"));
    assert_eq!(
        text(&seen, "x-scopes"),
        Some("accounts:read transfers:write")
    );
}

/// The claims of two tokens are not mixed: the second could be of another subject.
#[test]
fn of_two_tokens_the_first_speaks() {
    let gateway = gateway_for(Auth::All(vec![Auth::jwt(0), Auth::jwt(1)]));
    let (token, session, world) = (good(), session(), World::new());
    let request = calling(Some(&token), None, Some(&session));
    let seen = shaped(&request, world.forward(&gateway, &request));
    assert_eq!(text(&seen, "x-caller"), Some("alice"));
    assert_eq!(
        text(&seen, "x-scopes"),
        Some("accounts:read transfers:write")
    );
    let verdict = world.verdict(&gateway, &calling(Some(&token), None, Some("bad")));
    assert_eq!(verdict, INVALID);
    let third = request.with("authorization", format!("Bearer {token}"));
    let verdict = world.verdict(&gateway, &third);
    assert_eq!(verdict, "400 credential-ambiguous");
}

#[test]
fn part_of_a_combination_makes_nobody_anonymous() {
    let both = || Auth::All(vec![Auth::jwt(0), Auth::api_key(0)]);
    let open = gateway_for(Auth::Any(vec![both(), Auth::Anonymous]));
    let world = World::new();
    assert_eq!(world.verdict(&open, &calling(None, None, None)), FORWARD);
    for (token, key) in [(Some(good()), None), (None, Some("key"))] {
        let request = calling(token.as_deref(), key, None);
        assert_eq!(world.verdict(&open, &request), MISSING, "{token:?} {key:?}");
    }
    // What is enough by itself is.
    let either = gateway_for(Auth::Any(vec![both(), Auth::api_key(0)]));
    let request = calling(None, Some("key"), None);
    assert_eq!(world.verdict(&either, &request), FORWARD);
}

#[test]
fn no_carrier_of_any_alternative_reaches_the_origin() {
    let auth = Auth::Any(vec![
        Auth::jwt(0),
        Auth::All(vec![Auth::jwt(1), Auth::api_key(0)]),
        Auth::Anonymous,
    ]);
    let (gateway, world) = (gateway_for(auth), World::new());
    let request = calling(Some(&good()), Some("other"), Some("whatever"));
    let seen = shaped(&request, world.forward(&gateway, &request));
    assert_eq!(text(&seen, "authorization"), None);
    assert_eq!(text(&seen, "x-api-key"), None);
    assert_eq!(text(&seen, "cookie"), Some("theme=dark"));
}

/// Anonymous callers are counted by their addresses, apart from everyone who is known.
#[test]
fn limits_by_caller_count_anonymous_ones_by_address() {
    let auth = Auth::Any(vec![Auth::api_key(0), Auth::Anonymous]);
    let route = Route {
        auth,
        limits: vec![0],
        ..route("a")
    };
    let (gateway, world) = (gateway(world(), vec![("/a", route)]), World::new());
    let from = |last: u8| {
        let mut request = calling(None, None, None);
        request.peer.address = Some([192, 0, 2, last].into());
        request
    };
    let known = calling(None, Some("key"), None);
    for (request, expected) in [
        (from(1), FORWARD),
        (from(1), "429 rate-limited"),
        (from(2), FORWARD),
        (known, FORWARD),
    ] {
        assert_eq!(world.verdict(&gateway, &request), expected);
    }
}
