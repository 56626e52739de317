//! Peers that behave badly, and one that does at every octet.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;

use super::Scene;
use crate::client::connect;
use crate::program::patient;

type Stream = TlsStream<TcpStream>;

/// A whole exchange in few octets.
const REQUEST: &[u8] =
    b"POST /id HTTP/1.1\r\nhost: a.example\r\nx-request-id: reset\r\ncontent-length: 2\r\n\r\nab";

/// An answer in few octets.
pub(super) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab";

async fn open(scene: &Scene) -> Stream {
    let connector = &scene.connector;
    let mesh = &connector.setup.mesh;
    let stream = connect(connector.address, mesh, Some(&scene.leaf), "http/1.1");
    patient(stream).await.unwrap()
}

/// Waits until the connector has had enough of a connection.
async fn ended(mut stream: Stream) {
    let mut rest = Vec::new();
    let _ = patient(stream.read_to_end(&mut rest)).await;
}

/// How a peer behaves badly.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    SlowHead,
    SlowBody,
    HalfClosed,
    Deaf,
    /// Once at every octet of a request.
    Reset,
}

impl Kind {
    pub(super) const ALL: [(Self, &str); 5] = [
        (Self::SlowHead, "heads an octet at a time"),
        (Self::SlowBody, "bodies that stop"),
        (Self::HalfClosed, "callers that close their half"),
        (Self::Deaf, "callers that never read"),
        (Self::Reset, "resets at every octet of a request"),
    ];
}

/// So many peers of a kind, all at once.
pub(super) async fn all(scene: &Scene, kind: Kind, count: usize) {
    if matches!(kind, Kind::Reset) {
        for end in 0..REQUEST.len() {
            reset_after(open(scene).await, end).await;
        }
        return;
    }
    let mut peers = JoinSet::new();
    for _ in 0..count {
        let stream = open(scene).await;
        match kind {
            Kind::SlowHead => peers.spawn(slow_head(stream)),
            Kind::SlowBody => peers.spawn(slow_body(stream)),
            Kind::HalfClosed => peers.spawn(half_closed(stream)),
            Kind::Deaf => peers.spawn(deaf(stream)),
            Kind::Reset => continue,
        };
    }
    peers.join_all().await;
}

/// An octet of a head now and then, until the connector no longer waits.
async fn slow_head(mut stream: Stream) {
    for octet in b"GET / HTTP/1.1\r\nhost: a.example\r\nx: "
        .iter()
        .chain(&[b'x'; 1000])
    {
        if stream.write_all(&[*octet]).await.is_err() || stream.flush().await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("a head may last for ever");
}

/// A body that stops.
async fn slow_body(mut stream: Stream) {
    let head = b"POST /echo HTTP/1.1\r\nhost: a.example\r\ncontent-length: 100\r\n\r\nab";
    stream.write_all(head).await.unwrap();
    ended(stream).await;
}

/// A request, and no more from this side.
async fn half_closed(mut stream: Stream) {
    let head = b"GET /id HTTP/1.1\r\nhost: a.example\r\nx-request-id: half\r\n\r\n";
    stream.write_all(head).await.unwrap();
    stream.flush().await.unwrap();
    let _ = stream.get_mut().0.shutdown().await;
    ended(stream).await;
}

/// An endless answer of which nothing is taken. The connector lets go; that is seen in the metrics
/// and in its memory, and here once what was on the way has been read.
async fn deaf(mut stream: Stream) {
    let head = b"GET /endless HTTP/1.1\r\nhost: a.example\r\n\r\n";
    stream.write_all(head).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    ended(stream).await;
}

/// Resets the connection once so much of a request was sent.
async fn reset_after(mut stream: Stream, end: usize) {
    stream.write_all(&REQUEST[..end]).await.unwrap();
    stream.flush().await.unwrap();
    stream.get_ref().0.set_zero_linger().unwrap();
}

/// Connections that have had an exchange each and are then left alone.
pub(super) async fn idle(scene: &Scene, count: usize) -> Vec<Stream> {
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = open(scene).await;
        let head = b"GET /id HTTP/1.1\r\nhost: a.example\r\nx-request-id: idle\r\n\r\n";
        stream.write_all(head).await.unwrap();
        let mut answer = [0; 12];
        patient(stream.read_exact(&mut answer)).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        idle.push(stream);
    }
    idle
}

/// An origin whose first answer breaks off before its first octet, the next one before its second,
/// and so on. It counts the requests.
pub(super) async fn resetting_origin() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\nx") {
                request.push(stream.read_u8().await.unwrap());
            }
            let end = count.fetch_add(1, Ordering::Relaxed);
            let part = ANSWER.get(..end).unwrap_or_default();
            stream.write_all(part).await.unwrap();
            // A reset may overtake what was written; the end of the stream does not.
            if end.is_multiple_of(2) {
                stream.set_zero_linger().unwrap();
            }
        }
    });
    (address, seen)
}
