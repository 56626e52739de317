//! Connectors come in, and each connection of theirs becomes a tunnel.

use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{CertificateError, Error};
use rustls_pki_types::CertificateDer;
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::tunnel;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use super::TunnelConfig;
use super::notice::Noticed;
use super::pool::{MAX_STREAMS, Place, Pool};
use super::tls::{Shown, TunnelTls};
use crate::body::RequestBody;
use crate::bundle::Loaded;
use crate::listen;
use crate::tls::Kept;
use tidegate_follow::chain;

/// How long a connector may take to its HTTP/2 settings, its handshake included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections beyond the tunnels, so that who is one too many hears of it.
const IN_HANDSHAKE: usize = 64;
/// How long requests under way may take where a tunnel has to end.
const GRACE: Duration = Duration::from_secs(30);
/// How often a tunnel is held against the policy and the authorities in force.
const EVERY: Duration = Duration::from_secs(1);
/// How often a new tunnel is looked at.
const SETTLE: Duration = Duration::from_millis(5);
/// Octets of one answer that may be under way to here.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The largest head of an answer in octets.
const MAX_HEAD: u32 = 64 * 1024;

/// The listener for connectors, and the tunnels that they have opened.
#[derive(Debug)]
pub(crate) struct Tunnels {
    tls: Arc<Kept<TunnelTls>>,
    most: usize,
    ping: Duration,
    pool: Arc<Pool>,
    current: Arc<ArcSwap<Loaded>>,
    /// Set at the end.
    over: watch::Sender<bool>,
}

/// A connection that does not become a tunnel.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("it took too long")]
    Timeout,
    #[error("it does not speak `{}`", tunnel::PROTOCOL)]
    Protocol,
    #[error("{0}")]
    Handshake(std::io::Error),
    #[error("its certificate: {0}")]
    Certificate(CertificateError),
    #[error("it has no certificate")]
    NoCertificate,
    #[error("{0}")]
    NoConnector(#[from] super::tls::NoConnector),
    #[error("no origin of the policy is reached by `{0}`")]
    Unwanted(SpiffeId),
    #[error("{1} (`{0}`)")]
    Full(SpiffeId, super::pool::Full),
    #[error("it has gone before it said how many requests it takes")]
    Silent,
    #[error("{0}")]
    Http(hyper::Error),
}

impl Refused {
    /// A stable label.
    fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Protocol => "protocol",
            Self::Handshake(_) => "handshake",
            Self::Certificate(error) => certificate_label(error),
            Self::NoCertificate => "no-certificate",
            Self::NoConnector(_) => "no-identity",
            Self::Unwanted(_) => "unwanted",
            Self::Full(..) => "full",
            Self::Silent => "silent",
            Self::Http(_) => "http",
        }
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is open and every other failure is told in its own words"
)]
fn certificate_label(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "unknown-authority",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "not-yet-valid"
        }
        CertificateError::Revoked => "revoked",
        CertificateError::UnknownRevocationStatus
        | CertificateError::ExpiredRevocationList
        | CertificateError::ExpiredRevocationListContext { .. } => "revocation-unknown",
        CertificateError::Other(_) => "no-identity",
        _ => "invalid-certificate",
    }
}

impl From<std::io::Error> for Refused {
    fn from(error: std::io::Error) -> Self {
        let tls = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match tls {
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(certificate)) => Self::Certificate(certificate.clone()),
            Some(Error::NoApplicationProtocol) => Self::Protocol,
            _ => Self::Handshake(error),
        }
    }
}

/// Ends a connection once it is dropped, whatever is under way on it: of the tasks that speak HTTP/2
/// on it nobody has hold.
struct Cut(std::net::TcpStream);

impl Drop for Cut {
    fn drop(&mut self) {
        // An error is that it has ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A connection whose connector is known and has a place.
struct Admitted {
    stream: TlsStream<TcpStream>,
    cut: Cut,
    chain: Vec<CertificateDer<'static>>,
    shown: Shown,
    place: Place,
    tls: Arc<TunnelTls>,
}

impl Tunnels {
    pub(crate) fn new(
        config: &TunnelConfig,
        pool: Arc<Pool>,
        current: Arc<ArcSwap<Loaded>>,
    ) -> Result<Self, crate::tls::TlsError> {
        Ok(Self {
            tls: Arc::new(Kept::load(config.files.clone())?),
            most: config.most,
            ping: config.ping,
            pool,
            current,
            over: watch::Sender::new(false),
        })
    }

    /// Takes tunnels until `shutdown` is ready. Those that are there stay.
    pub(crate) async fn accept(
        self: &Arc<Self>,
        listener: TcpListener,
        shutdown: impl Future<Output = ()>,
    ) {
        let tls = Arc::clone(&self.tls);
        let renewing = tokio::spawn(async move { tls.watch().await });
        let at_once = self.most.saturating_add(IN_HANDSHAKE);
        let serve = |stream, peer| {
            let tunnels = Arc::clone(self);
            async move { tunnels.begin(stream, peer).await }
        };
        listen::accept(listener, at_once, shutdown, serve).await;
        renewing.abort();
    }

    /// Lets go of all tunnels.
    pub(crate) fn end(&self) {
        self.over.send_replace(true);
    }

    async fn begin(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let opened = async {
            let admitted = self.admit(stream).await?;
            self.open(admitted, peer).await
        };
        let opened = timeout(PATIENCE, opened).await;
        match opened.map_err(|_| Refused::Timeout) {
            Ok(Ok(tunnel)) => tunnel.keep(&self).await,
            Ok(Err(error)) | Err(error) => {
                warn!(%peer, reason = error.label(), %error, "tunnel refused");
            }
        }
    }

    /// Shakes hands, and looks for a place. Who has none hears of it by the end of the connection,
    /// before anything was said on it.
    async fn admit(&self, stream: TcpStream) -> Result<Admitted, Refused> {
        let stream = stream.into_std()?;
        let cut = Cut(stream.try_clone()?);
        let stream = TcpStream::from_std(stream)?;
        let tls = self.tls.current();
        let acceptor = TlsAcceptor::from(Arc::clone(&tls.config));
        let mut stream = acceptor.accept(stream).await?;
        let (_, session) = stream.get_ref();
        if session.alpn_protocol() != Some(tunnel::PROTOCOL.as_bytes()) {
            return Err(Refused::Protocol);
        }
        let chain = session.peer_certificates().unwrap_or_default().to_vec();
        let leaf = chain.first().ok_or(Refused::NoCertificate)?;
        let shown = Shown::read(leaf)?;
        let place = if self.wants(&shown.connector) {
            let place = self.pool.reserve(&shown.connector);
            place.map_err(|full| Refused::Full(shown.connector.clone(), full))
        } else {
            Err(Refused::Unwanted(shown.connector.clone()))
        };
        match place {
            Ok(place) => Ok(Admitted {
                stream,
                cut,
                chain,
                shown,
                place,
                tls,
            }),
            Err(refused) => {
                stream.shutdown().await?;
                Err(refused)
            }
        }
    }

    fn wants(&self, connector: &SpiffeId) -> bool {
        self.current.load().tunnels.contains(connector)
    }

    /// Turns the roles round, and waits until the connector has said how many requests it takes.
    async fn open(&self, admitted: Admitted, peer: SocketAddr) -> Result<Tunnel, Refused> {
        let Admitted {
            stream,
            cut,
            chain,
            shown,
            mut place,
            tls,
        } = admitted;
        // Answers to many clients share the tunnel: one that its client does not take must not hold
        // the others up, so that the connection's window (RFC 9113 §6.9.1) has room for all.
        let window = STREAM_WINDOW.saturating_mul(u32::try_from(MAX_STREAMS).unwrap_or(u32::MAX));
        let draining = Arc::new(AtomicBool::new(false));
        let noticed = Noticed::new(stream, Arc::clone(&draining));
        let handshake = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(self.ping)
            .keep_alive_timeout(self.ping)
            .keep_alive_while_idle(true)
            .max_header_list_size(MAX_HEAD)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(window)
            .initial_max_send_streams(0)
            .handshake::<_, RequestBody>(TokioIo::new(noticed))
            .await;
        let (sender, mut connection) = handshake.map_err(Refused::Http)?;
        while connection.current_max_send_streams() == 0 {
            tokio::select! {
                ended = &mut connection => return Err(match ended {
                    Ok(()) => Refused::Silent,
                    Err(error) => Refused::Http(error),
                }),
                () = sleep(SETTLE) => {}
            }
        }
        let room = connection.current_max_send_streams();
        place.open(sender, peer, room, draining);
        Ok(Tunnel {
            connection: Some(connection),
            cut,
            chain,
            shown,
            place,
            tls,
            peer,
        })
    }
}

type Http2 = http2::Connection<TokioIo<Noticed<TlsStream<TcpStream>>>, RequestBody, TokioExecutor>;

/// A tunnel that takes requests.
struct Tunnel {
    /// Dropped once it has ended: what waits in it for a stream is given back then.
    connection: Option<Http2>,
    cut: Cut,
    chain: Vec<CertificateDer<'static>>,
    shown: Shown,
    place: Place,
    tls: Arc<TunnelTls>,
    peer: SocketAddr,
}

impl Tunnel {
    /// Keeps the tunnel as long as it stands, its connector is let in, and the policy names it.
    async fn keep(mut self, tunnels: &Tunnels) {
        let (peer, connector) = (self.peer, self.shown.connector.clone());
        info!(%peer, %connector, "tunnel open");
        let end = self.ends(tunnels).await;
        self.place.retire();
        let mut idle = std::pin::pin!(self.place.idle());
        match end {
            End::Drained => idle.await,
            End::Over(_) => {
                // Requests that wait for a stream of their own get one yet.
                let rest = async {
                    tokio::select! {
                        () = &mut idle => return,
                        _ = ended(&mut self.connection) => {}
                    }
                    idle.await;
                };
                let _ = timeout(GRACE, rest).await;
            }
            End::Broken(_) | End::Disowned => {}
        }
        drop(self.cut);
        info!(%peer, %connector, cause = %end, "tunnel closed");
    }

    async fn ends(&mut self, tunnels: &Tunnels) -> End {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let left =
            Duration::from_secs(self.shown.not_after).saturating_sub(now.unwrap_or_default());
        let expiry = Instant::now().checked_add(left);
        let expired = async {
            match expiry {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let mut expired = std::pin::pin!(expired);
        let mut over = tunnels.over.subscribe();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = ended(&mut self.connection) => return match ended {
                    Ok(()) => End::Drained,
                    Err(error) => End::Broken(chain(&error)),
                },
                () = &mut expired => return End::Over("the connector's certificate has expired"),
                _ = over.wait_for(|over| *over) => return End::Over("the gateway ends"),
                _ = ticks.tick() => {}
            }
            if let Some(connection) = &self.connection {
                self.place.resize(connection.current_max_send_streams());
            }
            let current = tunnels.tls.current();
            if !Arc::ptr_eq(&current, &self.tls) {
                if !current.accepts(&self.chain) {
                    return End::Disowned;
                }
                self.tls = current;
            }
            if !tunnels.wants(&self.shown.connector) {
                return End::Over("no origin of the policy is reached by it any more");
            }
        }
    }
}

/// Ready once the connection has ended, and lets go of it.
async fn ended(connection: &mut Option<Http2>) -> Result<(), hyper::Error> {
    let ended = match connection.as_mut() {
        Some(connection) => connection.await,
        None => Ok(()),
    };
    *connection = None;
    ended
}

/// Why a tunnel takes no more requests.
#[derive(Debug, thiserror::Error)]
enum End {
    /// The connector finishes what is under way.
    #[error("the connector has ended it")]
    Drained,
    /// So does the gateway.
    #[error("{0}")]
    Over(&'static str),
    #[error("{0}")]
    Broken(String),
    /// Nothing is waited for.
    #[error("the connector is no longer let in")]
    Disowned,
}
