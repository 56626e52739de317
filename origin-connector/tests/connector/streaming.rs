//! Bodies and trailers, both ways, without waiting for their end.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Incoming;
use tidegate_shared::digest::Digest;
use tokio::sync::mpsc;

use crate::client::{Body, Client, full, read};
use crate::origin::Origin;
use crate::program::{Setup, patient};

const CHUNK: usize = 64 * 1024;
const CHUNKS: usize = 320;

/// 20 MiB that are different everywhere.
fn large() -> Vec<Bytes> {
    let chunk = |index: usize| -> Bytes {
        let octet = |at: usize| (index * 31 + at * 7 + at / 251).to_le_bytes()[0];
        (0..CHUNK).map(octet).collect()
    };
    (0..CHUNKS).map(chunk).collect()
}

fn stream(frames: Vec<Frame<Bytes>>) -> Body {
    let frames = frames.into_iter().map(Ok);
    StreamBody::new(futures_util::stream::iter(frames)).boxed()
}

async fn octets(body: Incoming) -> Vec<u8> {
    patient(body.collect()).await.unwrap().to_bytes().to_vec()
}

async fn round_trip(mut client: Client) {
    let sent = large();
    let expected = Digest::of(&sent.concat());
    let body = stream(sent.into_iter().map(Frame::data).collect());
    let request = Request::post("/echo").body(body).unwrap();
    let received = octets(client.send(request).await.into_body()).await;
    assert_eq!(received.len(), CHUNK * CHUNKS);
    assert_eq!(Digest::of(&received), expected);
}

#[tokio::test]
async fn large_bodies_arrive_whole_both_ways() {
    let origin = Origin::start().await;
    for protocol in ["http/1.1", "h2c"] {
        let more = format!("protocol = \"{protocol}\"");
        let setup = Setup::new().backend("accounts", origin.address, &more);
        let connector = setup.start().await;
        round_trip(connector.http1().await).await;
        round_trip(connector.http2().await).await;
    }
}

#[tokio::test]
async fn a_body_is_passed_on_as_it_comes() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let connector = setup.start().await;
    let (sender, receiver) = mpsc::unbounded_channel::<&'static str>();
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        let text = receiver.recv().await?;
        Some((
            Ok(Frame::data(Bytes::from_static(text.as_bytes()))),
            receiver,
        ))
    });
    let request = Request::post("/echo").body(StreamBody::new(frames).boxed());
    let mut client = connector.http2().await;
    let mut body = client.send(request.unwrap()).await.into_body();
    // Each piece comes back before the next one is sent.
    for text in ["one", "two", "three"] {
        sender.send(text).unwrap();
        let frame = patient(body.frame()).await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), text);
    }
    drop(sender);
    assert_eq!(octets(body).await, b"");
}

#[tokio::test]
async fn trailers_arrive_both_ways() {
    let origin = Origin::start().await;
    for protocol in ["http/1.1", "h2c"] {
        let more = format!("protocol = \"{protocol}\"");
        let setup = Setup::new().backend("accounts", origin.address, &more);
        let connector = setup.start().await;
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "0".parse().unwrap());
        trailers.insert("x-forwarded-client-cert", "URI=spiffe://x".parse().unwrap());
        let frames = vec![
            Frame::data(Bytes::from_static(b"x")),
            Frame::trailers(trailers),
        ];
        let request = Request::post("/echo")
            .header("te", "trailers")
            .header("trailer", "grpc-status, x-forwarded-client-cert")
            .body(stream(frames));
        let mut client = connector.http2().await;
        let body = client.send(request.unwrap()).await.into_body();
        let collected = patient(body.collect()).await.unwrap();
        let trailers = collected.trailers().cloned().unwrap();
        assert_eq!(trailers["grpc-status"], "0", "{protocol}");
        assert!(!trailers.contains_key("x-forwarded-client-cert"));
        assert_eq!(collected.to_bytes(), "x");
    }
}

#[tokio::test]
async fn h2c_backends_see_the_original_authority() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "protocol = \"h2c\"");
    let connector = setup.start().await;
    let mut client = connector.http1().await;
    for _ in 0..2 {
        let request = Request::get("/a?b").header("forwarded", "host=\"api.bank.example\"");
        let response = client.send(request.body(full("")).unwrap()).await;
        assert_eq!(octets(response.into_body()).await, b"origin");
    }
    for parts in origin.seen() {
        assert_eq!(parts.version, http::Version::HTTP_2);
        assert_eq!(parts.uri, "http://api.bank.example/a?b");
    }
}

#[tokio::test]
async fn connections_to_a_backend_are_kept() {
    for protocol in ["http/1.1", "h2c"] {
        let origin = Origin::start().await;
        let more = format!("protocol = \"{protocol}\"");
        let setup = Setup::new().backend("accounts", origin.address, &more);
        let mut connector = setup.start().await;
        let mut client = connector.http2().await;
        for _ in 0..50 {
            let request = Request::post("/echo").body(full("again")).unwrap();
            assert_eq!(read(client.send(request).await).await.1, "again");
            connector.logged("request").await;
        }
        // A request may come before the last connection is free again, but seldom.
        let accepted = origin.accepted.load(Ordering::Relaxed);
        assert!(accepted <= 10, "{protocol}: {accepted} connections");
    }
}
