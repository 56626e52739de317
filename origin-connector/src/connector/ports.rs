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
#[derive(Debug)]
pub(super) struct Planned {
    purpose: Purpose,
    address: SocketAddr,
    /// At a time.
    connections: usize,
}

pub(super) fn plan(config: &Config) -> Vec<Planned> {
    let connections = config.limits.connections;
    let http = config.listen.map(|address| Planned {
        purpose: Purpose::Http,
        address,
        connections,
    });
    let forwarded = config.tcp.iter().map(|listener| Planned {
        purpose: Purpose::Forward(listener.name.clone()),
        address: listener.listen,
        connections: listener.connections.unwrap_or(connections),
    });
    http.into_iter().chain(forwarded).collect()
}

/// A listener, and what it is for.
#[derive(Debug)]
pub(super) struct NewPort {
    planned: Planned,
    bound: Bound,
}

impl NewPort {
    /// Where gateways connect, if it is that.
    pub(super) fn http(&self) -> Option<SocketAddr> {
        (self.planned.purpose == Purpose::Http).then_some(self.bound.local)
    }
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
    fn serves(&self, planned: &Planned) -> bool {
        let same = **self.entrance.purpose.load() == planned.purpose;
        self.wanted == planned.address && (same || planned.address.port() != 0)
    }
}

impl Ports {
    /// Binds what is not there yet.
    pub(super) async fn bind(&self, plan: Vec<Planned>) -> Result<Vec<NewPort>, BindError> {
        let mut bound = Vec::new();
        for planned in plan {
            if !self.0.iter().any(|port| port.serves(&planned)) {
                let listener = Bound::new(planned.address).await?;
                bound.push(NewPort {
                    planned,
                    bound: listener,
                });
            }
        }
        Ok(bound)
    }

    /// Opens what was bound, and closes what is not planned. `accepting` are the tasks that this
    /// takes.
    pub(super) fn follow(
        &mut self,
        plan: Vec<Planned>,
        bound: Vec<NewPort>,
        server: &Arc<Server>,
        accepting: &TaskTracker,
    ) {
        let mut left = std::mem::take(&mut self.0);
        for planned in plan {
            let found = left.iter().position(|port| port.serves(&planned));
            if let Some(index) = found {
                let port = left.swap_remove(index);
                port.entrance.room.resize(planned.connections);
                port.entrance.purpose.store(Arc::new(planned.purpose));
                self.0.push(port);
            }
        }
        for NewPort { planned, bound } in bound {
            let Bound {
                wanted,
                local,
                listener,
            } = bound;
            match &planned.purpose {
                Purpose::Http => tracing::info!(address = %local, "listening"),
                Purpose::Forward(name) => {
                    tracing::info!(listener = name, address = %local, "forwarding connections");
                }
            }
            let closed = CancellationToken::new();
            let entrance = Arc::new(Entrance {
                purpose: ArcSwap::from_pointee(planned.purpose),
                room: Room::new(planned.connections),
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
