//! Connectors come in, and each connection of theirs becomes a tunnel.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls_pki_types::CertificateDer;
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::tunnel;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::warn;

use super::TunnelConfig;
use super::life::{Cut, Tunnel};
use super::notice::Noticed;
use super::pool::{MAX_STREAMS, Place, Pool};
use super::refused::Refused;
use super::tls::{Shown, TunnelTls};
use crate::body::RequestBody;
use crate::bundle::Loaded;
use crate::listen;
use crate::tls::Kept;

/// How long a connector may take to its HTTP/2 settings, its handshake included.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections beyond the tunnels, so that who is one too many hears of it.
const IN_HANDSHAKE: usize = 64;
/// How often a new tunnel is looked at.
const SETTLE: Duration = Duration::from_millis(5);
/// Octets of one answer that may be under way to here.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The largest head of an answer in octets.
const MAX_HEAD: u32 = 64 * 1024;

/// The listener for connectors, and the tunnels that they have opened.
#[derive(Debug)]
pub(crate) struct Tunnels {
    pub(super) tls: Arc<Kept<TunnelTls>>,
    most: usize,
    ping: Duration,
    pool: Arc<Pool>,
    current: Arc<ArcSwap<Loaded>>,
    /// Set at the end.
    pub(super) over: watch::Sender<bool>,
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
        let cut = Cut::of(&stream)?;
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

    pub(super) fn wants(&self, connector: &SpiffeId) -> bool {
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
