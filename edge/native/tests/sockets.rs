//! The gateway on real sockets: what only an adapter can get wrong.

#![cfg(test)]

#[path = "sockets/admin.rs"]
mod admin;
#[path = "sockets/kit.rs"]
mod kit;
#[path = "sockets/tls.rs"]
mod tls;

use std::time::Duration;

use tidegate_edge::End;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use kit::{Running, bundle, exchange, nobody};

#[tokio::test]
async fn bundles_change_under_load_without_a_failed_request() {
    let gateway = Running::start(&bundle(&[], "0")).await;
    let address = gateway.address;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let client = tokio::spawn(async move {
        let mut seen = Vec::new();
        while !*stopped.borrow() {
            let answer = exchange(address, "GET /reply HTTP/1.1\r\nhost: a.example\r\n\r\n").await;
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            seen.push(answer);
        }
        seen
    });
    for generation in 1..=20 {
        let text = generation.to_string();
        gateway.reloader.replace(&bundle(&[], &text)).unwrap();
        let answer = exchange(address, "GET /reply HTTP/1.1\r\nhost: a.example\r\n\r\n").await;
        assert!(answer.ends_with(&format!("\r\n\r\n{text}")), "{answer}");
    }
    stop.send(true).unwrap();
    assert!(!client.await.unwrap().is_empty());
}

#[tokio::test]
async fn a_bad_bundle_leaves_the_last_good_one() {
    let gateway = Running::start(&bundle(&[], "good")).await;
    gateway.reloader.replace(b"no bundle").unwrap_err();
    let get = "GET /reply HTTP/1.1\r\nhost: a.example\r\n\r\n";
    assert!(exchange(gateway.address, get).await.ends_with("good"));
}

#[tokio::test]
async fn a_request_of_two_readings_is_refused() {
    let gateway = Running::start(&bundle(&[], "")).await;
    for head in [
        "GET /reply HTTP/1.1\r\nhost: a.example\r\nhost: b.example\r\n\r\n",
        "GET http://b.example/reply HTTP/1.1\r\nhost: a.example\r\n\r\n",
        "GET /reply HTTP/1.1\r\n\r\n",
        "GET /a/%2f/b HTTP/1.1\r\nhost: a.example\r\n\r\n",
    ] {
        let answer = exchange(gateway.address, head).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{head}{answer}");
    }
}

#[tokio::test]
async fn a_body_goes_to_the_second_origin_when_the_first_is_down() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let up = origin.local_addr().unwrap();
    let gateway = Running::start(&bundle(&[nobody().await, up], "")).await;
    let origin = tokio::spawn(async move {
        let (mut stream, _) = origin.accept().await.unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"hello") {
            assert_ne!(stream.read_buf(&mut seen).await.unwrap(), 0);
        }
        let answer = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
    });
    let post = "POST /forward HTTP/1.1\r\nhost: a.example\r\ncontent-length: 5\r\n\r\nhello";
    let answer = exchange(gateway.address, post).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    origin.await.unwrap();
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_is_recorded() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = origin.local_addr().unwrap();
    let mut gateway = Running::start(&bundle(&[address], "")).await;
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let get = b"GET /forward HTTP/1.1\r\nhost: a.example\r\n\r\n";
    client.write_all(get).await.unwrap();
    let (mut stream, _) = origin.accept().await.unwrap();
    assert_ne!(stream.read(&mut [0; 1024]).await.unwrap(), 0);
    drop(client);
    let record = gateway.records.recv().await.unwrap();
    assert_eq!((record.status, record.end), (499, End::ClientGone));
    assert_eq!((record.attempts, record.origin.as_deref()), (1, Some("o0")));
    // The origin is let go of as well.
    while stream.read(&mut [0; 1024]).await.unwrap_or(0) != 0 {}
}

/// Time stands still but for timers, so that the gateway's own deadline ends the wait.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_completes_a_head_is_let_go() {
    let gateway = Running::start(&bundle(&[], "")).await;
    for beginning in ["", "PRI * HTTP/2.0\r\n", "GET /reply HTTP/1.1\r\nhost: a"] {
        let mut client = TcpStream::connect(gateway.address).await.unwrap();
        client.write_all(beginning.as_bytes()).await.unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), async {
            while client.read(&mut [0; 1024]).await.unwrap_or(0) != 0 {}
        });
        assert!(
            ended.await.is_ok(),
            "`{beginning}` still holds a connection"
        );
    }
}
