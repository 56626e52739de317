//! The whole connector: bound, running, drained.

mod ports;
mod reload;
mod running;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::dial::OpenTunnels;
use crate::generation::{Begun, Generation, GenerationError, Ground};
use crate::metrics::Metrics;
use crate::server::Server;
use crate::tls::TlsError;
use crate::tls::reload::{Loaded, Reloader};
use ports::NewPort;
use reload::Request;
pub use reload::{Reload, ReloadError};
use running::{NewPorts, Running};

/// A connector that listens. It serves once it [runs](Self::run).
#[derive(Debug)]
pub struct Connector {
    server: Arc<Server>,
    ground: Ground,
    ports: NewPorts,
    begun: Begun,
    reload: Reload,
    reloads: mpsc::Receiver<Request>,
}

/// A connector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TLS files do not hold.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Nothing can be made of the configuration.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// An address cannot be listened on.
    #[error("cannot listen on `{address}`: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// How a connector ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Connections and tunnels that were still open when the drain timeout was over.
    pub cut: usize,
}

impl Connector {
    /// Loads the certificates, finds the endpoints and listens. Where certificates come from an agent,
    /// it is waited for, for a bounded time.
    ///
    /// # Errors
    /// [`BindError`] where the TLS files or a file of endpoints do not hold, or an address cannot be
    /// listened on.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let metrics = Arc::new(Metrics::default());
        let certificates = Loaded::read(config.tls.clone(), &metrics, None).await?;
        let ground = Ground {
            reloader: Arc::new(Reloader::new(certificates, metrics.clone())),
            metrics,
            tunnels: Arc::new(OpenTunnels::default()),
            tasks: TaskTracker::new(),
            drain: CancellationToken::new(),
            abort: CancellationToken::new(),
        };
        let ports = NewPorts::bind(&config).await?;
        let first = Generation::make(config, &ground, None).await?;
        let (generation, begun) = first.settle();
        ground.metrics.config_in_force();
        let (reload, reloads) = Reload::new(ground.metrics.clone());
        let server = Arc::new(Server {
            reloader: ground.reloader.clone(),
            current: ArcSwap::new(generation),
            metrics: ground.metrics.clone(),
            tasks: ground.tasks.clone(),
            drain: ground.drain.clone(),
            abort: ground.abort.clone(),
        });
        Ok(Self {
            server,
            ground,
            ports,
            begun,
            reload,
            reloads,
        })
    }

    /// Where gateways connect, if anywhere.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.ports.ports.iter().find_map(NewPort::http)
    }

    /// The gateways that are dialled, by their names.
    pub fn dials(&self) -> Vec<String> {
        let generation = self.server.generation();
        let gateways = generation.gateways.iter();
        gateways.map(|gateway| gateway.name().to_owned()).collect()
    }

    /// Where `/livez`, `/readyz` and `/metrics` are, if anywhere.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.ports.admin.as_ref().map(|bound| bound.local)
    }

    /// Has `/metrics` tell how many lines of the log were lost, as `lost` counts them. What is said
    /// first stays.
    pub fn count_lost_lines(&self, lost: impl Fn() -> u64 + Send + Sync + 'static) {
        self.ground.metrics.lost_lines.count_by(lost);
    }

    /// A way to have another configuration come into force.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// Serves until `shutdown` is ready, then drains: accepts no more, tells callers to go
    /// (`GOAWAY`, RFC 9113 §6.8; `Connection: close`, RFC 9112 §9.6), and waits for what is under
    /// way, at most for the drain timeout.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self {
            server,
            ground,
            ports,
            begun,
            // There may be none outside.
            reload: _open,
            mut reloads,
        } = self;
        let mut running = Running::start(ground, server.clone(), ports, begun);
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let Request { config, answer } = tokio::select! {
                () = &mut shutdown => break,
                Some(request) = reloads.recv() => request,
            };
            let prepared = tokio::select! {
                () = &mut shutdown => break,
                prepared = running.prepare(*config) => prepared,
            };
            // Who has asked may be gone.
            let _ = answer.send(prepared.map(|change| running.put(change)));
        }
        drop(reloads);
        server.drain.cancel();
        let patience = server.generation().config.drain;
        let end = Instant::now() + patience;
        tracing::info!(timeout = ?patience, "draining");
        running.accepting.close();
        running.accepting.wait().await;
        server.tasks.close();
        let mut cut = 0;
        if tokio::time::timeout(patience, server.tasks.wait())
            .await
            .is_err()
        {
            cut = server.tasks.len();
            server.abort.cancel();
            server.tasks.wait().await;
        }
        running
            .flush(end.saturating_duration_since(Instant::now()))
            .await;
        tracing::info!(cut, "drained");
        Drained { cut }
    }
}
