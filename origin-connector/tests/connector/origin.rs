//! An origin that remembers what reached it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_util::either::Either;

use crate::authority::{Authority, Leaf};

#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Parts>>>,
    /// Connections so far.
    pub(crate) accepted: Arc<AtomicUsize>,
    /// `/gate` answers once it gets a permit.
    pub(crate) gate: Arc<Semaphore>,
    /// Whether `/healthz` says that all is well.
    pub(crate) well: Arc<AtomicBool>,
    serving: Arc<Mutex<Option<JoinHandle<()>>>>,
}

pub(crate) type Body = BoxBody<Bytes, hyper::Error>;

fn text(text: impl Into<Bytes>) -> Response<Body> {
    Response::new(
        Full::new(text.into())
            .map_err(|never| match never {})
            .boxed(),
    )
}

/// TLS with `leaf` to clients whose certificate is of `authority`.
pub(crate) fn mutual(authority: &Authority, leaf: &Leaf) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(authority.roots());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![leaf.certificate.clone()], leaf.key())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

impl Origin {
    /// Speaks HTTP/1.1 and h2c, whichever comes.
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    /// Speaks TLS with `leaf` to clients whose certificate is of `authority`.
    pub(crate) async fn start_secure(authority: &Authority, leaf: &Leaf) -> Self {
        Self::start_with(Some(mutual(authority, leaf))).await
    }

    async fn start_with(tls: Option<TlsAcceptor>) -> Self {
        Self::serving(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls)
    }

    /// The same as [`start`](Self::start) where somebody else listens already.
    pub(crate) fn start_on(listener: TcpListener) -> Self {
        Self::serving(listener, None)
    }

    fn serving(listener: TcpListener, tls: Option<TlsAcceptor>) -> Self {
        let origin = Self {
            address: listener.local_addr().unwrap(),
            seen: Arc::default(),
            accepted: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            well: Arc::new(AtomicBool::new(true)),
            serving: Arc::default(),
        };
        let serving = tokio::spawn(origin.clone().serve(listener, tls));
        *origin.serving.lock().unwrap() = Some(serving);
        origin
    }

    /// Closes all connections and listens no more.
    pub(crate) async fn stop(&self) {
        let serving = self.serving.lock().unwrap().take().unwrap();
        serving.abort();
        assert!(serving.await.unwrap_err().is_cancelled());
    }

    async fn serve(self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut connections = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            while connections.try_join_next().is_some() {}
            stream.set_nodelay(true).unwrap();
            self.accepted.fetch_add(1, Ordering::Relaxed);
            let (origin, tls) = (self.clone(), tls.clone());
            connections.spawn(async move {
                let answer = service_fn(|request| {
                    let origin = origin.clone();
                    async move { Ok::<_, Infallible>(origin.answer(request).await) }
                });
                let stream = match tls {
                    None => Either::Left(stream),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Either::Right(stream),
                        Err(_) => return,
                    },
                };
                let _ = auto::Builder::new(TokioExecutor::new())
                    .serve_connection_with_upgrades(TokioIo::new(stream), answer)
                    .await;
            });
        }
    }

    /// What reached the origin so far.
    pub(crate) fn seen(&self) -> Vec<Parts> {
        self.seen.lock().unwrap().clone()
    }

    /// The fields of the only request that reached the origin.
    pub(crate) fn only_head(&self) -> HeaderMap {
        let seen = self.seen();
        assert_eq!(seen.len(), 1);
        seen.into_iter().next().unwrap().headers
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        if parts.uri.path() == "/healthz" {
            let mut response = text("");
            if !self.well.load(Ordering::Relaxed) {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            return response;
        }
        self.seen.lock().unwrap().push(parts.clone());
        match parts.uri.path() {
            path if path.starts_with("/grpc.") => crate::grpc::answer(self, &parts, body).await,
            "/echo" => {
                let mut response = Response::new(body.boxed());
                if let Some(trailer) = parts.headers.get("trailer") {
                    response.headers_mut().insert("trailer", trailer.clone());
                }
                response
            }
            "/id" => {
                // The answer comes after the body, as where something is made of it.
                let _ = body.collect().await;
                let id = parts.headers.get("x-request-id");
                text(id.map(|id| id.as_bytes().to_vec()).unwrap_or_default())
            }
            "/gate" => {
                self.gate.acquire().await.unwrap().forget();
                text("opened")
            }
            "/endless" => {
                let chunk = Bytes::from_static(&[b'x'; 65_536]);
                let frames =
                    futures_util::stream::repeat(chunk).map(|chunk| Ok(Frame::data(chunk)));
                Response::new(BodyExt::boxed(StreamBody::new(frames)))
            }
            "/unavailable" => {
                let mut response = text("nobody there");
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                response
            }
            "/stall" => std::future::pending().await,
            "/websocket" => websocket(Request::from_parts(parts, body)),
            "/hop" => {
                let mut response = text("hop");
                let headers = response.headers_mut();
                headers.insert("connection", "x-hop".parse().unwrap());
                headers.insert("x-hop", "1".parse().unwrap());
                headers.insert("x-end", "1".parse().unwrap());
                response
            }
            _ => text("origin"),
        }
    }
}

/// Echoes messages.
fn websocket(mut request: Request<Incoming>) -> Response<Body> {
    let key = request.headers()["sec-websocket-key"].clone();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        use futures_util::SinkExt as _;
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
