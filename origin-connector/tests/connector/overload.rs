//! How much a backend is asked to do at a time, and what is tried again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Request;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use crate::admin::{admin_address, ask};
use crate::client::{Body, full, problem, read};
use crate::failure::nowhere;
use crate::origin::Origin;
use crate::program::{Setup, patient};

fn gate() -> Request<Body> {
    Request::get("/gate").body(full("")).unwrap()
}

#[tokio::test]
async fn what_is_above_a_backends_limits_gets_a_503_at_once() {
    for protocol in ["http/1.1", "h2c"] {
        let origin = Origin::start().await;
        let more = format!("protocol = \"{protocol}\"\nlimits = {{ requests = 2 }}");
        let setup = Setup::new().backend("accounts", origin.address, &more);
        let mut connector = setup.start().await;
        let admin = admin_address(&mut connector).await;
        let mut held = Vec::new();
        for _ in 0..2 {
            let mut client = connector.http2().await;
            held.push(tokio::spawn(async move {
                read(client.send(gate()).await).await
            }));
        }
        patient(async {
            while origin.seen().len() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let mut client = connector.http2().await;
        let response = client.send(gate()).await;
        assert_eq!(response.headers()["retry-after"], "1");
        assert_eq!(problem(response).await, (503, "origin-overloaded".into()));
        assert_eq!(origin.seen().len(), 2);
        let (_, metrics) = ask(admin, "/metrics").await;
        let counted = "tidegate_connector_overloads_total{backend=\"accounts\",reason=\"full\"} 1";
        assert!(metrics.contains(counted), "{metrics}");
        // A place is free again once an exchange has ended.
        origin.gate.add_permits(2);
        for held in held {
            assert_eq!(held.await.unwrap().0, 200);
        }
        patient(async { while client.get("/").await.0 != 200 {} }).await;
    }
}

#[tokio::test]
async fn who_may_wait_gets_the_next_place() {
    let origin = Origin::start().await;
    let more = "limits = { requests = 1, pending = 1, pending_timeout = \"20s\" }";
    let setup = Setup::new().backend("accounts", origin.address, more);
    let connector = setup.start().await;
    let mut asked = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let mut client = connector.http2().await;
        asked.spawn(async move { read(client.send(gate()).await).await.0 });
    }
    // One is under way, one waits, and one is too much; which is which does not matter.
    assert_eq!(patient(asked.join_next()).await.unwrap().unwrap(), 503);
    origin.gate.add_permits(2);
    while let Some(status) = patient(asked.join_next()).await {
        assert_eq!(status.unwrap(), 200);
    }
    assert_eq!(origin.seen().len(), 2);
}

/// An origin that hangs up on each request once it has seen some of it.
async fn rude() -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (address, seen)
}

#[tokio::test]
async fn what_does_the_same_twice_is_tried_elsewhere_and_nothing_else_is() {
    let origin = Origin::start().await;
    let (address, rude_seen) = rude().await;
    let endpoints = format!(
        "endpoints = [\"{address}\", \"{}\"]\nejection = {{ failures = 1000 }}\nretry = {{ reserve = 1000 }}",
        origin.address
    );
    let setup = Setup::new().backend_at("accounts", "http://unused.invalid", &endpoints);
    let connector = setup.start().await;
    let mut client = connector.http2().await;
    let mut sent = 0;
    while rude_seen.load(Ordering::Relaxed) < 10 {
        assert_eq!(client.get("/").await.0, 200);
        sent += 1;
    }
    assert_eq!(origin.seen().len(), sent);
    let (mut lost, mut answered) = (0, 0);
    while lost < 10 {
        let request = Request::post("/").body(full("")).unwrap();
        match client.send(request).await.status().as_u16() {
            200 => answered += 1,
            502 => lost += 1,
            other => panic!("{other}"),
        }
    }
    // Each was at one of the two, and at one alone.
    assert_eq!(origin.seen().len(), sent + answered);
    assert_eq!(rude_seen.load(Ordering::Relaxed), 10 + lost);
}

#[tokio::test]
async fn retries_end_with_the_budget() {
    let endpoints = [nowhere().await, nowhere().await];
    let [one, two] = endpoints;
    let more =
        format!("endpoints = [\"{one}\", \"{two}\"]\nretry = {{ budget = \"0%\", reserve = 3 }}");
    let setup = Setup::new().backend_at("accounts", "http://unused.invalid", &more);
    let mut connector = setup.start().await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    for _ in 0..5 {
        assert_eq!(client.get("/").await.0, 502);
    }
    let (_, metrics) = ask(admin, "/metrics").await;
    for (name, count) in [("retries", 3), ("retries_refused", 2)] {
        let line = format!("tidegate_connector_{name}_total{{backend=\"accounts\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}
