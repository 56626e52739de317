//! Bodies, events and sockets on their way through the gateway and a connector, natively and on
//! workerd: whole, one by one, both ways, without piling up.

#![cfg(test)]

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::Request;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tidegate_dev::Apart;
use tidegate_tests::client;
use tidegate_tests::runtime::Runtime;
use tidegate_tests::stage::{Stage, root};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

const HOST: &str = "api.test.example";
const LENGTH: u64 = 200 * 1024 * 1024;
/// What memory may grow by while a body of [`LENGTH`] passes: buffers, and nothing like the body.
const GROWTH: u64 = 64 * 1024 * 1024;

async fn stage() -> Stage {
    Stage::new(&root().join("policy"), Apart::Ports)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn native() {
    let stage = stage().await;
    let runtime = Runtime::native(&stage).await.unwrap();
    everything("native", &runtime).await;
    streams_hold_their_places(&runtime).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workerd() {
    let stage = stage().await;
    let runtime = Runtime::workerd(&stage).await.unwrap();
    everything("workerd", &runtime).await;
}

async fn everything(name: &str, runtime: &Runtime) {
    let before = resident(runtime);
    download(runtime).await;
    upload(runtime).await;
    let growth = resident(runtime).saturating_sub(before);
    println!(
        "{name}: {} MiB down, {} MiB up; resident memory grew by {} KiB",
        LENGTH >> 20,
        LENGTH >> 20,
        growth >> 10
    );
    assert!(growth < GROWTH, "memory grew by {growth} octets");
    events(runtime).await;
    socket(runtime).await;
    client_goes_away(runtime).await;
}

/// Resident memory of the gateway's process, in octets. The native gateway shares one with the
/// client and the origin, which hold no body either.
fn resident(runtime: &Runtime) -> u64 {
    let process = runtime
        .process()
        .map_or("self".to_owned(), |id| id.to_string());
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

fn request(path: &str) -> http::request::Builder {
    Request::builder().uri(path).header("host", HOST)
}

async fn download(runtime: &Runtime) {
    let request = request(&format!("/sample/bytes/{LENGTH}"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let mut body = client::send(runtime.address(), request)
        .await
        .unwrap()
        .into_body();
    let mut hash = hmac_sha256::Hash::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let data = frame.unwrap().into_data().unwrap();
        length += data.len() as u64;
        hash.update(&data);
    }
    assert_eq!(length, LENGTH);
    assert_eq!(hash.finalize(), pattern_hash());
}

async fn upload(runtime: &Runtime) {
    let request = request("/sample/digest")
        .method("POST")
        .body(Pattern { left: LENGTH })
        .unwrap();
    let response = client::send(runtime.address(), request).await.unwrap();
    let answer = response.into_body().collect().await.unwrap().to_bytes();
    let seen: serde_json::Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(seen["length"], LENGTH);
    assert_eq!(
        seen["digest"],
        tidegate_shared::digest::Digest(pattern_hash()).to_string()
    );
}

fn pattern_hash() -> [u8; 32] {
    let piece = vec![0x5a; 1 << 20];
    let mut hash = hmac_sha256::Hash::new();
    for _ in 0..LENGTH >> 20 {
        hash.update(&piece);
    }
    hash.finalize()
}

/// A body of the origin's own pattern, made as it is sent.
struct Pattern {
    left: u64,
}

impl Body for Pattern {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static PIECE: [u8; 64 * 1024] = [0x5a; 64 * 1024];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= PIECE.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Each event is there before the origin has sent the next.
async fn events(runtime: &Runtime) {
    let request = request("/sample/events")
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = client::send(runtime.address(), request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut arrivals = Vec::new();
    let mut text = String::new();
    while let Some(frame) = body.frame().await {
        arrivals.push(Instant::now());
        text.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
    }
    assert_eq!(text, "data: 1\n\ndata: 2\n\ndata: 3\n\n");
    assert_eq!(arrivals.len(), 3, "events came together");
    for pair in arrivals.windows(2) {
        assert!(
            pair[1] - pair[0] > Duration::from_millis(50),
            "events came together"
        );
    }
}

async fn socket(runtime: &Runtime) {
    let stream = TcpStream::connect(runtime.address()).await.unwrap();
    let url = format!("ws://{HOST}/sample/socket");
    let (mut socket, response) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["one", "two", "three"] {
        socket.send(Message::text(text)).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(text));
    }
    let large = Message::binary(vec![7; 1 << 20]);
    socket.send(large.clone()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), large);
    socket.close(None).await.unwrap();
}

/// A client that leaves in the middle harms nobody: the gateway goes on serving.
async fn client_goes_away(runtime: &Runtime) {
    for _ in 0..20 {
        let request = request(&format!("/sample/bytes/{LENGTH}"))
            .body(Empty::<Bytes>::new())
            .unwrap();
        let mut body = client::send(runtime.address(), request)
            .await
            .unwrap()
            .into_body();
        assert!(body.frame().await.unwrap().is_ok());
    }
    let reset = request("/sample/reset")
        .body(Empty::<Bytes>::new())
        .unwrap();
    assert_eq!(
        client::send(runtime.address(), reset)
            .await
            .unwrap()
            .status(),
        502
    );
    let echo = request("/echo/a").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(
        client::send(runtime.address(), echo)
            .await
            .unwrap()
            .status(),
        200
    );
}

/// A stream counts among the requests at once until it has ended, or its client has left.
async fn streams_hold_their_places(runtime: &Runtime) {
    let begin = async || {
        let request = request(&format!("/few/bytes/{LENGTH}"))
            .body(Empty::<Bytes>::new())
            .unwrap();
        client::send(runtime.address(), request).await.unwrap()
    };
    let [first, second] = [begin().await, begin().await];
    assert_eq!([first.status(), second.status()], [200, 200]);
    let refused = begin().await;
    assert_eq!(refused.status(), 429);
    let problem = refused.into_body().collect().await.unwrap().to_bytes();
    let problem: serde_json::Value = serde_json::from_slice(&problem).unwrap();
    assert_eq!(problem["type"], "urn:tidegate:problem:concurrency-limited");
    drop(first);
    let left = Instant::now();
    while begin().await.status() != 200 {
        assert!(left.elapsed() < Duration::from_secs(10), "still held");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(second);
}
