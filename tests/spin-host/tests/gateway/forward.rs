//! Heads, attempts and refusals.

use jwt_simple::prelude::{Claims, Duration, HS256Key, MACLike as _};

use crate::bundle::{HOST, SECRET, bundle};
use crate::host::{Host, Options, empty, text};
use crate::origin;

#[tokio::test]
async fn passes_requests_on() {
    let dc1 = origin::nowhere().await;
    let dc2 = origin::start(None).await;
    let origins = [dc1, dc2].map(|address| format!("http://{address}"));
    let host = Host::start(Options {
        bundle: bundle(1, "up", &origins),
        ..Options::default()
    })
    .await;

    // The first origin refuses the connection, so the second one answers.
    let request = host
        .request("GET", "/head")
        .header("spin-client-addr", "192.0.2.1:80")
        .header("spin-full-url", "http://spoofed.example/")
        .header("x-forwarded-for", "192.0.2.1")
        .header("x-internal", "yes")
        .header("x-kept", "yes");
    let response = host.send(empty(request)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-served-by"], "tidegate");
    assert!(response.headers().contains_key("x-request-id"));
    let head = text(response).await;
    assert!(head.starts_with("GET /head\n"), "{head}");
    assert!(head.contains(&format!("host: {dc2}\n")), "{head}");
    assert!(
        head.contains(&format!(
            "forwarded: for=127.0.0.1;host=\"{HOST}\";proto=http\n"
        )),
        "{head}"
    );
    assert!(head.contains("x-kept: yes"), "{head}");
    for absent in ["spin-", "x-internal", "192.0.2.1"] {
        assert!(!head.contains(absent), "{head}");
    }

    // What the gateway answers itself.
    assert_eq!(host.get("/status").await, (200, "up".to_owned()));

    // A head only, over both versions of HTTP.
    for path in ["/status", "/head"] {
        let request = || empty(host.request("HEAD", path));
        for response in [host.send(request()).await, host.send_h2c(request()).await] {
            assert_eq!(response.status(), 200);
            assert_eq!(text(response).await, "");
        }
    }

    // What must not be repeated is not.
    let response = host.send(empty(host.request("POST", "/busy"))).await;
    assert_eq!(response.status(), 503);
    assert_eq!(text(response).await, "busy");

    let (status, problem) = host.get("/never").await;
    assert_eq!(status, 504);
    assert!(problem.contains("urn:tidegate:problem:origin-timeout"));

    let handshake = host
        .request("GET", "/mirror")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(host.send(empty(handshake)).await.status(), 501);
}

#[tokio::test]
async fn reads_secrets_from_variables() {
    let origins = [format!("http://{}", origin::start(None).await)];
    let host = Host::start(Options {
        bundle: bundle(1, "up", &origins),
        ..Options::default()
    })
    .await;
    assert_eq!(host.get("/private/head").await.0, 401);

    let (_, secret) = SECRET.split_once('=').unwrap();
    let claims = Claims::create(Duration::from_mins(5))
        .with_issuer("https://id.bank.example")
        .with_audience("mobile")
        .with_subject("alice");
    let token = HS256Key::from_bytes(secret.as_bytes())
        .authenticate(claims)
        .unwrap();
    let request = host
        .request("GET", "/private/head")
        .header("authorization", format!("Bearer {token}"));
    assert_eq!(host.send(empty(request)).await.status(), 200);
}
