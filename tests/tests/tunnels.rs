//! Origins that no connection reaches from outside: their connectors dial the gateway. Real
//! processes, real TLS, and a way between them that can be cut.

#![cfg(test)]

#[path = "tunnels/authority.rs"]
mod authority;
#[path = "tunnels/chaos.rs"]
mod chaos;
#[path = "tunnels/edge.rs"]
mod edge;
#[path = "tunnels/hostile.rs"]
mod hostile;
#[path = "tunnels/origin.rs"]
mod origin;
#[path = "tunnels/program.rs"]
mod program;
#[path = "tunnels/scene.rs"]
mod scene;
#[path = "tunnels/worker.rs"]
mod worker;

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tidegate_tests::client;
use tidegate_tests::stage::root;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use scene::{Scene, ask, comes_back, free};

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_an_origin_that_nothing_listens_before() {
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let refused = ask(gateway.address, "/").await;
    assert_eq!(refused.status, 502);
    let _connector = scene.connector("dc1", &[gateway.tunnels], 2);
    gateway.program.logged("tunnel open").await;
    let answer = ask(gateway.address, "/").await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"origin"[..]));
    gateway.program.logged("tunnel open").await;
    let metrics = ask(gateway.admin, "/metrics").await.body;
    let metrics = String::from_utf8_lossy(&metrics);
    let open = r#"tidegate_gateway_tunnels{connector="CONNECTOR"} 2"#;
    let open = open.replace("CONNECTOR", &scene::connector_id("dc1"));
    assert!(metrics.contains(&open), "{metrics}");
    // A body of some size, both ways.
    let body = Bytes::from(vec![7; 4 << 20]);
    let post = Request::post("/echo")
        .header("host", "api.bank.example")
        .body(Full::new(body.clone()))
        .unwrap();
    let answer = client::exchange(gateway.address, post).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass() {
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let _connector = scene.connector("dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let io = TokioIo::new(stream);
    let executor = TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::post("http://api.bank.example/trailers").header("te", "trailers");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), "message");
}

#[tokio::test(flavor = "multi_thread")]
async fn websockets_pass() {
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let _connector = scene.connector("dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    let stream = TcpStream::connect(gateway.address).await.unwrap();
    let url = "ws://api.bank.example/websocket";
    let (mut socket, answer) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(answer.status(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        let echo = program::patient(socket.next()).await.unwrap().unwrap();
        assert_eq!(echo, Message::text(text));
    }
    // Beside requests on the same tunnel.
    assert_eq!(ask(gateway.address, "/").await.status, 200);
    socket.close(None).await.unwrap();
    // What the origin does not switch is answered as it answers.
    let plain = Request::get("/")
        .header("host", "api.bank.example")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = client::exchange(gateway.address, plain).await.unwrap();
    assert_eq!(answer.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_is_killed_comes_back_and_another_place_answers_meanwhile() {
    let scene = Scene::open(&["dc1", "dc2"]).await;
    let mut gateway = scene.gateway().await;
    let mut first = scene.connector("dc1", &[gateway.tunnels], 2);
    for _ in 0..2 {
        gateway.program.logged("tunnel open").await;
    }
    assert_eq!(ask(gateway.address, "/").await.status, 200);
    let second = scene.connector("dc2", &[gateway.tunnels], 2);
    while gateway.program.logged("tunnel open").await["connector"] != scene::connector_id("dc2") {}
    first.kill().await;
    for _ in 0..2 {
        gateway.program.logged("tunnel closed").await;
    }
    for _ in 0..10 {
        assert_eq!(ask(gateway.address, "/").await.status, 200);
    }
    second.stop().await;
    assert_eq!(ask(gateway.address, "/").await.status, 502);
    let _back = scene.connector("dc1", &[gateway.tunnels], 2);
    let away = comes_back(gateway.address).await;
    assert!(away < Duration::from_secs(5), "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_killed_is_dialled_again_once_it_is_back() {
    let scene = Scene::open(&["dc1"]).await;
    let (listen, tunnels) = (free().await, free().await);
    let mut gateway = scene.gateway_at(listen, tunnels).await;
    let mut connector = scene.connector("dc1", &[tunnels], 2);
    gateway.program.logged("tunnel open").await;
    assert_eq!(ask(listen, "/").await.status, 200);
    gateway.program.kill().await;
    connector.logged("tunnel closed").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let _again = scene.gateway_at(listen, tunnels).await;
    // A pause is `backoff` at most, 500 ms here.
    let away = comes_back(listen).await;
    assert!(away < Duration::from_secs(3), "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_requests_are_known_to_be_the_gateways() {
    let mut scene = Scene::open(&["dc1"]).await;
    scene.signed = true;
    let scene = scene.install(&["dc1"]);
    let mut gateway = scene.gateway().await;
    let mut connector = scene.connector("dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    for _ in 0..3 {
        assert_eq!(ask(gateway.address, "/").await.status, 200);
        let line = connector.logged("request").await;
        assert_eq!(line["signed_by"], "edge-signing");
        assert_eq!(line["identity"], scene::GATEWAY_ID);
    }
    // A policy that does not sign reaches nothing.
    scene.publish_with(&["dc1"], "");
    let begun = Instant::now();
    while ask(gateway.address, "/").await.status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(ask(gateway.address, "/").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_no_longer_names_a_connector_lets_go_of_its_tunnels() {
    let scene = Scene::open(&["dc1", "dc2"]).await;
    let mut gateway = scene.gateway().await;
    let mut connector = scene.connector("dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    scene.publish(&["dc2"]);
    let line = gateway.program.logged("tunnel closed").await;
    let cause = line["cause"].as_str().unwrap();
    assert!(cause.contains("no origin of the policy"), "{cause}");
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "declined");
    scene.publish(&["dc1"]);
    gateway.program.logged("tunnel open").await;
    assert_eq!(ask(gateway.address, "/").await.status, 200);
}

/// What the documentation shows is run as it stands, but for where things are.
#[tokio::test(flavor = "multi_thread")]
async fn the_documented_connector_dials() {
    let page = root().join("../docs/connector.md");
    let page = std::fs::read_to_string(page).unwrap();
    let blocks = page.split("```toml\n").skip(1);
    let mut blocks = blocks.filter_map(|rest| rest.split("```").next());
    let shown = blocks.find(|block| block.contains("[[dial]]")).unwrap();
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let mut text = shown.to_owned();
    for (what, here) in [
        ("tunnels.ams.edge.example:8444", gateway.tunnels.to_string()),
        (
            "accounts.bank.svc.cluster.local:8080",
            scene.origin.address.to_string(),
        ),
        ("edge-ca.pem", "edge.pem".to_owned()),
    ] {
        assert!(text.contains(what), "{what}");
        text = text.replace(what, &here);
    }
    let leaf = scene.mesh.issue(&scene::connector_id("dc1"));
    leaf.write(scene.folder.path(), "connector");
    std::fs::write(scene.path("documented.toml"), text).unwrap();
    let _connector = program::connector(&scene.path("documented.toml"));
    for _ in 0..2 {
        gateway.program.logged("tunnel open").await;
    }
    assert_eq!(ask(gateway.address, "/").await.status, 200);
}
