//! From the listener to requests of verified callers.

pub(crate) mod activity;
mod bounded_writes;
mod connection;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Limits;
use crate::metrics::Metrics;
use crate::proxy::Proxy;
use crate::tls::reload::Reloader;

pub(crate) use bounded_writes::BoundedWrites;
pub(crate) use tunnel::TunnelTerms;

/// How long to let go of the listener where the system has no more descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) proxy: Proxy,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    /// Connections and tunnels that are open.
    pub(crate) tasks: TaskTracker,
    /// Finish what is under way, begin nothing.
    pub(crate) drain: CancellationToken,
    /// Let go of everything.
    pub(crate) abort: CancellationToken,
}

impl Server {
    /// Accepts until the drain begins, and serves each connection in a task of its own. At the
    /// limit, new connections wait in the system's queue.
    pub(crate) async fn accept<F>(
        self: &Arc<Self>,
        listener: TcpListener,
        serve: impl Fn(Arc<Self>, TcpStream, SocketAddr) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let permits = Arc::new(Semaphore::new(self.limits.connections));
        loop {
            let accepted = async {
                let permit = permits.clone().acquire_owned().await;
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                accepted = accepted => accepted,
                () = self.drain.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let metrics = self.metrics.clone();
                    let served = serve(self.clone(), stream, peer);
                    self.tasks.spawn(async move {
                        metrics.connections.inc();
                        served.await;
                        metrics.connections.dec();
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    }
}
