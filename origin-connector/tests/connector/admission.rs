//! Who gets in, and where.

use http::Request;

use crate::authority::{Authority, GATEWAY_ID};
use crate::client::{Client, connect_by, full, problem, refused};
use crate::origin::Origin;
use crate::program::{Setup, in_front_of, patient};

#[tokio::test]
async fn a_known_gateway_reaches_the_backend_over_both_versions() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    assert_eq!(
        connector.http1().await.get("/a?b=c").await,
        (200, "origin".into())
    );
    let line = connector.logged("request").await;
    assert_eq!(line["target"], "access");
    assert_eq!(line["identity"], GATEWAY_ID);
    assert_eq!(line["backend"], "accounts");
    assert_eq!(line["status"], 200);
    assert_eq!(line["path"], "/a");
    assert_eq!(line["complete"], true);
    assert_eq!(line["trace_id"].as_str().unwrap().len(), 32);
    assert_eq!(
        connector.http2().await.get("/a?b=c").await,
        (200, "origin".into())
    );
    assert_eq!(connector.logged("request").await["version"], "HTTP/2.0");
    let targets: Vec<_> = origin
        .seen()
        .iter()
        .map(|parts| parts.uri.to_string())
        .collect();
    assert_eq!(targets, ["/a?b=c", "/a?b=c"]);
}

#[tokio::test]
async fn a_caller_without_an_acceptable_certificate_gets_no_further_than_the_handshake() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let edge = &connector.setup.edge;
    let cases = [
        (None, "no-certificate"),
        (
            Some(Authority::new().issue(&[GATEWAY_ID])),
            "unknown-authority",
        ),
        (
            Some(edge.impostor().issue(&[GATEWAY_ID])),
            "unknown-authority",
        ),
        (Some(edge.issue_expired(&[GATEWAY_ID])), "expired"),
        (
            Some(edge.issue(&["https://edge.example/gateway"])),
            "no-identity",
        ),
        (
            Some(edge.issue(&[GATEWAY_ID, "spiffe://edge.example/b"])),
            "no-identity",
        ),
        (Some(edge.issue(&["*.edge.example"])), "no-identity"),
    ];
    for (leaf, reason) in cases {
        let error = refused(connector.address, &connector.setup.mesh, leaf.as_ref()).await;
        assert!(error.to_string().contains("alert"), "{reason}: {error}");
        let line = connector.logged("handshake refused").await;
        assert_eq!(line["reason"], reason);
        assert!(line["peer"].as_str().unwrap().starts_with("127.0.0.1:"));
        assert!(!line["error"].as_str().unwrap().is_empty());
    }
    let rest = connector.stop().await;
    assert!(
        !rest
            .iter()
            .any(|line| line["message"] == "handshake refused")
    );
    assert_eq!(origin.seen().len(), 0);
}

#[tokio::test]
async fn a_known_caller_without_permission_is_refused_before_the_backend() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let stranger = connector.setup.edge.issue(&["spiffe://edge.example/other"]);
    let mesh = &connector.setup.mesh;
    let mut client = Client::http2(connector.address, mesh, &stranger).await;
    let request = Request::get("/").body(full("")).unwrap();
    let refusal = problem(client.send(request).await).await;
    assert_eq!(refusal, (403, "caller-refused".into()));
    let line = connector.logged("request").await;
    assert_eq!(line["identity"], "spiffe://edge.example/other");
    assert_eq!(line["status"], 403);
    assert_eq!(line["problem"], "caller-refused");
    assert_eq!(line["cause"], "the caller may not reach backend `accounts`");
    assert_eq!(origin.seen().len(), 0);
}

#[tokio::test]
async fn tls_1_2_is_spoken_only_where_it_is_configured() {
    let origin = Origin::start().await;
    for (version, spoken) in [("1.3", false), ("1.2", true)] {
        let mut setup = Setup::new().backend("accounts", origin.address, "");
        setup.min_version = version;
        let connector = setup.start().await;
        let versions = [&rustls::version::TLS12];
        let mesh = &connector.setup.mesh;
        let gateway = Some(&connector.gateway);
        let stream = connect_by(connector.address, mesh, gateway, "h2", &versions).await;
        assert_eq!(stream.is_ok(), spoken, "{version}");
    }
}

#[tokio::test]
async fn a_connection_ends_with_the_certificate() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    // Certificates count whole seconds, so this one is valid for one at least.
    let leaf = connector.setup.edge.issue_for(&[GATEWAY_ID], 2);
    let mesh = &connector.setup.mesh;
    let mut client = Client::http2(connector.address, mesh, &leaf).await;
    assert_eq!(client.get("/").await.0, 200);
    patient(client.closed()).await;
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn connections_above_the_limit_wait_their_turn() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let connector = setup.with("[limits]\nconnections = 1").start().await;
    let mut first = connector.http2().await;
    assert_eq!(first.get("/").await.0, 200);
    let second = connector.http2();
    tokio::pin!(second);
    // The second handshake cannot even begin while the first connection answers.
    tokio::select! {
        biased;
        _ = &mut second => panic!("the limit does not hold"),
        (status, _) = first.get("/") => assert_eq!(status, 200),
    }
    drop(first);
    assert_eq!(patient(second).await.get("/").await.0, 200);
}

#[tokio::test]
async fn a_dns_name_is_an_identity_too() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend_for("a", origin.address, "dns:edge.bank.example", "");
    let connector = setup.start().await;
    let leaf = connector.setup.edge.issue(&["edge.bank.example"]);
    let mesh = &connector.setup.mesh;
    let mut client = Client::http1(connector.address, mesh, &leaf).await;
    assert_eq!(client.get("/").await.0, 200);
}

#[tokio::test]
async fn the_host_and_the_longest_prefix_choose_the_backend() {
    let (accounts, trading) = (Origin::start().await, Origin::start().await);
    let host = "host = \"trading.bank.example\"\npath_prefix = \"/v1\"";
    let setup = Setup::new()
        .backend(
            "accounts",
            accounts.address,
            "path_prefix = \"/v1/accounts\"",
        )
        .backend("trading", trading.address, host);
    let connector = setup.start().await;
    let mut client = connector.http2().await;
    let forwarded = "for=192.0.2.1;host=\"trading.bank.example\";proto=https";
    let request = |path: &str| {
        let request = Request::get(path).header("forwarded", forwarded);
        request.body(full("")).unwrap()
    };
    assert_eq!(client.send(request("/v1/accounts/7")).await.status(), 200);
    assert_eq!(trading.only_head()["host"], "trading.bank.example");
    assert_eq!(client.get("/v1/accounts/7").await.0, 200);
    assert_eq!(accounts.seen().len(), 1);
    let refusal = problem(client.send(request("/v2")).await).await;
    assert_eq!(refusal, (404, "backend-unknown".into()));
    let refusal = problem(client.send(request("/v1/a%2F../b")).await).await;
    assert_eq!(refusal, (400, "path-invalid".into()));
    assert_eq!((accounts.seen().len(), trading.seen().len()), (1, 1));
}
