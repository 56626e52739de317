use tidegate_shared::bundle::{AllowedOrigins, Auth, Cors, Route, Tables};
use tidegate_shared::units::Span;

use crate::kit::*;

const APP: &str = "https://app.bank.example";

fn cors() -> Cors {
    Cors {
        origins: AllowedOrigins::Listed(vec![APP.to_owned()]),
        methods: vec!["GET".to_owned(), "POST".to_owned()],
        headers: vec!["authorization".to_owned(), "content-type".to_owned()],
        expose: vec!["RateLimit".to_owned()],
        credentials: true,
        max_age: Some(Span(600_000)),
    }
}

fn world_with(cors: Cors) -> (World, tidegate_edge::Gateway) {
    let issuer = crate::authenticate::issuer();
    let tables = Tables {
        cors: vec![cors],
        issuers: vec![issuer],
        ..tables()
    };
    let auth = Auth::jwt(0);
    (
        World::new(),
        gateway(
            tables,
            vec![(
                "/a",
                Route {
                    cors: Some(0),
                    auth,
                    ..route("a")
                },
            )],
        ),
    )
}

fn preflight(origin: &str, method: &str, headers: &str) -> Request {
    request("OPTIONS /a")
        .with("origin", origin)
        .with("access-control-request-method", method)
        .with("access-control-request-headers", headers)
}

#[test]
fn a_preflight_is_answered_before_any_credential_is_asked_for() {
    let (world, gateway) = world_with(cors());
    let reply = world.reply(
        &gateway,
        &preflight(APP, "POST", "Content-Type, authorization"),
    );
    assert_eq!(reply.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", APP),
        ("access-control-allow-methods", "GET, POST"),
        (
            "access-control-allow-headers",
            "authorization, content-type",
        ),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "600"),
        ("vary", "Origin"),
    ] {
        assert_eq!(field(&reply, name).as_deref(), Some(value), "{name}");
    }
}

#[test]
fn what_is_not_allowed_is_refused() {
    let (world, gateway) = world_with(cors());
    for request in [
        preflight("https://evil.example", "POST", ""),
        preflight(APP, "DELETE", ""),
        preflight(APP, "POST", "x-other"),
    ] {
        assert_eq!(world.verdict(&gateway, &request), "403 cors-refused");
    }
}

#[test]
fn a_page_may_read_a_refusal() {
    let (world, gateway) = world_with(cors());
    let reply = world.reply(&gateway, &request("GET /a").with("origin", APP));
    assert_eq!(problem(&reply).as_deref(), Some("credential-missing"));
    assert_eq!(
        field(&reply, "access-control-allow-origin").as_deref(),
        Some(APP)
    );
    assert_eq!(
        field(&reply, "access-control-expose-headers").as_deref(),
        Some("RateLimit")
    );
    let other = world.reply(
        &gateway,
        &request("GET /a").with("origin", "https://evil.example"),
    );
    assert_eq!(field(&other, "access-control-allow-origin"), None);
    assert_eq!(field(&other, "vary").as_deref(), Some("Origin"));
}

#[test]
fn any_origin_is_a_star() {
    let any = Cors {
        origins: AllowedOrigins::Any,
        credentials: false,
        ..cors()
    };
    let (world, gateway) = world_with(any);
    let reply = world.reply(
        &gateway,
        &request("GET /a").with("origin", "https://who.example"),
    );
    assert_eq!(
        field(&reply, "access-control-allow-origin").as_deref(),
        Some("*")
    );
    assert_eq!(field(&reply, "vary"), None);
}
