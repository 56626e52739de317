//! The whole connector: bound, running, drained.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::proxy::{InvalidDestination, Proxy};
use crate::server::Server;
use crate::tls::TlsError;
use crate::tls::reload::Reloader;

/// A connector that listens. It serves once it [runs](Self::run).
#[derive(Debug)]
pub struct Connector {
    server: Arc<Server>,
    listener: TcpListener,
    local_addr: SocketAddr,
    admin: Option<(TcpListener, SocketAddr)>,
    drain: Duration,
}

/// A connector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TLS files do not hold.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A backend cannot be connected to, whatever happens.
    #[error(transparent)]
    Backend(#[from] InvalidDestination),
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

/// Asks a running connector to load its certificates again.
#[derive(Clone, Debug)]
pub struct Reload(Arc<Reloader>);

impl Reload {
    /// Asks. The outcome is logged; where the files do not hold, the old ones stay in use.
    pub fn request(&self) {
        self.0.ask();
    }
}

impl Connector {
    /// Loads the certificates and listens.
    ///
    /// # Errors
    /// [`BindError`] where the TLS files do not hold or an address cannot be listened on.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let Config {
            listen,
            admin,
            tls,
            backends,
            drain,
            limits,
        } = config;
        let metrics = Arc::new(Metrics::default());
        let reloader = Arc::new(Reloader::new(tls, metrics.clone())?);
        let (listener, local_addr) = open(listen).await?;
        let admin = match admin {
            Some(address) => Some(open(address).await?),
            None => None,
        };
        let tasks = TaskTracker::new();
        let abort = CancellationToken::new();
        let proxy = Proxy::new(
            backends,
            limits.clone(),
            tasks.clone(),
            abort.clone(),
            &reloader,
        )?;
        let server = Arc::new(Server {
            reloader,
            proxy,
            limits,
            metrics,
            tasks,
            drain: CancellationToken::new(),
            abort,
        });
        Ok(Self {
            server,
            listener,
            local_addr,
            admin,
            drain,
        })
    }

    /// Where gateways connect.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where `/livez`, `/readyz` and `/metrics` are, if anywhere.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// A way to ask for the certificates to be loaded again.
    pub fn reload(&self) -> Reload {
        Reload(self.server.reloader.clone())
    }

    /// Serves until `shutdown` is ready, then drains: accepts no more, tells callers to go
    /// (`GOAWAY`, RFC 9113 §6.8; `Connection: close`, RFC 9112 §9.6), and waits for what is under
    /// way, at most for the drain timeout.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Drained {
        let Self {
            server,
            listener,
            local_addr: _,
            admin,
            drain,
        } = self;
        let watch = tokio::spawn(server.reloader.clone().watch());
        let admin = admin.map(|(listener, _)| {
            let metrics = server.metrics.clone();
            tokio::spawn(admin::serve(listener, metrics, server.drain.clone()))
        });
        let stop = async {
            shutdown.await;
            tracing::info!(timeout = ?drain, "draining");
            server.drain.cancel();
        };
        tokio::join!(server.accept(listener), stop);
        server.tasks.close();
        let mut cut = 0;
        if tokio::time::timeout(drain, server.tasks.wait())
            .await
            .is_err()
        {
            cut = server.tasks.len();
            server.abort.cancel();
            server.tasks.wait().await;
        }
        watch.abort();
        if let Some(admin) = admin {
            admin.abort();
        }
        tracing::info!(cut, "drained");
        Drained { cut }
    }
}

async fn open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let unavailable = |source| BindError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(unavailable)?;
    let local = listener.local_addr().map_err(unavailable)?;
    Ok((listener, local))
}
