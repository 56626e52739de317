//! Where a request has its token.

use tidegate_shared::bundle::{AllowedOrigins, Cors, TokenSource};

use super::*;

const AMBIGUOUS: &str = "400 credential-ambiguous";
const MISSING: &str = "401 credential-missing";

fn gateway_from(source: TokenSource) -> Gateway {
    gateway_with(Issuer { source, ..issuer() }, &[])
}

fn cookie() -> TokenSource {
    TokenSource::Cookie("session".to_owned())
}

fn good() -> String {
    hs256(&claims())
}

fn check(source: &TokenSource, request: &Request, expected: &str) {
    let found = World::new().verdict(&gateway_from(source.clone()), request);
    assert_eq!(
        found, expected,
        "{source:?} {:?} {:?}",
        request.target, request.headers
    );
}

/// RFC 6750 §2.1.
#[test]
fn in_authorization() {
    let source = TokenSource::Authorization;
    let token = good();
    for (field, expected) in [
        (format!("Bearer {token}"), "forward"),
        (format!("bEARER   {token} "), "forward"),
        (format!("Bearer {token}, Bearer {token}"), AMBIGUOUS),
        (format!("Bearer {token},{token}"), AMBIGUOUS),
        (format!("Bearer {token},"), "forward"),
        (format!("Basic YTpi, Bearer {token}"), MISSING),
        (token.clone(), MISSING),
        ("Bearer".to_owned(), MISSING),
        ("Bearer ".to_owned(), MISSING),
        ("Bearer ,".to_owned(), MISSING),
    ] {
        check(
            &source,
            &request("GET /a").with("authorization", field),
            expected,
        );
    }
    let twice = bearer(&token).with("authorization", format!("Bearer {token}"));
    check(&source, &twice, AMBIGUOUS);
    // The place of RFC 6750 §2.3 counts, although nothing is read from it.
    let field = format!("Bearer {token}");
    let both = request("GET /a?access%5Ftoken=x").with("authorization", field.clone());
    check(&source, &both, AMBIGUOUS);
    let other = request("GET /a?token=x&access_token=").with("authorization", field);
    check(&source, &other, "forward");
    check(
        &source,
        &request(&format!("GET /a?access_token={token}")),
        MISSING,
    );
}

#[test]
fn in_a_field_of_its_own() {
    let source = TokenSource::Header("x-token".to_owned());
    let token = good();
    check(
        &source,
        &request("GET /a").with("x-token", &token),
        "forward",
    );
    check(&source, &request("GET /a").with("x-token", ""), MISSING);
    check(&source, &bearer(&token), MISSING);
    let twice = request("GET /a")
        .with("x-token", &token)
        .with("x-token", &token);
    check(&source, &twice, AMBIGUOUS);
    check(&source, &bearer("x").with("x-token", &token), AMBIGUOUS);
    // Not a token, and not two of them.
    let basic = request("GET /a")
        .with("x-token", &token)
        .with("authorization", "Basic YTpi");
    check(&source, &basic, "forward");
}

#[test]
fn in_a_cookie() {
    let token = good();
    for (field, expected) in [
        (format!("session={token}"), "forward"),
        (format!("a=b; session={token}; c=d"), "forward"),
        (format!("sessions=x;session={token}"), "forward"),
        (format!("session=; session={token}"), "forward"),
        (format!("session={token}; session=x"), AMBIGUOUS),
        (format!("Session={token}"), MISSING),
        ("session".to_owned(), MISSING),
        ("session=".to_owned(), MISSING),
    ] {
        check(
            &cookie(),
            &request("GET /a").with("cookie", field),
            expected,
        );
    }
    let fields = request("GET /a")
        .with("cookie", "a=b")
        .with("cookie", format!("session={token}"));
    check(&cookie(), &fields, "forward");
    let both = bearer("x").with("cookie", format!("session={token}"));
    check(&cookie(), &both, AMBIGUOUS);
}

/// RFC 6750 §5.3: whoever keeps tokens in cookies must see to forged requests.
#[test]
fn cookies_of_another_sites_page() {
    let field = format!("session={}", good());
    let send = |line: &str, name: &'static str, value: &str| {
        request(line).with("cookie", &field).with(name, value)
    };
    const REFUSED: &str = "403 cors-refused";
    for (request, expected) in [
        (send("GET /a", "origin", "https://evil.example"), "forward"),
        (send("POST /a", "accept", "*/*"), "forward"),
        (send("POST /a", "origin", "https://evil.example"), REFUSED),
        (send("POST /a", "origin", "null"), REFUSED),
        (send("POST /a", "origin", ""), REFUSED),
        (
            send("POST /a", "origin", "https://api.bank.example.evil.example"),
            REFUSED,
        ),
        (
            send("POST /a", "origin", "https://api.bank.example"),
            "forward",
        ),
        (send("DELETE /a", "sec-fetch-site", "cross-site"), REFUSED),
        (send("DELETE /a", "sec-fetch-site", "same-site"), REFUSED),
        (
            send("DELETE /a", "sec-fetch-site", "same-origin"),
            "forward",
        ),
        (send("DELETE /a", "sec-fetch-site", "none"), "forward"),
    ] {
        check(&cookie(), &request, expected);
    }
    let socket = send("GET /a", "origin", "https://evil.example")
        .with("connection", "Upgrade")
        .with("upgrade", "websocket");
    check(&cookie(), &socket, REFUSED);
    // A token that the page itself puts into the request is its own will.
    let own = bearer(&good()).with("origin", "https://evil.example");
    check(&TokenSource::Authorization, &own, "forward");
}

#[test]
fn cookies_of_an_allowed_page() {
    for (credentials, expected) in [(true, "forward"), (false, "403 cors-refused")] {
        let tables = Tables {
            issuers: vec![Issuer {
                source: cookie(),
                ..issuer()
            }],
            cors: vec![Cors {
                origins: AllowedOrigins::Listed(vec!["https://app.bank.example".to_owned()]),
                methods: vec!["POST".to_owned()],
                headers: vec![],
                expose: vec![],
                credentials,
                max_age: None,
            }],
            ..tables()
        };
        let auth = Auth::jwt(0);
        let route = Route {
            auth,
            cors: Some(0),
            ..route("a")
        };
        let gateway = gateway(tables, vec![("/a", route)]);
        let request = request("POST /a")
            .with("cookie", format!("session={}", good()))
            .with("origin", "https://app.bank.example");
        assert_eq!(World::new().verdict(&gateway, &request), expected);
    }
}

/// RFC 6750 §2.3: the origin does not get the token, and no shared cache keeps the answer.
#[test]
fn in_the_query() {
    let source = TokenSource::Query("token".to_owned());
    let gateway = gateway_from(source.clone());
    let token = good();
    for (query, left) in [
        (format!("token={token}"), ""),
        (format!("a=1&token={token}&b=%20"), "?a=1&b=%20"),
        (format!("t%6fken={token}&token="), ""),
    ] {
        let forward = World::new().forward(&gateway, &request(&format!("GET /a?{query}")));
        assert_eq!(forward.path_and_query, format!("/a{left}"));
        let edits = gateway.respond(&forward.exchange, &Ok200);
        assert!(
            edits
                .add
                .iter()
                .any(|(name, value)| name == "cache-control" && value == "private")
        );
    }
    for (line, expected) in [
        (format!("GET /a?token={token}&token={token}"), AMBIGUOUS),
        (format!("GET /a?token={token}&access_token=x"), AMBIGUOUS),
        ("GET /a?token=".to_owned(), MISSING),
        ("GET /a?token".to_owned(), MISSING),
        ("GET /a".to_owned(), MISSING),
    ] {
        check(&source, &request(&line), expected);
    }
}

#[test]
fn several_tokens_are_an_invalid_request() {
    let gateway = gateway_from(TokenSource::Authorization);
    let reply = World::new().reply(&gateway, &bearer("a, b"));
    assert_eq!(
        field(&reply, "www-authenticate").as_deref(),
        Some("Bearer realm=\"bank\", error=\"invalid_request\"")
    );
}

pub(crate) struct Ok200;

impl tidegate_edge::ResponseHead for Ok200 {
    fn status(&self) -> u16 {
        200
    }

    fn header(&self, _: &http::HeaderName) -> Option<std::borrow::Cow<'_, str>> {
        None
    }
}
