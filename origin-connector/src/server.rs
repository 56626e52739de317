//! From the listener to requests of verified callers.

pub(crate) mod activity;
mod bounded_writes;
mod connection;
mod gathered;
mod tunnel;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::generation::Generation;
use crate::metrics::Metrics;
use crate::room::{Place, Room};
use crate::tls::reload::Reloader;

pub(crate) use bounded_writes::BoundedWrites;
pub(crate) use tunnel::TunnelTerms;

/// How long to let go of the listener where the system has no more descriptors or memory.
const BACK_OFF: Duration = Duration::from_millis(100);

/// How long a listener that is closed takes those who have connected already.
const FAREWELL: Duration = Duration::from_millis(100);

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) reloader: Arc<Reloader>,
    /// What the configuration made that is in force. Whatever begins takes it once and goes on with
    /// it to its end.
    pub(crate) current: ArcSwap<Generation>,
    pub(crate) metrics: Arc<Metrics>,
    /// Connections and tunnels that are open.
    pub(crate) tasks: TaskTracker,
    /// Finish what is under way, begin nothing.
    pub(crate) drain: CancellationToken,
    /// Let go of everything.
    pub(crate) abort: CancellationToken,
}

/// What connections are taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// HTTP of gateways.
    Http,
    /// To be forwarded by the `[[tcp]]` of this name.
    Forward(String),
}

/// Where connections come in.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) purpose: ArcSwap<Purpose>,
    /// Connections at a time.
    pub(crate) room: Room,
    /// Takes no more.
    pub(crate) closed: CancellationToken,
}

impl Server {
    /// What is in force now.
    pub(crate) fn generation(&self) -> Arc<Generation> {
        self.current.load_full()
    }

    /// Accepts until the drain begins or the entrance is closed, and serves each connection in a
    /// task of its own. At the limit, new connections wait in the system's queue.
    pub(crate) async fn accept(self: Arc<Self>, listener: TcpListener, entrance: Arc<Entrance>) {
        loop {
            tokio::select! {
                accepted = entrance.next(&listener) => self.take(&entrance, accepted).await,
                () = self.drain.cancelled() => return,
                () = entrance.closed.cancelled() => break,
            }
        }
        // Who has connected before the end is served like anybody.
        let end = Instant::now() + FAREWELL;
        while let Ok(accepted) = timeout_at(end, entrance.next(&listener)).await {
            self.take(&entrance, accepted).await;
        }
    }

    async fn take(self: &Arc<Self>, entrance: &Entrance, (place, accepted): Accepted) {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(BACK_OFF).await;
                return;
            }
        };
        let (server, purpose) = (self.clone(), entrance.purpose.load_full());
        self.tasks.spawn(async move {
            let metrics = server.metrics.clone();
            metrics.connections.inc();
            match &*purpose {
                Purpose::Http => server.connection(stream, peer).await,
                Purpose::Forward(name) => Box::pin(server.forward(name, stream, peer)).await,
            }
            metrics.connections.dec();
            drop(place);
        });
    }

    async fn forward(&self, name: &str, stream: TcpStream, peer: SocketAddr) {
        let door = self.generation().doors.get(name).cloned();
        // A listener that has just gone has none.
        if let Some(door) = door {
            door.serve(self, stream, peer).await;
        }
    }
}

type Accepted = (Place, std::io::Result<(TcpStream, SocketAddr)>);

impl Entrance {
    async fn next(&self, listener: &TcpListener) -> Accepted {
        let place = self.room.take().await;
        (place, listener.accept().await)
    }
}
