//! One connection: handshake, then HTTP until one side has had enough.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Server;
use super::activity::Activity;
use super::bounded_writes::BoundedWrites;
use super::gathered::Gathered;
use crate::access::AccessRecord;
use crate::body::ResponseBody;
use crate::caller::Caller;
use crate::config::Limits;
use crate::metrics::HandshakeLabels;
use crate::tls::Credentials;
use crate::tls::handshake::HandshakeError;

/// What a finished handshake leaves. It is big, and each future that it passes through would keep room
/// for it.
pub(crate) type Secured = Box<TlsStream<BoundedWrites<TcpStream>>>;

/// How often a silent HTTP/2 peer is asked whether it is still there (RFC 9113 §6.7).
const PING: Duration = Duration::from_secs(30);

impl Server {
    /// Serves HTTP on one connection to its end.
    pub(crate) async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        // Each in an allocation of its own, so that an idle connection keeps nothing of the
        // handshake and nothing of the other version of HTTP.
        let secured = self.secure(stream, peer, |credentials| credentials.server.clone());
        let secured = Box::pin(secured).await;
        if let Some((stream, caller)) = secured {
            Box::pin(self.serve(stream, Arc::new(caller))).await;
        }
    }

    /// Makes a connection that of a verified caller, or says in the log why not.
    pub(crate) async fn secure(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        config: impl FnOnce(&Credentials) -> Arc<ServerConfig>,
    ) -> Option<(Secured, Caller)> {
        let handshake = self.handshake(stream, peer, config);
        let result = tokio::select! {
            result = handshake => result,
            () = self.abort.cancelled() => return None,
        };
        let label = result
            .as_ref()
            .map_or_else(HandshakeError::label, |_| "accepted");
        let labels = HandshakeLabels { result: label };
        self.metrics.handshakes.get_or_create(&labels).inc();
        result
            .inspect_err(|error| {
                tracing::warn!(%peer, reason = label, %error, "handshake refused");
            })
            .ok()
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        config: impl FnOnce(&Credentials) -> Arc<ServerConfig>,
    ) -> Result<(Secured, Caller), HandshakeError> {
        // Without it small frames wait for the peer's acknowledgement.
        stream.set_nodelay(true)?;
        let trust = self.reloader.trust();
        let credentials = trust.credentials();
        let Limits {
            idle, handshake, ..
        } = self.generation().config.limits;
        let stream = BoundedWrites::new(stream, idle);
        let accept = TlsAcceptor::from(config(&credentials)).accept(stream);
        let stream = tokio::time::timeout(handshake, accept)
            .await
            .map_err(|_| HandshakeError::Timeout)??;
        if !credentials.stands_by(stream.get_ref().1) {
            return Err(HandshakeError::Expired);
        }
        let chain = stream.get_ref().1.peer_certificates();
        let chain = chain.ok_or(HandshakeError::NoCertificate)?;
        let caller = Caller::new(peer, chain, trust, SystemTime::now())
            .map_err(|error| HandshakeError::NoIdentity(error.to_string()))?;
        Ok((Box::new(stream), caller))
    }

    async fn serve(self: &Arc<Self>, stream: Secured, caller: Arc<Caller>) {
        let limits = self.generation().config.limits.clone();
        let activity = Activity::new();
        let service = Exchanges {
            server: self.clone(),
            caller: caller.clone(),
            activity: activity.clone(),
        };
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let idle = activity.idle(limits.idle);
        let result = if h2 {
            let builder = http2(&limits, PING);
            let connection = Gathered::new(stream, |io| builder.serve_connection(io, service));
            self.drive(Box::pin(connection), &caller, idle).await
        } else {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .max_header_size(usize::try_from(limits.header_bytes).unwrap_or(usize::MAX))
                .header_read_timeout(limits.header_read)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            self.drive(Box::pin(connection), &caller, idle).await
        };
        if let Err(error) = result {
            tracing::debug!(peer = %caller.peer, %error, "connection ended");
        }
    }

    /// Serves until the end, and asks for an end when the connector drains, the caller's
    /// certificate expires or there has been `enough`. A caller that is no longer let in is cut
    /// off.
    pub(super) async fn drive<C>(
        &self,
        mut connection: Pin<Box<C>>,
        caller: &Caller,
        enough: impl Future<Output = ()>,
    ) -> Result<(), hyper::Error>
    where
        C: Draining + Future<Output = Result<(), hyper::Error>>,
    {
        let enough = async {
            tokio::select! {
                () = self.drain.cancelled() => {}
                () = tokio::time::sleep(caller.remaining) => {}
                () = enough => {}
            }
        };
        let mut disowned = pin!(caller.disowned());
        tokio::select! {
            // An answer that is written after the end has begun must say so.
            biased;
            () = enough => connection.as_mut().drain(),
            () = disowned.as_mut() => {
                tracing::warn!(peer = %caller.peer, identity = %caller.identity, "caller cut off");
                return Ok(());
            }
            result = connection.as_mut() => return result,
        }
        tokio::select! {
            result = connection => result,
            () = disowned => Ok(()),
            () = self.abort.cancelled() => Ok(()),
        }
    }
}

/// How HTTP/2 is spoken with gateways; one that is silent is asked as often as `ping` says whether
/// it is still there.
pub(super) fn http2(limits: &Limits, ping: Duration) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(limits.header_bytes)
        .keep_alive_interval(ping);
    builder
}

/// A connection that can be asked to finish what it has begun and no more.
pub(super) trait Draining {
    fn drain(self: Pin<&mut Self>);
}

impl Draining for http1::UpgradeableConnection<TokioIo<Secured>, Exchanges> {
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// The requests of one connection.
#[derive(Clone, Debug)]
pub(super) struct Exchanges {
    pub(super) server: Arc<Server>,
    pub(super) caller: Arc<Caller>,
    pub(super) activity: Activity,
}

impl Service<Request<Incoming>> for Exchanges {
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let generation = self.server.generation();
        let metrics = self.server.metrics.clone();
        let busy = self.activity.begin();
        let record = AccessRecord::begin(self.caller.clone(), metrics, busy, &request);
        Box::pin(async move { Ok(generation.proxy.handle(request, record).await) })
    }
}
