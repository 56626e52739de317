use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_edge::{Forward, Scheme};
use tidegate_shared::bundle::{HeaderEdits, PathTemplate, Route, TemplatePart};

use crate::kit::*;

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The fields that an origin gets, of those that a request came with.
pub(crate) fn shaped(request: &Request, forward: Forward) -> HeaderMap {
    let fields = request
        .headers
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()));
    let mut headers: HeaderMap = fields.collect();
    forward.request.apply(&mut headers);
    headers
}

fn origin_sees(route: Route, request: &Request) -> HeaderMap {
    let gateway = gateway(tables(), vec![("/*", route)]);
    shaped(request, World::new().forward(&gateway, request))
}

pub(crate) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

#[test]
fn forwarded_is_the_gateways_own_word() {
    let spoofed = request("GET /a")
        .with("forwarded", "for=10.0.0.1")
        .with("x-forwarded-for", "10.0.0.1")
        .with("x-forwarded-host", "evil")
        .with("x-forwarded-proto", "http")
        .with("x-real-ip", "10.0.0.1")
        .with("x-forwarded-client-cert", "URI=spiffe://evil");
    let seen = origin_sees(route("a"), &spoofed);
    assert_eq!(
        text(&seen, "forwarded"),
        Some("for=192.0.2.7;host=\"api.bank.example\";proto=https")
    );
    for name in [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
        "x-forwarded-client-cert",
    ] {
        assert_eq!(text(&seen, name), None, "{name}");
    }
    let mut six = request("GET /a");
    six.peer.address = Some("2001:db8::1".parse().unwrap());
    six.peer.scheme = Scheme::Http;
    let seen = origin_sees(route("a"), &six);
    assert_eq!(
        text(&seen, "forwarded"),
        Some("for=\"[2001:db8::1]\";host=\"api.bank.example\";proto=http")
    );
    six.peer.address = None;
    let seen = origin_sees(route("a"), &six);
    assert_eq!(
        text(&seen, "forwarded"),
        Some("for=unknown;host=\"api.bank.example\";proto=http")
    );
}

/// RFC 9110 §7.6.1.
#[test]
fn fields_that_connection_names_are_removed() {
    let request = request("GET /a")
        .with("connection", "x-secret-hop, close")
        .with("x-secret-hop", "1")
        .with("x-kept", "1");
    let seen = origin_sees(route("a"), &request);
    assert_eq!(text(&seen, "x-secret-hop"), None);
    assert_eq!(text(&seen, "x-kept"), Some("1"));
}

#[test]
fn a_trace_goes_on_or_begins() {
    let going = request("GET /a")
        .with("traceparent", TRACEPARENT)
        .with("tracestate", "a=1");
    let seen = origin_sees(route("a"), &going);
    assert_eq!(
        text(&seen, "traceparent"),
        Some("00-0af7651916cd43dd8448eb211c80319c-1112131415161718-01")
    );
    assert_eq!(text(&seen, "tracestate"), Some("a=1"));
    for broken in [
        "",
        "00-0-0-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ] {
        let beginning = request("GET /a")
            .with("traceparent", broken)
            .with("tracestate", "a=1");
        let seen = origin_sees(route("a"), &beginning);
        assert_eq!(
            text(&seen, "traceparent"),
            Some("00-0102030405060708090a0b0c0d0e0f10-1112131415161718-00")
        );
        assert_eq!(text(&seen, "tracestate"), None);
    }
    assert_eq!(
        text(&seen, "x-request-id"),
        Some("0102030405060708090a0b0c0d0e0f10")
    );
}

#[test]
fn headers_are_removed_then_set_then_added() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let edits = HeaderEdits {
        remove: vec!["x-a".to_owned(), "x-b".to_owned()],
        set: vec![pair("x-b", "set"), pair("x-c", "set")],
        add: vec![pair("x-c", "added")],
    };
    let sent = request("GET /a")
        .with("x-a", "1")
        .with("x-b", "1")
        .with("x-c", "1");
    let seen = origin_sees(
        Route {
            request_headers: edits,
            ..route("a")
        },
        &sent,
    );
    assert_eq!(text(&seen, "x-a"), None);
    assert_eq!(text(&seen, "x-b"), Some("set"));
    let all: Vec<_> = seen
        .get_all(HeaderName::from_static("x-c"))
        .iter()
        .collect();
    assert_eq!(all, ["set", "added"]);
}

#[test]
fn paths_are_rewritten_and_the_query_kept() {
    let literal = |text: &str| TemplatePart::Literal(text.to_owned());
    let template = PathTemplate(vec![
        literal("/x/"),
        TemplatePart::Parameter("id".to_owned()),
        literal("/y/"),
        TemplatePart::Rest,
    ]);
    let gateway = gateway(
        tables(),
        vec![
            (
                "/a/{id}/*",
                Route {
                    rewrite: Some(template),
                    ..route("a")
                },
            ),
            ("/*", route("plain")),
        ],
    );
    let world = World::new();
    for (line, path) in [
        ("GET /a/7/b/c?q=1&r=%2F", "/x/7/y/b/c?q=1&r=%2F"),
        ("GET /a/%41%20", "/x/A%20/y/"),
        ("GET /b/./c/../d?", "/b/d?"),
    ] {
        assert_eq!(
            world.forward(&gateway, &request(line)).path_and_query,
            path,
            "{line}"
        );
    }
}

#[test]
fn an_upgrade_is_seen() {
    let gateway = gateway(tables(), vec![("/*", route("a"))]);
    let world = World::new();
    let socket = request("GET /")
        .with("upgrade", "websocket")
        .with("connection", "keep-alive, Upgrade");
    assert!(world.forward(&gateway, &socket).upgrade);
    let stray = request("GET /").with("upgrade", "websocket");
    assert!(!world.forward(&gateway, &stray).upgrade);
}
