//! Backends that do not answer, and callers that do not finish.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::client::{Body, connect, full, problem};
use crate::origin::Origin;
use crate::program::{Running, Setup};

/// An address where nobody listens.
pub(crate) async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// The answer to a request for `/stall`, over each version to the backend.
async fn both(address: SocketAddr, limits: &str) -> Vec<(Running, (u16, String))> {
    let mut answers = Vec::new();
    for protocol in ["http/1.1", "h2c"] {
        let more = format!("protocol = \"{protocol}\"");
        let setup = Setup::new().backend("accounts", address, &more);
        let connector = setup.with(limits).start().await;
        let request = Request::get("/stall").body(full("")).unwrap();
        let response = connector.http2().await.send(request).await;
        answers.push((connector, problem(response).await));
    }
    answers
}

#[tokio::test]
async fn a_backend_that_is_down_is_a_502() {
    for (mut connector, answer) in both(nowhere().await, "").await {
        assert_eq!(answer, (502, "origin-unreachable".into()));
        let line = connector.logged("request").await;
        assert_eq!(line["backend"], "accounts");
        assert!(
            line["cause"].as_str().unwrap().contains("refused"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_backend_that_stalls_is_a_504() {
    let origin = Origin::start().await;
    let limits = "[limits]\nresponse_head_timeout = \"200ms\"";
    for (_, answer) in both(origin.address, limits).await {
        assert_eq!(answer, (504, "origin-timeout".into()));
    }
    assert_eq!(origin.seen().len(), 2);
}

#[tokio::test]
async fn a_backend_that_hangs_up_is_a_502() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            use tokio::io::AsyncReadExt as _;
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
        }
    });
    for (_, answer) in both(address, "").await {
        assert_eq!(answer, (502, "origin-failed".into()));
    }
}

/// A body that sends what it is told to.
fn told() -> (mpsc::UnboundedSender<std::io::Result<Frame<Bytes>>>, Body) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|frame| (frame, receiver))
    });
    (sender, StreamBody::new(frames).boxed())
}

#[tokio::test]
async fn a_caller_that_takes_nothing_is_let_go() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let limits = "[limits]\nidle_timeout = \"300ms\"";
    let mut connector = setup.with(limits).start().await;
    let mesh = &connector.setup.mesh;
    let gateway = Some(&connector.gateway);
    let mut stream = connect(connector.address, mesh, gateway, "http/1.1")
        .await
        .unwrap();
    let request = b"GET /endless HTTP/1.1\r\nhost: a.example\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let line = connector.logged("request").await;
    assert_eq!(line["status"], 200);
    assert_eq!(line["complete"], false);
    drop(stream);
}

#[tokio::test]
async fn a_slow_upload_is_not_the_backends_fault() {
    for protocol in ["http/1.1", "h2c"] {
        let origin = Origin::start().await;
        let limits = "[limits]\nresponse_head_timeout = \"100ms\"\nidle_timeout = \"800ms\"";
        let more = format!("protocol = \"{protocol}\"");
        let setup = Setup::new().backend("accounts", origin.address, &more);
        let mut connector = setup.with(limits).start().await;
        let (keep, body) = told();
        keep.send(Ok(Frame::data(Bytes::from_static(b"begun"))))
            .unwrap();
        let begun = tokio::time::Instant::now();
        // The backend waits for the body, as the caller does for nothing.
        let request = Request::post("/gate")
            .header("content-length", "100")
            .body(body);
        let response = connector.http2().await.send(request.unwrap()).await;
        let answer = problem(response).await;
        assert_eq!(answer, (408, "request-incomplete".into()), "{protocol}");
        assert!(begun.elapsed() >= Duration::from_millis(800));
        let line = connector.logged("request").await;
        assert_eq!(line["cause"], "the caller's request body stood still");
        drop(keep);
    }
}
