//! A connection, from its handshake to its end.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::Watcher;
use tidegate_edge::Scheme;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::bundle::Loaded;
use crate::exchange::{self, Client, Shared};
use crate::tls::{self, Tls};

/// The largest request head in octets.
const MAX_HEAD: u32 = 64 * 1024;
/// The most header fields.
const MAX_FIELDS: usize = 128;
/// The longest wait for a request head.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(15);
/// Requests at once on one HTTP/2 connection.
const MAX_STREAMS: u32 = 256;

/// What a connection is served with.
pub(crate) struct Connection {
    pub(crate) current: Arc<ArcSwap<Loaded>>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) builder: Arc<auto::Builder<TokioExecutor>>,
    pub(crate) watcher: Watcher,
}

impl Connection {
    /// Shakes hands where there is TLS, and serves. What goes wrong on a client's connection is
    /// the client's affair.
    pub(crate) async fn begin(self, stream: TcpStream, address: IpAddr, tls: Option<Arc<Tls>>) {
        let client = |scheme, certificate| Client {
            address,
            scheme,
            certificate,
        };
        let Some(tls) = tls else {
            return self.serve(stream, client(Scheme::Http, None)).await;
        };
        let handshake = tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await;
        let Ok(Ok(stream)) = handshake else { return };
        let certificate = tls::client_certificate(&stream);
        let client = client(Scheme::Https, certificate.map(Arc::new));
        self.serve(stream, client).await;
    }

    async fn serve<S>(self, stream: S, client: Client)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            current,
            shared,
            builder,
            watcher,
        } = self;
        let began = Arc::new(AtomicBool::new(false));
        let begins = Arc::clone(&began);
        let service = service_fn(move |request| {
            begins.store(true, Ordering::Relaxed);
            let (loaded, shared) = (current.load_full(), Arc::clone(&shared));
            let client = client.clone();
            async move { Ok::<_, Infallible>(exchange::handle(loaded, shared, client, request).await) }
        });
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(watcher.watch(connection.into_owned()));
        // hyper's own timeout starts once it knows the version, and a client may keep it waiting
        // for that.
        let first = tokio::time::timeout(HEAD_TIMEOUT, connection.as_mut()).await;
        if first.is_err() && began.load(Ordering::Relaxed) {
            let _ = connection.await;
        }
    }
}

/// How HTTP is spoken with clients.
pub(crate) fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD as usize)
        .max_headers(MAX_FIELDS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(MAX_HEAD)
        .max_concurrent_streams(MAX_STREAMS)
        .keep_alive_interval(Some(Duration::from_secs(30)));
    builder
}
