//! Tunnels are cut and connectors replaced under load, and both ends count.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Collected, Full};
use tidegate_tests::client;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::origin::Origin;
use crate::scene::{Scene, ask};

pub(crate) const CALLERS: usize = 8;
pub(crate) const MOMENT: Duration = Duration::from_millis(400);

/// Callers that ask without a pause, each request with an id of its own.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Vec<Sent>>,
}

pub(crate) struct Sent {
    id: String,
    method: Method,
    status: Option<u16>,
    /// `None` where it broke off.
    body: Option<Bytes>,
}

impl Load {
    pub(crate) fn start(gateway: SocketAddr) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let stop = Arc::clone(&stop);
            callers.spawn(async move {
                let mut all = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let count = COUNT.fetch_add(1, Ordering::Relaxed);
                    let method = [Method::GET, Method::POST][count % 2].clone();
                    let body = if method == Method::POST { "body" } else { "" };
                    let id = format!("request-{count}");
                    let request = Request::builder()
                        .method(&method)
                        .uri("/id")
                        .header("host", "api.bank.example")
                        .header("x-test-id", &id)
                        .body(Full::new(Bytes::from(body)))
                        .unwrap();
                    let answer = client::send(gateway, request).await.ok();
                    let status = answer.as_ref().map(|answer| answer.status().as_u16());
                    let body = match answer {
                        Some(answer) => answer.into_body().collect().await.ok(),
                        None => None,
                    };
                    let body = body.map(Collected::to_bytes);
                    all.push(Sent {
                        id,
                        method,
                        status,
                        body,
                    });
                }
                all
            });
        }
        Self { stop, callers }
    }

    pub(crate) async fn stop(self) -> Vec<Sent> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers
            .join_all()
            .await
            .into_iter()
            .flatten()
            .collect()
    }
}

/// What must hold whatever happens. Gives how many requests got no whole answer of the origin.
pub(crate) fn tally(name: &str, sent: &[Sent], origin: &Origin) -> usize {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (id, _) in origin.seen() {
        *seen.entry(id).or_default() += 1;
    }
    let times = |one: &Sent| seen.get(&one.id).copied().unwrap_or(0);
    let count = |fits: &dyn Fn(&Sent) -> bool| sent.iter().filter(|one| fits(one)).count();
    let answered = |one: &Sent| one.status == Some(200);
    let idempotent = |one: &Sent| one.method == Method::GET;
    let whole = count(&|one| answered(one) && one.body.is_some());
    // The client has the head already: nobody can send that request again in its place.
    let broken = count(&|one| answered(one) && one.body.is_none());
    let lost = count(&|one| idempotent(one) && !answered(one));
    let again = count(&|one| times(one) > 1);
    let twice = count(&|one| !idempotent(one) && times(one) > 1);
    let mixed = count(&|one| {
        answered(one)
            && one
                .body
                .as_ref()
                .is_some_and(|body| *body != one.id.as_bytes())
    });
    let invented = count(&|one| answered(one) && times(one) == 0);
    for one in sent.iter().filter(|one| idempotent(one) && !answered(one)) {
        let (id, status, times) = (&one.id, one.status, times(one));
        println!("lost: {id}, answered {status:?}, seen {times} times");
    }
    println!(
        "{name}: {} sent, {whole} answered, {broken} broken off after the head, {again} sent again, \
         {lost} lost, {twice} twice, {mixed} mixed, {invented} invented",
        sent.len()
    );
    assert!(whole > 100, "{name}: {whole}");
    assert_eq!((lost, twice, mixed, invented), (0, 0, 0, 0), "{name}");
    sent.len() - whole
}

/// The way to the gateway. What is open is closed at a word.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    cuts: watch::Sender<usize>,
}

impl Way {
    pub(crate) async fn to(gateway: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cuts = watch::Sender::new(0);
        let state = cuts.subscribe();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let mut state = state.clone();
                state.mark_unchanged();
                tokio::spawn(async move {
                    let mut far = TcpStream::connect(gateway).await.unwrap();
                    tokio::select! {
                        _ = state.changed() => {
                            // In the middle of whatever is under way.
                            let _ = (near.set_zero_linger(), far.set_zero_linger());
                        }
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                    }
                });
            }
        });
        Self { address, cuts }
    }

    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tunnels_are_cut_under_load_while_another_stands() {
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let way = Way::to(gateway.tunnels).await;
    // One tunnel can be cut, the other one stands.
    let dials = [way.address, gateway.tunnels];
    let _connector = scene.connector("dc1", &dials, 1);
    for _ in 0..2 {
        gateway.program.logged("tunnel open").await;
    }
    let before = gateway.program.memory();
    let load = Load::start(gateway.address);
    for _ in 0..10 {
        tokio::time::sleep(MOMENT).await;
        way.cut();
        gateway.program.logged("tunnel closed").await;
        gateway.program.logged("tunnel open").await;
    }
    let sent = load.stop().await;
    let failed = tally("a tunnel is cut", &sent, &scene.origin);
    // What changes something and was under way when the tunnel broke has no answer, and no more.
    assert!(failed <= 10 * CALLERS, "{failed}");
    let grown = gateway.program.memory().saturating_sub(before);
    println!("{grown} KiB kept");
    assert!(grown < 48 << 10, "{grown} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn connectors_are_replaced_under_load_without_a_failed_request() {
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let mut connector = scene.connector("dc1", &[gateway.tunnels], 2);
    gateway.program.logged("tunnel open").await;
    let load = Load::start(gateway.address);
    for _ in 0..4 {
        let next = scene.connector("dc1", &[gateway.tunnels], 2);
        gateway.program.logged("tunnel open").await;
        tokio::time::sleep(MOMENT).await;
        connector.stop().await;
        connector = next;
    }
    let sent = load.stop().await;
    let failed = tally("connectors are replaced", &sent, &scene.origin);
    assert_eq!(failed, 0);
    assert_eq!(ask(gateway.address, "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connector_that_drains_finishes_what_is_under_way() {
    let scene = Scene::open(&["dc1"]).await;
    let mut gateway = scene.gateway().await;
    let connector = scene.connector("dc1", &[gateway.tunnels], 1);
    gateway.program.logged("tunnel open").await;
    let address = gateway.address;
    let slow = tokio::spawn(async move { ask(address, "/slow").await });
    while scene.origin.seen().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    connector.stop().await;
    let answer = slow.await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &b"slow"[..]));
    assert_eq!(ask(gateway.address, "/").await.status, 502);
}
