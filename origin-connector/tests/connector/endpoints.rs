//! A backend of several addresses.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use http::Request;

use crate::admin::{admin_address, ask};
use crate::client::{Client, full, problem, read};
use crate::failure::nowhere;
use crate::origin::Origin;
use crate::program::{Setup, patient};

/// The address of the backend counts for nothing where its endpoints are told.
fn setup(endpoints: &[SocketAddr], more: &str) -> Setup {
    let list: Vec<String> = endpoints.iter().map(|one| format!("\"{one}\"")).collect();
    let list = list.join(", ");
    let unused = "192.0.2.1:80".parse().unwrap();
    Setup::new().backend("accounts", unused, &format!("endpoints = [{list}]\n{more}"))
}

async fn metric(admin: SocketAddr, line: &str) {
    let (_, text) = ask(admin, "/metrics").await;
    let line = format!("tidegate_connector_{line}");
    assert!(text.lines().any(|have| have == line), "{line}\n{text}");
}

/// Waits until the origins have seen so many requests together.
async fn seen(origins: [&Origin; 2], count: usize) {
    patient(async {
        while origins
            .map(|origin| origin.seen().len())
            .iter()
            .sum::<usize>()
            < count
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_endpoint_with_less_in_flight_gets_the_request() {
    for protocol in ["http/1.1", "h2c"] {
        let (one, two) = (Origin::start().await, Origin::start().await);
        let more = format!("protocol = \"{protocol}\"");
        let connector = setup(&[one.address, two.address], &more).start().await;
        let mut held = Vec::new();
        for count in 1..=10 {
            let mut client = connector.http2().await;
            held.push(tokio::spawn(async move {
                let gate = Request::get("/gate").body(full("")).unwrap();
                read(client.send(gate).await).await
            }));
            seen([&one, &two], count).await;
        }
        assert_eq!((one.seen().len(), two.seen().len()), (5, 5), "{protocol}");
        one.gate.add_permits(5);
        two.gate.add_permits(5);
        for held in held {
            assert_eq!(held.await.unwrap(), (200, "opened".into()));
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_costs_no_request_and_is_ejected() {
    for protocol in ["http/1.1", "h2c"] {
        let origin = Origin::start().await;
        let endpoints = [nowhere().await, origin.address];
        let more = format!(
            "protocol = \"{protocol}\"\nejection = {{ failures = 2, time = \"1h\", max_time = \"1h\" }}"
        );
        let mut connector = setup(&endpoints, &more).start().await;
        let admin = admin_address(&mut connector).await;
        let mut client = connector.http2().await;
        // Drawn at random, so the dead one is met sooner or later.
        let mut sent = 0;
        let ejected = connector.logged("endpoint ejected");
        tokio::pin!(ejected);
        let line = loop {
            let request = Request::post("/echo").body(full("the body")).unwrap();
            let answer = read(client.send(request).await).await;
            assert_eq!(answer, (200, "the body".into()), "{protocol}");
            sent += 1;
            tokio::select! {
                biased;
                line = &mut ejected => break line,
                () = std::future::ready(()) => {}
            }
        };
        assert_eq!(line["endpoint"], endpoints[0].to_string());
        assert_eq!(origin.seen().len(), sent);
        metric(admin, "ejections_total{backend=\"accounts\"} 1").await;
        metric(admin, "retries_total{backend=\"accounts\"} 2").await;
        for (state, count) in [("available", 1), ("ejected", 1), ("unwell", 0)] {
            let labels = format!("backend=\"accounts\",state=\"{state}\"");
            metric(admin, &format!("endpoints{{{labels}}} {count}")).await;
        }
    }
}

#[tokio::test]
async fn attempts_bound_where_a_request_is_tried() {
    let origin = Origin::start().await;
    let endpoints = [nowhere().await, origin.address];
    let more = "retry = { attempts = 1 }\nejection = { failures = 1000 }";
    let connector = setup(&endpoints, more).start().await;
    let mut client = connector.http2().await;
    // One that is not tried again fails, and does so only where the dead endpoint is drawn.
    patient(async {
        loop {
            let request = Request::get("/").body(full("")).unwrap();
            let response = client.send(request).await;
            if response.status() != 200 {
                let refusal = problem(response).await;
                break assert_eq!(refusal, (502, "origin-unreachable".into()));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_answers_for_nobody_is_ejected_but_never_the_last() {
    let (one, two) = (Origin::start().await, Origin::start().await);
    let more = "ejection = { failures = 1, time = \"1h\", max_time = \"1h\" }";
    let mut connector = setup(&[one.address, two.address], more).start().await;
    let mut client = connector.http2().await;
    assert_eq!(client.get("/unavailable").await.0, 503);
    let line = connector.logged("endpoint ejected").await;
    let (bad, good) = match line["endpoint"] == one.address.to_string() {
        true => (&one, &two),
        false => (&two, &one),
    };
    for _ in 0..10 {
        assert_eq!(client.get("/unavailable").await.0, 503);
    }
    assert_eq!((bad.seen().len(), good.seen().len()), (1, 10));
    let rest = connector.stop().await;
    assert!(
        rest.iter()
            .all(|line| line["message"] != "endpoint ejected")
    );
}

#[tokio::test]
async fn a_file_of_endpoints_is_watched() {
    let (one, two) = (Origin::start().await, Origin::start().await);
    let unused = "192.0.2.1:80".parse().unwrap();
    let setup = Setup::new().backend("accounts", unused, "endpoints_file = \"accounts.list\"");
    setup.write("accounts.list", &format!("# the first\n{}\n", one.address));
    let mut connector = setup.start().await;
    let mut client = connector.http2().await;
    assert_eq!(client.get("/").await.0, 200);
    // A file that does not hold changes nothing.
    connector.setup.write("accounts.list", "junk");
    let line = connector.logged("the old endpoints stay in use").await;
    assert!(line["error"].as_str().unwrap().contains("`junk`"), "{line}");
    assert_eq!(client.get("/").await.0, 200);
    connector
        .setup
        .write("accounts.list", &two.address.to_string());
    connector.logged("endpoints changed").await;
    assert_eq!(client.get("/").await.0, 200);
    assert_eq!((one.seen().len(), two.seen().len()), (2, 1));
}

#[tokio::test]
async fn a_name_is_resolved() {
    let origin = Origin::start().await;
    let port = origin.address.port();
    let setup = Setup::new().backend_at("accounts", &format!("http://localhost:{port}"), "");
    let connector = setup.start().await;
    // The name may have an IPv6 address, too, where nobody listens.
    for _ in 0..10 {
        let mut client: Client = connector.http2().await;
        assert_eq!(client.get("/").await.0, 200);
    }
    assert_eq!(origin.seen().len(), 10);
}

#[tokio::test]
async fn a_name_that_nobody_knows_is_a_502_until_somebody_does() {
    // A name that never has an address (RFC 6761 §6.4).
    let setup = Setup::new().backend_at("accounts", "http://nobody.invalid:80", "");
    let mut connector = setup.start().await;
    let line = connector.logged("no endpoints yet").await;
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("`nobody.invalid`"), "{error}");
    let request = Request::get("/").body(full("")).unwrap();
    let refusal = problem(connector.http2().await.send(request).await).await;
    assert_eq!(refusal, (502, "origin-unreachable".into()));
}

#[tokio::test]
async fn an_endpoint_that_fails_its_checks_gets_no_request_until_it_passes_one() {
    for protocol in ["http/1.1", "h2c"] {
        let (one, two) = (Origin::start().await, Origin::start().await);
        one.well.store(false, Ordering::Relaxed);
        let more = format!(
            "protocol = \"{protocol}\"\nhealth = {{ path = \"/healthz\", interval = \"100ms\", timeout = \"10s\" }}"
        );
        let mut connector = setup(&[one.address, two.address], &more).start().await;
        let line = connector.logged("endpoint fails its health checks").await;
        assert_eq!(line["endpoint"], one.address.to_string());
        let mut client = connector.http2().await;
        for _ in 0..10 {
            assert_eq!(client.get("/").await.0, 200);
        }
        assert_eq!((one.seen().len(), two.seen().len()), (0, 10));
        one.well.store(true, Ordering::Relaxed);
        let line = connector.logged("endpoint is well again").await;
        assert_eq!(line["endpoint"], one.address.to_string());
        patient(async {
            while one.seen().is_empty() {
                assert_eq!(client.get("/").await.0, 200);
            }
        })
        .await;
    }
}
