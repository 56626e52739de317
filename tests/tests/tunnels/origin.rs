//! An origin that remembers what reached it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

type Body = BoxBody<Bytes, hyper::Error>;

#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    /// What `x-test-id` said, and the method.
    seen: Arc<Mutex<Vec<(String, String)>>>,
    /// Requests that were let go of before their answers' end.
    dropped: Arc<AtomicUsize>,
}

/// Octets of a long answer.
pub(crate) const LONG: usize = 20 << 20;
const PIECE: usize = 64 << 10;

/// Counts, unless it is let off.
struct Dropped(Option<Arc<AtomicUsize>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn text(text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(text.into()).map_err(|never| match never {});
    Response::new(body.boxed())
}

impl Origin {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            dropped: Arc::default(),
        };
        let own = origin.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let origin = own.clone();
                let answer = service_fn(move |request| {
                    let origin = origin.clone();
                    async move { Ok::<_, Infallible>(origin.answer(request).await) }
                });
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
                tokio::spawn(connection.with_upgrades());
            }
        });
        origin
    }

    /// The ids of the requests that reached it, with their methods.
    pub(crate) fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests were let go of before their answers' end.
    pub(crate) fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let id = request.headers().get("x-test-id");
        let id = id.map_or_else(String::new, |id| id.to_str().unwrap().to_owned());
        let method = request.method().to_string();
        self.seen.lock().unwrap().push((id.clone(), method));
        match request.uri().path() {
            "/id" => {
                let _ = request.into_body().collect().await;
                // Time enough for a tunnel to be cut in the middle.
                tokio::time::sleep(Duration::from_millis(3)).await;
                text(id)
            }
            "/echo" => Response::new(request.into_body().boxed()),
            "/trailers" => {
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", "0".parse().unwrap());
                let frames = [
                    Frame::data(Bytes::from_static(b"message")),
                    Frame::trailers(trailers),
                ];
                let frames = futures_util::stream::iter(frames.map(Ok));
                let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
                let trailer = "grpc-status".parse().unwrap();
                response.headers_mut().insert("trailer", trailer);
                response
            }
            "/long" => {
                let mut guard = Dropped(Some(self.dropped.clone()));
                let pieces = futures_util::stream::iter((0..LONG / PIECE).map(move |piece| {
                    let guard = &mut guard;
                    if piece + 1 == LONG / PIECE {
                        guard.0 = None;
                    }
                    Ok(Frame::data(Bytes::from(vec![7; PIECE])))
                }));
                Response::new(BodyExt::boxed(StreamBody::new(pieces)))
            }
            "/silent" => {
                let _guard = Dropped(Some(self.dropped.clone()));
                std::future::pending().await
            }
            "/nothing" => {
                let mut response = text("");
                *response.status_mut() = StatusCode::NO_CONTENT;
                response
            }
            "/encoded" => {
                let mut response = text("not really");
                let headers = response.headers_mut();
                headers.insert("content-encoding", "gzip".parse().unwrap());
                headers.append("set-cookie", "a=1".parse().unwrap());
                headers.append("set-cookie", "b=2".parse().unwrap());
                response
            }
            "/slow" => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                text("slow")
            }
            "/websocket" => websocket(request),
            _ => text("origin"),
        }
    }
}

/// Echoes messages.
fn websocket(mut request: Request<Incoming>) -> Response<Body> {
    let Some(key) = request.headers().get("sec-websocket-key").cloned() else {
        let mut response = text("no handshake");
        *response.status_mut() = StatusCode::BAD_REQUEST;
        return response;
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let io = TokioIo::new(upgrade.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() || message.is_binary() {
                socket.send(message).await.unwrap();
            }
        }
    });
    let mut response = text("");
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert("connection", "upgrade".parse().unwrap());
    headers.insert("upgrade", "websocket".parse().unwrap());
    let accept = derive_accept_key(key.as_bytes());
    headers.insert("sec-websocket-accept", accept.parse().unwrap());
    response
}
