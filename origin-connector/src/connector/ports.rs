//! Where the connector listens.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::BindError;
use crate::config::Config;
use crate::room::Room;
use crate::server::{Entrance, Purpose, Server};

/// A listener that takes nothing yet.
#[derive(Debug)]
pub(crate) struct Bound {
    /// As it is configured.
    pub(super) wanted: SocketAddr,
    pub(crate) local: SocketAddr,
    pub(crate) listener: TcpListener,
}

impl Bound {
    pub(crate) async fn new(wanted: SocketAddr) -> Result<Self, BindError> {
        let unavailable = |source: io::Error| BindError::Listen {
            address: wanted,
            source,
        };
        let listener = TcpListener::bind(wanted).await.map_err(unavailable)?;
        let local = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            wanted,
            local,
            listener,
        })
    }
}

/// What is taken in, and where.
pub(super) type Plan = Vec<(Purpose, SocketAddr)>;

pub(super) fn plan(config: &Config) -> Plan {
    let http = config.listen.map(|address| (Purpose::Http, address));
    let forwarded = config.tcp.iter().map(|listener| {
        let purpose = Purpose::Forward(listener.name.clone());
        (purpose, listener.listen)
    });
    http.into_iter().chain(forwarded).collect()
}

/// Listeners that take connections.
#[derive(Debug, Default)]
pub(super) struct Ports(Vec<Port>);

#[derive(Debug)]
struct Port {
    wanted: SocketAddr,
    entrance: Arc<Entrance>,
    /// Closes the entrance.
    _closed: DropGuard,
}

impl Port {
    /// Whether it can take what is planned: for the same purpose, or for another one at the same
    /// address.
    fn serves(&self, purpose: &Purpose, address: SocketAddr) -> bool {
        let same = **self.entrance.purpose.load() == *purpose || address.port() != 0;
        self.wanted == address && same
    }
}

impl Ports {
    /// Binds what is not there yet.
    pub(super) async fn bind(&self, plan: &Plan) -> Result<Vec<(Purpose, Bound)>, BindError> {
        let mut bound = Vec::new();
        for (purpose, address) in plan {
            if !self.0.iter().any(|port| port.serves(purpose, *address)) {
                bound.push((purpose.clone(), Bound::new(*address).await?));
            }
        }
        Ok(bound)
    }

    /// Opens what was bound, and closes what is not planned. `accepting` are the tasks that this
    /// takes.
    pub(super) fn follow(
        &mut self,
        plan: &Plan,
        bound: Vec<(Purpose, Bound)>,
        server: &Arc<Server>,
        accepting: &TaskTracker,
    ) {
        let connections = server.generation().config.limits.connections;
        let mut left = std::mem::take(&mut self.0);
        for (purpose, address) in plan {
            let found = left.iter().position(|port| port.serves(purpose, *address));
            if let Some(index) = found {
                let port = left.swap_remove(index);
                port.entrance.purpose.store(Arc::new(purpose.clone()));
                port.entrance.room.resize(connections);
                self.0.push(port);
            }
        }
        for (purpose, bound) in bound {
            let Bound {
                wanted,
                local,
                listener,
            } = bound;
            match &purpose {
                Purpose::Http => tracing::info!(address = %local, "listening"),
                Purpose::Forward(name) => {
                    tracing::info!(listener = name, address = %local, "forwarding connections");
                }
            }
            let closed = CancellationToken::new();
            let entrance = Arc::new(Entrance {
                purpose: ArcSwap::from_pointee(purpose),
                room: Room::new(connections),
                closed: closed.clone(),
            });
            accepting.spawn(server.clone().accept(listener, entrance.clone()));
            self.0.push(Port {
                wanted,
                entrance,
                _closed: closed.drop_guard(),
            });
        }
    }
}
