//! A tunnel from its first request to its end.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::CertificateDer;
use tidegate_follow::chain;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_rustls::server::TlsStream;
use tracing::info;

use super::Tunnels;
use super::notice::Noticed;
use super::pool::Place;
use super::tls::{Shown, TunnelTls};
use crate::body::RequestBody;

/// How long requests under way may take where a tunnel has to end.
const GRACE: Duration = Duration::from_secs(30);
/// How often a tunnel is held against the policy and the authorities in force.
const EVERY: Duration = Duration::from_secs(1);

pub(super) type Http2 = http2::Connection<
    TokioIo<Noticed<TlsStream<tokio::net::TcpStream>>>,
    RequestBody,
    TokioExecutor,
>;

/// A tunnel that takes requests.
pub(super) struct Tunnel {
    /// Dropped once it has ended: what waits in it for a stream is given back then.
    pub(super) connection: Option<Http2>,
    pub(super) cut: Cut,
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) shown: Shown,
    pub(super) place: Place,
    pub(super) tls: Arc<TunnelTls>,
    pub(super) peer: SocketAddr,
}

/// Ends a connection once it is dropped, whatever is under way on it: of the tasks that speak HTTP/2
/// on it nobody has hold.
pub(super) struct Cut(TcpStream);

impl Cut {
    pub(super) fn of(stream: &TcpStream) -> io::Result<Self> {
        Ok(Self(stream.try_clone()?))
    }
}

impl Drop for Cut {
    fn drop(&mut self) {
        // An error is that it has ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

impl Tunnel {
    /// Keeps the tunnel as long as it stands, its connector is let in, and the policy names it.
    pub(super) async fn keep(mut self, tunnels: &Tunnels) {
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
