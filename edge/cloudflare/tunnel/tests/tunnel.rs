//! The tunnel against the HTTP/2 server that connectors have, in memory.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test environment that is broken fails the test, and so does what is not expected"
)]

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proptest::prelude::{Strategy, any, proptest};
use tidegate_edge_cloudflare_tunnel::{Event, Full as NoRoom, Http2Tunnel};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::sync::Notify;

/// A tunnel whose connector serves.
struct Scene {
    tunnel: Http2Tunnel,
    far: DuplexStream,
    /// Octets of the long answer that the server has given out.
    given: Arc<AtomicUsize>,
    /// Requests that were dropped before their answer.
    dropped: Arc<AtomicUsize>,
    drain: Arc<Notify>,
}

const PIECE: usize = 16 * 1024;
const PIECES: usize = 256;

impl Scene {
    fn open(streams: u32) -> Self {
        let (far, near) = tokio::io::duplex(256 * 1024);
        let given = Arc::new(AtomicUsize::new(0));
        let dropped = Arc::new(AtomicUsize::new(0));
        let drain = Arc::new(Notify::new());
        let (count, gone, end) = (given.clone(), dropped.clone(), drain.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, count.clone(), gone.clone()));
            let connection = http2::Builder::new(TokioExecutor::new())
                .max_concurrent_streams(streams)
                .serve_connection(TokioIo::new(near), service);
            let mut connection = std::pin::pin!(connection);
            tokio::select! {
                ended = connection.as_mut() => return ended,
                () = end.notified() => connection.as_mut().graceful_shutdown(),
            }
            connection.await
        });
        Self {
            tunnel: Http2Tunnel::new(),
            far,
            given,
            dropped,
            drain,
        }
    }

    /// What goes out goes out, and what has come by then comes in.
    async fn exchange(&mut self) {
        while let Some(octets) = self.tunnel.output() {
            // A server that has ended takes no more; what it has said is still to be read.
            let _ = self.far.write_all(&octets).await;
        }
        let mut octets = vec![0; PIECE];
        let read = tokio::time::timeout(Duration::from_millis(20), self.far.read(&mut octets));
        match read.await {
            Err(_) => {}
            Ok(Ok(0) | Err(_)) => self.tunnel.end(),
            Ok(Ok(length)) => {
                octets.truncate(length);
                self.tunnel.receive(octets.into());
            }
        }
    }

    async fn begun(mut self) -> Self {
        assert_eq!(
            self.tunnel.send("GET https://a/", false),
            Err(NoRoom::NoRoom)
        );
        for _ in 0..100 {
            if self.tunnel.room() > 0 {
                return self;
            }
            self.exchange().await;
        }
        panic!("no room");
    }

    async fn event(&mut self) -> Event {
        for _ in 0..500 {
            if let Some(event) = self.tunnel.event() {
                return event;
            }
            self.exchange().await;
        }
        panic!("nothing happens");
    }

    /// The whole answer to a request.
    async fn answer(&mut self, id: u32) -> (String, Vec<u8>) {
        let mut all = Vec::new();
        let mut begun = None;
        loop {
            match self.event().await {
                Event::Head { id: of, head, body } if of == id => {
                    begun = Some(head);
                    if !body {
                        break;
                    }
                    self.tunnel.want(id);
                }
                Event::Data { id: of, octets } if of == id => {
                    all.extend_from_slice(&octets);
                    self.tunnel.want(id);
                }
                Event::End { id: of } if of == id => break,
                Event::Taken { .. } | Event::Stopped { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        (begun.unwrap(), all)
    }
}

type Body = BoxBody<Bytes, hyper::Error>;

struct Dropped(Option<Arc<AtomicUsize>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    given: Arc<AtomicUsize>,
    dropped: Arc<AtomicUsize>,
) -> Result<Response<Body>, Infallible> {
    let full = |text: String| Full::new(Bytes::from(text)).map_err(|never| match never {});
    let mut dropped = Dropped(Some(dropped));
    let response = Response::builder().header("x-latin", "caf\u{e9}");
    let body = match request.uri().path() {
        "/echo" => request.into_body().boxed(),
        "/long" => {
            let piece = move |_| {
                given.fetch_add(PIECE, Ordering::Relaxed);
                Ok(Frame::data(Bytes::from(vec![7; PIECE])))
            };
            let pieces = futures_util::stream::iter((0..PIECES).map(piece));
            BodyExt::boxed(StreamBody::new(pieces))
        }
        "/silent" => std::future::pending().await,
        "/unread" => full("enough".to_owned()).boxed(),
        path => full(format!("{} {path}", request.method())).boxed(),
    };
    dropped.0 = None;
    Ok(response.body(body).unwrap())
}

#[tokio::test]
async fn requests_and_answers_pass() {
    let mut scene = Scene::open(4).begun().await;
    assert_eq!(scene.tunnel.room(), 4);
    let id = scene.tunnel.send("GET https://a.example/b?c", false);
    let (head, body) = scene.answer(id.unwrap()).await;
    assert!(head.starts_with("200\nx-latin:caf\u{c3}\u{a9}\n"), "{head}");
    assert_eq!(body, b"GET /b");
    assert_eq!((scene.tunnel.room(), scene.tunnel.load()), (4, 0));
    let wrong = scene.tunnel.send("GET https://a.example/\nx y:z", false);
    assert_eq!(wrong, Err(NoRoom::InvalidHead));
}

#[tokio::test]
async fn a_body_goes_up_as_fast_as_it_is_taken() {
    let mut scene = Scene::open(4).begun().await;
    let id = scene.tunnel.send("POST https://a/echo", true).unwrap();
    let mut back = 0;
    let mut sent = 0;
    scene.tunnel.data(id, vec![1; 100_000].into());
    loop {
        match scene.event().await {
            Event::Head { body, .. } => {
                assert!(body);
                scene.tunnel.want(id);
            }
            Event::Taken { .. } => {
                sent += 100_000;
                if sent < 10_000_000 {
                    scene.tunnel.data(id, vec![1; 100_000].into());
                } else {
                    scene.tunnel.finish(id);
                }
            }
            Event::Data { octets, .. } => {
                back += octets.len();
                scene.tunnel.want(id);
            }
            Event::End { .. } => break,
            other => panic!("{other:?}"),
        }
        // What nobody has taken yet: the server's window and buffer, the tunnel's, and a piece.
        assert!(sent - back < 2_500_000, "{sent} {back}");
    }
    assert_eq!((sent, back), (10_000_000, 10_000_000));
}

#[tokio::test]
async fn an_answer_that_nobody_takes_waits_and_holds_no_other_up() {
    let mut scene = Scene::open(100).begun().await;
    let ids: Vec<u32> = (0..20)
        .map(|_| scene.tunnel.send("GET https://a/long", false).unwrap())
        .collect();
    for _ in 0..ids.len() {
        assert!(matches!(scene.event().await, Event::Head { .. }));
    }
    for _ in 0..20 {
        scene.exchange().await;
    }
    // The server reads ahead of what may go out.
    let given = scene.given.load(Ordering::Relaxed);
    assert!(given < ids.len() * 1024 * 1024, "{given}");
    let id = scene.tunnel.send("GET https://a/", false).unwrap();
    assert_eq!(scene.answer(id).await.1, b"GET /");
    let first = ids[0];
    scene.tunnel.want(first);
    let mut length = 0;
    loop {
        match scene.event().await {
            Event::Data { id, octets } => {
                assert_eq!(id, first);
                length += octets.len();
                scene.tunnel.want(first);
            }
            Event::End { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(length, PIECE * PIECES);
}

#[tokio::test]
async fn who_goes_away_takes_nobody_along() {
    let mut scene = Scene::open(100).begun().await;
    for round in 0..30 {
        let silent = scene.tunnel.send("GET https://a/silent", false).unwrap();
        let long = scene.tunnel.send("GET https://a/long", false).unwrap();
        assert!(matches!(scene.event().await, Event::Head { .. }));
        scene.tunnel.cancel(silent);
        // Most of it is still on its way.
        scene.tunnel.cancel(long);
        let id = scene.tunnel.send("GET https://a/", false).unwrap();
        assert_eq!(scene.answer(id).await.1, b"GET /", "{round}");
        assert_eq!(scene.tunnel.load(), 0);
    }
    assert_eq!(scene.dropped.load(Ordering::Relaxed), 30);
}

#[tokio::test]
async fn a_body_that_is_not_wanted_is_stopped() {
    let mut scene = Scene::open(4).begun().await;
    let id = scene.tunnel.send("POST https://a/unread", true).unwrap();
    scene.tunnel.data(id, vec![1; 10_000_000].into());
    let (mut ended, mut stopped) = (false, false);
    while !(ended && stopped) {
        match scene.event().await {
            Event::Head { .. } | Event::Data { .. } => scene.tunnel.want(id),
            Event::End { .. } => ended = true,
            Event::Stopped { .. } => stopped = true,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(scene.tunnel.load(), 0);
}

#[tokio::test]
async fn a_connector_that_drains_gets_no_more_and_finishes_what_it_has() {
    let mut scene = Scene::open(4).begun().await;
    let id = scene.tunnel.send("GET https://a/long", false).unwrap();
    assert!(matches!(scene.event().await, Event::Head { .. }));
    scene.drain.notify_one();
    // What is before it on its way comes first.
    for _ in 0..20 {
        scene.exchange().await;
    }
    assert_eq!(scene.tunnel.room(), 0);
    let more = scene.tunnel.send("GET https://a/", false);
    assert_eq!(more, Err(NoRoom::NoRoom));
    let mut length = 0;
    scene.tunnel.want(id);
    loop {
        match scene.event().await {
            Event::Data { octets, .. } => {
                length += octets.len();
                scene.tunnel.want(id);
            }
            Event::End { .. } => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(length, PIECE * PIECES);
    for _ in 0..5 {
        scene.exchange().await;
    }
    assert!(scene.tunnel.is_over());
}

#[tokio::test]
async fn what_is_under_way_when_a_tunnel_is_cut_fails() {
    let mut scene = Scene::open(8).begun().await;
    let silent = scene.tunnel.send("GET https://a/silent", false).unwrap();
    let long = scene.tunnel.send("GET https://a/long", false).unwrap();
    let upload = scene.tunnel.send("POST https://a/silent", true).unwrap();
    scene.tunnel.data(upload, vec![1; 10_000_000].into());
    assert!(matches!(scene.event().await, Event::Head { .. }));
    scene.tunnel.end();
    assert!(scene.tunnel.is_over());
    assert_eq!(scene.tunnel.room(), 0);
    let mut failed = Vec::new();
    while let Some(event) = scene.tunnel.event() {
        if let Event::Failed { id, unsent, .. } = event {
            assert!(!unsent);
            failed.push(id);
        }
    }
    failed.sort_unstable();
    assert_eq!(failed, [silent, upload]);
    // Who has the head hears of it with the next piece.
    loop {
        scene.tunnel.want(long);
        match scene.tunnel.event().unwrap() {
            Event::Data { .. } => {}
            Event::Failed { id, .. } => break assert_eq!(id, long),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(scene.tunnel.load(), 0);
}

#[tokio::test]
async fn a_silent_connector_is_found_out() {
    let mut scene = Scene::open(4).begun().await;
    assert!(scene.tunnel.ask());
    assert!(!scene.tunnel.ask());
    scene.exchange().await;
    scene.exchange().await;
    assert!(scene.tunnel.ask());
}

/// SETTINGS with 128 streams (RFC 9113 §6.5.2).
const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x80";

#[test]
fn who_asks_and_does_not_listen_is_given_up() {
    let mut tunnel = Http2Tunnel::new();
    tunnel.receive(SETTINGS.into());
    let pings = b"\0\0\x08\x06\0\0\0\0\0abcdefgh".repeat(1000);
    let mut out = 0;
    for _ in 0..1000 {
        tunnel.receive(pings.clone().into());
        while let Some(octets) = tunnel.output() {
            out += octets.len();
        }
    }
    assert!(tunnel.is_over());
    assert!((1 << 20..9 << 20).contains(&out), "{out}");
}

fn frames() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let frame = (
        any::<u8>(),
        any::<u8>(),
        0..8_u8,
        proptest::collection::vec(any::<u8>(), 0..40),
    );
    let frame = frame.prop_map(|(kind, flags, stream, payload)| {
        let length = u8::try_from(payload.len()).unwrap();
        let head = [0, 0, length, kind % 12, flags, 0, 0, 0, stream];
        [&head[..], &payload].concat()
    });
    let octets = proptest::collection::vec(any::<u8>(), 0..60);
    proptest::collection::vec(proptest::prop_oneof![frame, octets], 1..12)
}

proptest! {
    #[test]
    fn nothing_that_comes_in_is_more_than_the_end(messages in frames()) {
        let mut tunnel = Http2Tunnel::new();
        tunnel.receive(SETTINGS.into());
        let ids = [
            tunnel.send("GET https://a/", false).unwrap(),
            tunnel.send("POST https://a/", true).unwrap(),
            tunnel.send("GET https://a/", false).unwrap(),
        ];
        tunnel.data(ids[1], vec![0; 100_000].into());
        tunnel.cancel(ids[2]);
        for message in messages {
            tunnel.receive(message.into());
            for id in ids {
                tunnel.want(id);
            }
            while tunnel.output().is_some() {}
        }
        tunnel.end();
        for id in ids {
            tunnel.want(id);
            tunnel.want(id);
        }
        assert!(tunnel.is_over());
    }
}
