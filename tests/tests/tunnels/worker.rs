//! Connectors that dial a Worker: a Durable Object holds their WebSockets. `cargo xtask build workers`
//! comes first.

#[path = "worker/hostile.rs"]
mod hostile;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;
use tidegate_tests::client;
use tidegate_tests::stage::root;
use tidegate_tests::workerd::{WorkerConfig, Workerd};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::authority::{Authority, Leaf};
use crate::chaos::{CALLERS, Load, MOMENT, Way, tally};
use crate::edge::{Edge, HOST, PLATFORM};
use crate::origin::LONG;
use crate::program::{Program, patient};
use crate::scene::{Scene, ask, comes_back, connector_id, get};

const ALPN: &str = "tidegate-tunnel/1";

/// The Worker with the policy of a scene.
struct Worker {
    workerd: Workerd,
    edge: Edge,
    web: Authority,
}

fn config(scene: &Scene, tunnels: bool) -> WorkerConfig {
    WorkerConfig {
        script_directory: root().join("../target/workers"),
        bundle: Some(std::fs::read(scene.path("bundle")).unwrap()),
        namespace: None,
        trust: scene.trust.clone(),
        identities: vec![],
        variables: vec![("TIDEGATE_REFRESH".to_owned(), "0".to_owned())],
        secrets: scene.secrets(),
        stores: vec![],
        limits: None,
        tunnels,
        isolates: 1,
        platform_header: Some(PLATFORM.to_owned()),
    }
}

fn section(name: &str, gateway: SocketAddr, tunnels: usize) -> String {
    format!(
        "[[dial]]\nname = \"{name}\"\ngateway = \"wss://{gateway}\"\nidentity = \"dns:{HOST}\"\n\
         authority = \"web.pem\"\ntunnels = {tunnels}\nkeep_alive = \"5s\"\nbackoff = \"500ms\"\n"
    )
}

impl Worker {
    async fn start(scene: &Scene) -> Self {
        let workerd = Workerd::start(&config(scene, true)).await.unwrap();
        let web = Authority::new();
        web.write(&scene.path("web.pem"));
        let edge = Edge::start(&web, &scene.mesh, workerd.address()).await;
        Self { workerd, edge, web }
    }

    fn address(&self) -> SocketAddr {
        self.workerd.address()
    }

    /// The next line of the Worker's log with this message.
    async fn logged(&mut self, message: &str) -> Value {
        let line = async {
            loop {
                let line = self.workerd.log().recv().await.unwrap();
                let line = serde_json::from_str(&line).unwrap_or(Value::Null);
                if line["message"] == message {
                    return line;
                }
            }
        };
        patient(line).await
    }

    /// A connector that dials it.
    fn connector(&self, scene: &Scene, place: &str, tunnels: usize) -> Program {
        self.connector_as(
            scene,
            &scene.mesh.issue(&connector_id(place)),
            place,
            tunnels,
        )
    }

    fn connector_as(&self, scene: &Scene, leaf: &Leaf, place: &str, tunnels: usize) -> Program {
        let dial = section("edge", self.edge.address, tunnels);
        scene.connector_with(leaf, place, &format!("dns:{HOST}"), &dial)
    }

    /// A connector and its tunnels.
    async fn connected(&mut self, scene: &Scene, place: &str, tunnels: usize) -> Program {
        let connector = self.connector(scene, place, tunnels);
        for _ in 0..tunnels {
            self.logged("tunnel open").await;
        }
        connector
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_reach_an_origin_through_a_durable_object() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let refused = ask(worker.address(), "/").await;
    assert_eq!(refused.status, 502);
    let _connector = worker.connected(&scene, "dc1", 2).await;
    let answer = ask(worker.address(), "/").await;
    assert_eq!((answer.status, &answer.body[..]), (200, &b"origin"[..]));
    assert_eq!(answer.field("content-length").as_deref(), Some("6"));
    // A body of some size, both ways.
    let body = Bytes::from(
        (0..4 << 20)
            .map(|n: u32| n.to_le_bytes()[1])
            .collect::<Vec<_>>(),
    );
    let post = Request::post("/echo")
        .header("host", "api.bank.example")
        .body(Full::new(body.clone()))
        .unwrap();
    let answer = client::exchange(worker.address(), post).await.unwrap();
    assert_eq!(answer.status, 200);
    assert!(answer.body == body);
    // Heads without a body.
    let head = Request::head("/").header("host", "api.bank.example");
    let head = head.body(Full::<Bytes>::default()).unwrap();
    let answer = client::exchange(worker.address(), head).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(ask(worker.address(), "/nothing").await.status, 204);
    // What the origin has encoded is not encoded again.
    let answer = ask(worker.address(), "/encoded").await;
    assert_eq!(answer.field("content-encoding").as_deref(), Some("gzip"));
    assert_eq!(&answer.body[..], b"not really");
    let cookies = answer.headers.get_all("set-cookie");
    assert_eq!(cookies.iter().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_at_once_pass_and_who_is_slow_holds_nobody_up() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let _connector = worker.connected(&scene, "dc1", 1).await;
    let address = worker.address();
    // More than any window, of which nobody takes anything.
    let slow = client::send(address, get("/long")).await.unwrap();
    assert_eq!(slow.status(), 200);
    let mut many = JoinSet::new();
    for number in 0..100 {
        many.spawn(async move {
            let id = format!("request-{number}");
            let request = Request::post("/id")
                .header("host", "api.bank.example")
                .header("x-test-id", &id)
                .body(Full::new(Bytes::from(vec![7; 10_000])))
                .unwrap();
            let answer = client::exchange(address, request).await.unwrap();
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            assert_eq!(answer.body, id);
        });
    }
    patient(many.join_all()).await;
    assert_eq!(scene.origin.seen().len(), 101);
    let body = patient(slow.into_body().collect()).await.unwrap();
    let body = body.to_bytes();
    assert_eq!(body.len(), LONG);
    assert!(body.iter().all(|octet| *octet == 7));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_takes_its_request_along() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let _connector = worker.connected(&scene, "dc1", 1).await;
    let address = worker.address();
    // In the middle of an answer, and before one.
    let begun = client::send(address, get("/long")).await.unwrap();
    let waiting = tokio::spawn(async move { client::send(address, get("/silent")).await });
    let both = async {
        while scene.origin.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patient(both).await;
    drop(begun);
    waiting.abort();
    let gone = async {
        while scene.origin.dropped() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patient(gone).await;
    assert_eq!(ask(address, "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_protocol_is_switched() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let _connector = worker.connected(&scene, "dc1", 1).await;
    let request = Request::get("/websocket")
        .header("host", "api.bank.example")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Full::<Bytes>::default())
        .unwrap();
    let answer = client::exchange(worker.address(), request).await.unwrap();
    assert_eq!(answer.status, 501);
    let body = String::from_utf8_lossy(&answer.body);
    assert!(body.contains("upgrade-unsupported"), "{body}");
    assert!(scene.origin.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_that_are_cut_are_dialled_again() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let mut connector = worker.connected(&scene, "dc1", 2).await;
    let address = worker.address();
    let broken = client::send(address, get("/long")).await.unwrap();
    let waiting = tokio::spawn(async move { ask(address, "/silent").await });
    let both = async {
        while scene.origin.seen().len() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    patient(both).await;
    worker.edge.cut();
    // Neither is taken for a whole answer.
    assert!(patient(broken.into_body().collect()).await.is_err());
    assert_eq!(waiting.await.unwrap().status, 502);
    connector.logged("tunnel closed").await;
    let away = comes_back(address).await;
    assert!(away < Duration::from_secs(5), "{away:?}");
    // One that ends in an orderly way finishes what it has.
    let slow = tokio::spawn(async move { ask(address, "/slow").await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    connector.stop().await;
    let answer = slow.await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"slow"[..]));
    assert_eq!(ask(address, "/").await.status, 502);
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_are_cut_under_load_while_another_stands() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let way = Way::to(worker.edge.address).await;
    // One tunnel can be cut, the other one stands.
    let dials = section("cut", way.address, 1) + &section("stands", worker.edge.address, 1);
    let leaf = scene.mesh.issue(&connector_id("dc1"));
    let _connector = scene.connector_with(&leaf, "dc1", &format!("dns:{HOST}"), &dials);
    for _ in 0..2 {
        worker.logged("tunnel open").await;
    }
    let load = Load::start(worker.address());
    for _ in 0..10 {
        tokio::time::sleep(MOMENT).await;
        way.cut();
        worker.logged("tunnel closed").await;
        worker.logged("tunnel open").await;
    }
    let sent = load.stop().await;
    let failed = tally("a tunnel to a Worker is cut", &sent, &scene.origin);
    assert!(failed <= 10 * CALLERS, "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_replaced_under_load_without_a_failed_request() {
    let scene = Scene::open(&["dc1"]).await;
    let mut worker = Worker::start(&scene).await;
    let mut connector = worker.connected(&scene, "dc1", 2).await;
    let load = Load::start(worker.address());
    for _ in 0..4 {
        let next = worker.connected(&scene, "dc1", 2).await;
        tokio::time::sleep(MOMENT).await;
        connector.stop().await;
        connector = next;
    }
    let sent = load.stop().await;
    let failed = tally(
        "connectors before a Worker are replaced",
        &sent,
        &scene.origin,
    );
    assert_eq!(failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_place_answers_where_a_connector_is_away() {
    let scene = Scene::open(&["dc1", "dc2"]).await;
    let mut worker = Worker::start(&scene).await;
    let _connector = worker.connected(&scene, "dc2", 1).await;
    for _ in 0..5 {
        assert_eq!(ask(worker.address(), "/").await.status, 200);
    }
    // Replicas under one name share its object.
    let _replica = worker.connected(&scene, "dc2", 2).await;
    for _ in 0..20 {
        assert_eq!(ask(worker.address(), "/").await.status, 200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_with_tunnels_needs_the_objects() {
    let scene = Scene::open(&["dc1"]).await;
    let mut workerd = Workerd::start(&config(&scene, false)).await.unwrap();
    assert_eq!(ask(workerd.address(), "/").await.status, 503);
    let line = async {
        loop {
            let line = workerd.log().recv().await.unwrap();
            if line.contains("has no binding `TIDEGATE_TUNNELS`") {
                return;
            }
        }
    };
    patient(line).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_requests_are_known_to_be_the_gateways() {
    let mut scene = Scene::open(&["dc1"]).await;
    scene.signed = true;
    let scene = scene.install(&["dc1"]);
    let mut worker = Worker::start(&scene).await;
    let mut connector = worker.connected(&scene, "dc1", 1).await;
    for _ in 0..3 {
        assert_eq!(ask(worker.address(), "/").await.status, 200);
        let line = connector.logged("request").await;
        assert_eq!(line["signed_by"], "edge-signing");
        assert_eq!(line["identity"], format!("dns:{HOST}"));
    }
    // Without a signature nobody comes in.
    scene.publish_with(&["dc1"], "");
    worker
        .workerd
        .replace_bundle(&std::fs::read(scene.path("bundle")).unwrap())
        .unwrap();
    let begun = Instant::now();
    while ask(worker.address(), "/").await.status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    let answer = ask(worker.address(), "/").await;
    assert_eq!(answer.status, 403);
}
