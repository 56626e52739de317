//! What goes wrong in the world, under load and counted at both ends.
//!
//! Whatever happens, no answer is another request's, no request that changes something reaches
//! origins twice, and none that may be sent again is lost while one origin is well. Here for a
//! moment each; `cargo xtask chaos` takes its time, and prints the table.

pub(crate) mod load;
mod peers;
mod proxy;
mod tally;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::authority::{GATEWAY_ID, Leaf};
use crate::origin::Origin;
use crate::program::{Running, Setup, patient};
use load::Load;
use peers::Kind;
use proxy::Proxy;
use tally::Tally;

/// How often a fault is repeated.
fn rounds() -> usize {
    if is_long() { 20 } else { 3 }
}

fn is_long() -> bool {
    std::env::var_os("TIDEGATE_CHAOS").is_some_and(|value| value == "long")
}

/// Long enough for some requests.
const MOMENT: Duration = Duration::from_millis(300);

/// A connector before some endpoints, and what callers of it need.
struct Scene {
    connector: Running,
    leaf: Arc<Leaf>,
}

impl Scene {
    async fn open(endpoints: &[SocketAddr], more: &str) -> Self {
        let list: Vec<String> = endpoints.iter().map(|one| format!("\"{one}\"")).collect();
        let backend = format!(
            "endpoints = [{}]\nejection = {{ time = \"100ms\", max_time = \"200ms\" }}\n\
             retry = {{ attempts = 3, reserve = 10000 }}\n",
            list.join(", ")
        );
        let mut setup = Setup::new();
        // Lines that nobody reads are memory.
        setup.log = Some("off");
        let setup = setup.backend_at("accounts", "http://unused.invalid", &backend);
        let connector = setup.with(more).start().await;
        let leaf = Arc::new(connector.setup.edge.issue(&[GATEWAY_ID]));
        Self { connector, leaf }
    }

    fn load(&self) -> Load {
        Load::start(self.connector.address, &self.connector.setup, &self.leaf)
    }
}

/// Starts an origin again where it was; its connections may keep the port for a moment.
async fn restart(address: SocketAddr) -> Origin {
    let listener = async {
        loop {
            match TcpListener::bind(address).await {
                Ok(listener) => return listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    };
    Origin::start_on(patient(listener).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_is_killed_and_comes_back() {
    let mut origins = vec![Origin::start().await, Origin::start().await];
    let addresses = [origins[0].address, origins[1].address];
    let scene = Scene::open(&addresses, "").await;
    let before = scene.connector.memory();
    let load = scene.load();
    for round in 0..rounds() {
        let address = addresses[round % 2];
        let killed = origins.iter().rev().find(|one| one.address == address);
        let killed = killed.unwrap().clone();
        killed.stop().await;
        tokio::time::sleep(MOMENT).await;
        origins.push(restart(address).await);
        tokio::time::sleep(MOMENT).await;
    }
    let sent = load.stop().await;
    let mut tally = Tally::new("origin killed and restarted", sent, &origins);
    tally.memory(before, &scene.connector).await;
    tally.hold();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_centre_is_cut_off_and_comes_back() {
    let origins = [Origin::start().await, Origin::start().await];
    let proxy = Proxy::start(origins[0].address).await;
    let scene = Scene::open(&[proxy.address, origins[1].address], "").await;
    let before = scene.connector.memory();
    let load = scene.load();
    for _ in 0..rounds() {
        tokio::time::sleep(MOMENT).await;
        proxy.cut();
        tokio::time::sleep(MOMENT).await;
        proxy.mend();
    }
    let sent = load.stop().await;
    let mut tally = Tally::new("data centre cut off and back", sent, &origins);
    tally.memory(before, &scene.connector).await;
    tally.hold();
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_rotated() {
    let origins = [Origin::start().await];
    let scene = Scene::open(&[origins[0].address], "").await;
    let before = scene.connector.memory();
    let load = scene.load();
    // A minute, at length.
    for _ in 0..if is_long() { 30 } else { 3 } {
        let setup = &scene.connector.setup;
        setup.install(&setup.mesh.issue_connector());
        scene.connector.signal("-HUP");
        tokio::time::sleep(if is_long() { MOMENT * 7 } else { MOMENT }).await;
    }
    let sent = load.stop().await;
    let mut tally = Tally::new("certificate rotated", sent, &origins);
    tally.memory(before, &scene.connector).await;
    tally.hold_all();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connector_is_replaced() {
    let origins = [Origin::start().await];
    let mut scene = Scene::open(&[origins[0].address], "").await;
    let load = scene.load();
    for _ in 0..rounds() {
        tokio::time::sleep(MOMENT).await;
        let next = scene.connector.another().await;
        load.aim(next.address);
        let last = std::mem::replace(&mut scene.connector, next);
        last.stop().await;
    }
    let sent = load.stop().await;
    Tally::new("connector replaced, drained", sent, &origins).hold();
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_behave_badly() {
    let limits = "[limits]\nheader_read_timeout = \"500ms\"\nidle_timeout = \"500ms\"\n\
                  handshake_timeout = \"5s\"\n";
    let count = if is_long() { 200 } else { 10 };
    for (kind, name) in Kind::ALL {
        let origins = [Origin::start().await];
        let scene = Scene::open(&[origins[0].address], limits).await;
        let before = scene.connector.memory();
        let load = scene.load();
        peers::all(&scene, kind, count).await;
        tokio::time::sleep(MOMENT).await;
        let sent = load.stop().await;
        let mut tally = Tally::new(name, sent, &origins);
        tally.memory(before, &scene.connector).await;
        tally.hold_all();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_resets_at_every_octet_of_its_answer() {
    let (address, seen) = peers::resetting_origin().await;
    let scene = Scene::open(&[address], "").await;
    let mut client = scene.connector.http2().await;
    for _ in 0..peers::ANSWER.len() {
        let request = http::Request::post("/")
            .body(crate::client::full("x"))
            .unwrap();
        // The reset of a stream may overtake the head of the answer.
        let Ok(response) = patient(client.try_send(request)).await else {
            continue;
        };
        let (parts, body) = response.into_parts();
        let body = patient(http_body_util::BodyExt::collect(body)).await;
        // A whole answer is one that says that it is whole.
        assert!(parts.status == 502 || body.is_err(), "{parts:?}");
    }
    let (sent, seen) = (peers::ANSWER.len(), seen.load(Ordering::Relaxed));
    println!(
        "resets at every octet of an answer: {sent} requests that change something sent, {seen} seen by the origin"
    );
    assert_eq!(seen, sent);
}

/// The limit of descriptors of both processes must allow it.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_cost_little_and_leave_nothing() {
    let count = if is_long() { 10_000 } else { 200 };
    let origins = [Origin::start().await];
    let limits =
        "[limits]\nconnections = 20000\nheader_read_timeout = \"10m\"\nidle_timeout = \"10m\"\n";
    let scene = Scene::open(&[origins[0].address], limits).await;
    let connector = &scene.connector;
    let (empty, open) = (connector.memory(), connector.descriptors());
    for _ in 0..3 {
        let idle = peers::idle(&scene, count).await;
        let held = connector.memory().saturating_sub(empty) / count as u64;
        println!("{count} idle connections: {} KiB each", held / 1024);
        assert!(held < 100 * 1024, "{held}");
        let load = scene.load();
        tokio::time::sleep(MOMENT).await;
        let sent = load.stop().await;
        drop(idle);
        patient(async {
            while connector.descriptors() > open + 20 {
                tokio::time::sleep(MOMENT).await;
            }
        })
        .await;
        let mut tally = Tally::new("idle connections", sent, &origins);
        tally.memory(empty, connector).await;
        tally.hold_all();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_changes() {
    let origins = [Origin::start().await, Origin::start().await];
    let addresses = [origins[0].address, origins[1].address];
    let scene = Scene::open(&addresses, "").await;
    let before = scene.connector.memory();
    let load = scene.load();
    let setup = &scene.connector.setup;
    let text = std::fs::read_to_string(setup.path("connector.toml")).unwrap();
    let reload = async |text: &str| {
        setup.write("connector.toml", text);
        scene.connector.signal("-HUP");
        tokio::time::sleep(MOMENT).await;
    };
    let other = format!(
        "[[backend]]\nname = \"other\"\naddress = \"http://{}\"\npath_prefix = \"/id\"\n\
         allow = [\"{GATEWAY_ID}\"]\n",
        addresses[0]
    );
    for round in 0..rounds() {
        // The requests go by another backend, and back; over other connections; to other endpoints.
        reload(&format!("{text}{other}")).await;
        reload(&text).await;
        reload(&format!(
            "{text}[limits]\nconnect_timeout = \"{}s\"\n",
            2 + round
        ))
        .await;
        reload(&text.replace(&format!(", \"{}\"", addresses[1]), "")).await;
        reload(&text.replace("attempts = 3", "attempts = 2")).await;
    }
    reload(&text).await;
    let sent = load.stop().await;
    let mut tally = Tally::new("configuration changed", sent, &origins);
    tally.memory(before, &scene.connector).await;
    tally.hold_all();
    // All that was taken note of.
    reload(&text.replace(GATEWAY_ID, "spiffe://edge.example/another")).await;
    assert_eq!(scene.connector.http2().await.get("/id").await.0, 403);
}
