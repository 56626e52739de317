//! One tunnel after the other, to one gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::ServerName;
use tidegate_shared::tunnel;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::error::DialError;
use super::{Gateway, web_socket};
use crate::backoff::Backoff;
use crate::caller::Caller;
use crate::config::Way;
use crate::identity::PeerName;
use crate::server::{BoundedWrites, Server, TunnelTerms};
use crate::tls::gateway::client_config;
use crate::tls::reload::Trust;

/// A tunnel that has lasted for as long was no failure, however it ended.
const STEADY: Duration = Duration::from_secs(10);

/// The least time between two renewals.
const LEAST_RENEWAL: Duration = Duration::from_secs(1);

/// How long a tunnel of a WebSocket may last: only when it begins does the gateway hear whether the
/// connector is still let in, so that it ends it after an hour.
const LONGEST: Duration = Duration::from_secs(50 * 60);

/// Keeps one tunnel open.
#[derive(Debug)]
pub(super) struct Lane {
    gateway: Arc<Gateway>,
    server: Arc<Server>,
    /// Among those to the same gateway.
    number: usize,
}

/// What a tunnel's octets go over.
trait Octets: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Octets for S {}

/// A connection over which the gateway has begun to speak.
struct Opened {
    stream: Box<dyn Octets>,
    caller: Caller,
    trust: Trust,
}

/// A tunnel that is being served.
struct Standing {
    retire: CancellationToken,
    ended: JoinHandle<()>,
    began: Instant,
    /// When another is to take its place.
    renew: Instant,
    trust: Trust,
}

impl Lane {
    pub(super) fn new(gateway: Arc<Gateway>, server: Arc<Server>, number: usize) -> Self {
        Self {
            gateway,
            server,
            number,
        }
    }

    /// Dials, and dials again whenever the tunnel has ended or is to be renewed, until the drain
    /// begins or the gateway is retired. A tunnel is renewed before it is let go of.
    pub(super) async fn keep(self) {
        let retired = self.gateway.retired.clone();
        let kept = async {
            let mut backoff = Backoff::new(self.gateway.config.backoff);
            let mut standing: Option<Standing> = None;
            let mut attempt = self.number;
            loop {
                let opened = self.open(attempt).await;
                attempt = attempt.wrapping_add(1);
                self.gateway.count(match &opened {
                    Ok(_) => "opened",
                    Err(error) => error.label(),
                });
                match opened {
                    Ok(opened) => {
                        let mut tunnel = self.serve(opened);
                        if let Some(before) = standing.take() {
                            before.retire.cancel();
                        }
                        if tunnel.due().await {
                            standing = Some(tunnel);
                            continue;
                        }
                        if tunnel.began.elapsed() >= STEADY {
                            backoff.reset();
                        }
                    }
                    Err(error) => {
                        let (dial, reason) = (self.gateway.name(), error.label());
                        tracing::warn!(dial, lane = self.number, reason, %error, "no tunnel");
                    }
                }
                sleep(backoff.pause(fastrand::f64())).await;
            }
        };
        tokio::select! {
            () = kept => {}
            () = retired.cancelled() => {}
        }
    }

    /// Connects, shakes hands, and waits for the gateway's first octet: in TLS 1.3 a client learns
    /// only then whether its certificate was taken (RFC 8446 §4.4.4).
    async fn open(&self, attempt: usize) -> Result<Opened, DialError> {
        let config = &self.gateway.config;
        let generation = self.server.generation();
        let limits = &generation.config.limits;
        let found = generation.dns.once(&config.gateway);
        let addresses = found.await.map_err(DialError::Unresolved)?;
        let address = attempt
            .checked_rem(addresses.len())
            .and_then(|index| addresses.get(index).copied());
        // An answer of DNS is never empty.
        let address = address.unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let unreachable = |error| DialError::Unreachable(error, address);
        let stream = timeout(limits.connect, TcpStream::connect(address))
            .await
            .map_err(|_| DialError::Timeout("connect"))?
            .map_err(unreachable)?;
        // Without it small frames wait for the peer's acknowledgement.
        stream.set_nodelay(true).map_err(unreachable)?;
        let handshake = self.handshake(stream, address, limits.idle);
        let opened = timeout(limits.handshake, handshake).await;
        opened.map_err(|_| DialError::Timeout("shake hands"))?
    }

    async fn handshake(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        idle: Duration,
    ) -> Result<Opened, DialError> {
        let unusable = |error: &dyn ToString| DialError::Unusable(error.to_string());
        let config = &self.gateway.config;
        let host = match &config.identity {
            PeerName::Dns(name) => name.as_str(),
            PeerName::Spiffe(_) => {
                let host = config.gateway.host();
                host.trim_start_matches('[').trim_end_matches(']')
            }
        };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| unusable(&error))?;
        let stream = BoundedWrites::new(stream, idle);
        let trust = self.server.reloader.trust();
        match &config.way {
            Way::Connection => self.by_connection(stream, address, name, trust).await,
            Way::WebSocket { path, .. } => {
                let credentials = trust.credentials();
                let stream = web_socket::connect(stream, config, &credentials, name).await?;
                let chain = stream.get_ref().1.peer_certificates();
                let leaf = chain.and_then(<[_]>::first);
                let leaf = leaf.ok_or_else(|| unusable(&"the gateway has no certificate"))?;
                let (host_name, now) = (host.to_owned(), SystemTime::now());
                let caller = Caller::of_host(host_name, address, leaf, trust.clone(), now)
                    .map_err(|error| unusable(&error))?;
                let stream = web_socket::switch(stream, host, config, path).await?;
                Ok(Opened {
                    stream: Box::new(stream),
                    caller,
                    trust,
                })
            }
        }
    }

    async fn by_connection(
        &self,
        stream: BoundedWrites<TcpStream>,
        address: SocketAddr,
        name: ServerName<'static>,
        trust: Trust,
    ) -> Result<Opened, DialError> {
        let unusable = |error: &dyn ToString| DialError::Unusable(error.to_string());
        let identity = self.gateway.config.identity.clone();
        let tls = client_config(trust.credentials(), identity).map_err(|error| unusable(&error))?;
        let connect = TlsConnector::from(Arc::new(tls)).connect(name, stream);
        let mut stream = connect.await.map_err(DialError::of_handshake)?;
        if stream.get_ref().1.alpn_protocol() != Some(tunnel::PROTOCOL.as_bytes()) {
            return Err(DialError::NoTunnels);
        }
        let first = stream.fill_buf().await;
        if first.map_err(DialError::of_handshake)?.is_empty() {
            return Err(DialError::Declined);
        }
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let caller = Caller::new(address, chain, trust.clone(), SystemTime::now())
            .map_err(|error| unusable(&error))?;
        Ok(Opened {
            stream: Box::new(stream),
            caller,
            trust,
        })
    }

    /// Serves a tunnel in a task of its own.
    fn serve(&self, opened: Opened) -> Standing {
        let Opened {
            stream,
            caller,
            trust,
        } = opened;
        let retire = self.gateway.retired.child_token();
        let terms = TunnelTerms {
            keep_alive: self.gateway.config.keep_alive,
            retire: retire.clone(),
        };
        let (began, now) = (Instant::now(), SystemTime::now());
        let left = caller.remaining.min(trust.credentials().own_time(now));
        let left = match self.gateway.config.way {
            Way::Connection => left,
            Way::WebSocket { .. } => left.min(LONGEST),
        };
        let (server, gateway, lane) = (self.server.clone(), self.gateway.clone(), self.number);
        let ended = self.server.tasks.spawn(async move {
            let caller = Arc::new(caller);
            let open = gateway.opened();
            let (dial, peer, identity) = (gateway.name(), caller.peer, &caller.identity);
            tracing::info!(dial, lane, %peer, %identity, "tunnel open");
            server.metrics.connections.inc();
            let result = server.tunnel(stream, caller.clone(), terms).await;
            server.metrics.connections.dec();
            drop(open);
            let cause = result.err().map(|error| error.to_string());
            let lasted_ms = began.elapsed().as_secs_f64() * 1000.0;
            tracing::info!(dial, lane, %peer, cause, lasted_ms, "tunnel closed");
        });
        Standing {
            retire,
            ended,
            began,
            renew: began + renewal(left),
            trust,
        }
    }
}

/// When a tunnel whose certificates have so much time left is to be renewed.
fn renewal(left: Duration) -> Duration {
    let margin = (left / 10).clamp(LEAST_RENEWAL, Duration::from_secs(60));
    left.saturating_sub(margin).max(LEAST_RENEWAL)
}

impl Standing {
    /// Waits until it has ended (`false`) or is to be renewed: because a certificate has little time
    /// left, or because the connector has got another.
    async fn due(&mut self) -> bool {
        let shown = self.trust.credentials();
        let renewed = async {
            loop {
                let now = self.trust.next().await;
                if !now.shows_the_same(&shown) {
                    // Not all of them at the same moment.
                    sleep(Duration::from_secs(1).mul_f64(fastrand::f64())).await;
                    return;
                }
            }
        };
        tokio::select! {
            _ = &mut self.ended => false,
            () = tokio::time::sleep_until(self.renew) => true,
            () = renewed => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renews_before_the_end_but_not_without_pause() {
        let second = Duration::from_secs(1);
        for (left, expected) in [(0, 1), (1, 1), (10, 9), (100, 90), (3600, 3540)] {
            assert_eq!(renewal(second * left), second * expected, "{left}");
        }
    }
}
