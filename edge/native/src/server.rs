//! The listener: connections in, bounded, and drained at the end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use hyper_util::server::graceful::GracefulShutdown;
use tidegate_edge::{Scheme, State};
use tidegate_follow::{Fetcher, Following};
use tidegate_shared::trust::TrustKeys;
use tokio::net::TcpListener;
use tracing::{info, warn};

use crate::authority::LimitAuthority;
use crate::bundle::{LoadFailure, Loaded, Loader, Swap};
use crate::connection::{self, Connection};
use crate::credentials::CredentialFolder;
use crate::exchange::Shared;
use crate::identity::Identity;
use crate::leases;
use crate::listen;
use crate::metrics::Metrics;
use crate::ports::Secrets;
use crate::records::Records;
use crate::refresh;
use crate::tls::{Tls, TlsFiles};
use crate::tunnels::{Pool, TunnelConfig, Tunnels};

/// Connections at once; more wait in the listener's queue.
const MAX_CONNECTIONS: usize = 10_000;
/// How long requests under way may take after the end was asked for.
const DRAIN: Duration = Duration::from_secs(30);

/// What a gateway runs with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// For TLS with clients; in the clear without.
    pub tls: Option<TlsFiles>,
    /// The keys whose bundles are accepted.
    pub trust: TrustKeys,
    /// The client certificates for upstreams.
    pub identities: Vec<Identity>,
    /// Where secrets are found.
    pub secrets: Secrets,
    /// Where API keys are found that are not in the bundle.
    pub credentials: Option<CredentialFolder>,
    /// Who says how much is left of limits that hold over many places.
    pub limits: Arc<LimitAuthority>,
    /// Where connectors dial, where any origin is reached by tunnels.
    pub tunnels: Option<TunnelConfig>,
    /// Where to serve health and metrics, in the clear.
    pub admin: Option<SocketAddr>,
}

/// A gateway that listens.
pub struct NativeGateway {
    listener: TcpListener,
    tls: Option<Arc<Tls>>,
    loader: Loader,
    current: Arc<ArcSwap<Loaded>>,
    shared: Arc<Shared>,
    tunnels: Option<(Arc<Tunnels>, TcpListener)>,
    admin: Option<(Arc<Metrics>, TcpListener)>,
}

impl std::fmt::Debug for NativeGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NativeGateway")
            .field("listener", &self.listener)
            .finish_non_exhaustive()
    }
}

/// Puts new bundles into force while the gateway runs.
#[derive(Clone, Debug)]
pub struct Reloader {
    loader: Loader,
    current: Arc<ArcSwap<Loaded>>,
}

impl Reloader {
    /// Gives the next bundles other certificates and secrets.
    pub fn equip(&mut self, identities: Vec<Identity>, secrets: Secrets) {
        self.loader.identities = identities;
        self.loader.secrets = secrets;
    }

    /// Puts a bundle into force; requests under way stay on theirs.
    ///
    /// # Errors
    /// [`LoadFailure`]; the one in force stays.
    pub fn replace(&self, bundle: &[u8]) -> Result<(), LoadFailure> {
        self.current.store(Arc::new(self.loader.load(bundle)?));
        Ok(())
    }
}

impl NativeGateway {
    /// Loads a bundle and begins to listen.
    ///
    /// # Errors
    /// Where the bundle cannot be used, or the address not be had.
    pub async fn bind(
        config: Config,
        bundle: &[u8],
        records: Arc<dyn Records>,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let Config {
            listen,
            tls,
            trust,
            identities,
            secrets,
            credentials,
            limits,
            tunnels,
            admin,
        } = config;
        let tls = tls.map(Tls::load).transpose()?.map(Arc::new);
        let loader = Loader {
            trust,
            identities,
            secrets,
            credentials,
            tunnels: tunnels.is_some(),
        };
        let loaded = loader.load(bundle)?;
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).map_err(|error| format!("no entropy: {error}"))?;
        let listener = open(listen).await?;
        let current = Arc::new(ArcSwap::from_pointee(loaded));
        let mut pool = None;
        let tunnels = match tunnels {
            None => None,
            Some(config) => {
                let pool = pool.insert(Arc::new(Pool::new(config.most)));
                let tunnels = Tunnels::new(&config, Arc::clone(pool), Arc::clone(&current))?;
                Some((Arc::new(tunnels), open(config.listen).await?))
            }
        };
        let admin = match admin {
            None => None,
            Some(address) => {
                let metrics = Arc::new(Metrics::new(pool.clone()));
                Some((metrics, open(address).await?))
            }
        };
        let loaded = current.load();
        info!(digest = %loaded.gateway.digest(), policy = loaded.gateway.policy(), "bundle in force");
        Ok(Self {
            listener,
            tls,
            loader,
            current: Arc::clone(&current),
            tunnels,
            shared: Arc::new(Shared {
                state: State::new(seed),
                records,
                metrics: admin.as_ref().map(|(metrics, _)| Arc::clone(metrics)),
                fetcher: Fetcher::new()?,
                authority: limits,
                shadow: ArcSwapOption::empty(),
                tunnels: pool,
            }),
            admin,
        })
    }

    /// The address that it listens on.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The address at which connectors dial, if they may.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn tunnels_addr(&self) -> std::io::Result<Option<SocketAddr>> {
        let listener = self.tunnels.as_ref().map(|(_, listener)| listener);
        listener.map(TcpListener::local_addr).transpose()
    }

    /// The address of health and metrics, if they are served.
    ///
    /// # Errors
    /// Where the system does not tell.
    pub fn admin_addr(&self) -> std::io::Result<Option<SocketAddr>> {
        let listener = self.admin.as_ref().map(|(_, listener)| listener);
        listener.map(TcpListener::local_addr).transpose()
    }

    /// Whether clients speak TLS with it.
    pub fn scheme(&self) -> Scheme {
        match self.tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        }
    }

    /// A handle to put new bundles into force.
    pub fn reloader(&self) -> Reloader {
        Reloader {
            loader: self.loader.clone(),
            current: Arc::clone(&self.current),
        }
    }

    /// Follows the changes of a bundle's file.
    pub fn watch(&self, path: PathBuf) {
        let in_force = self.current.load().gateway.digest();
        tokio::spawn(tidegate_follow::watch(path, Some(in_force), self.swap()));
    }

    /// Follows a channel, whose bundle it began with.
    pub fn follow(&self, following: Following) {
        tokio::spawn(following.run(self.swap()));
    }

    fn swap(&self) -> Arc<Swap> {
        Arc::new(Swap {
            loader: self.loader.clone(),
            current: Arc::clone(&self.current),
            shared: Arc::clone(&self.shared),
        })
    }

    /// Serves until `shutdown` is ready, then lets the requests under way end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let refreshing = tokio::spawn(refresh::run(
            Arc::clone(&self.current),
            Arc::clone(&self.shared),
        ));
        let leasing = tokio::spawn(leases::run(
            Arc::clone(&self.current),
            Arc::clone(&self.shared),
        ));
        let renewing = self
            .tls
            .clone()
            .map(|tls| tokio::spawn(async move { tls.watch().await }));
        let (draining, drain) = tokio::sync::oneshot::channel::<()>();
        let tunnels = self.tunnels.map(|(tunnels, listener)| {
            let accepting = Arc::clone(&tunnels);
            tokio::spawn(async move {
                let drain = async {
                    let _ = drain.await;
                };
                accepting.accept(listener, drain).await;
            });
            tunnels
        });
        let observed = self
            .admin
            .map(|(metrics, listener)| tokio::spawn(tidegate_admin::serve(listener, metrics)));
        let shutdown = async {
            shutdown.await;
            if let Some(metrics) = &self.shared.metrics {
                metrics.drain();
            }
        };
        let graceful = GracefulShutdown::new();
        let builder = Arc::new(connection::builder());
        let serve = |stream, client: SocketAddr| {
            let connection = Connection {
                current: Arc::clone(&self.current),
                shared: Arc::clone(&self.shared),
                builder: Arc::clone(&builder),
                watcher: graceful.watcher(),
            };
            connection.begin(stream, client.ip(), self.tls.clone())
        };
        listen::accept(self.listener, MAX_CONNECTIONS, shutdown, serve).await;
        drop(draining);
        if tokio::time::timeout(DRAIN, graceful.shutdown())
            .await
            .is_err()
        {
            warn!("requests were still under way after {DRAIN:?}");
        }
        if let Some(tunnels) = tunnels {
            tunnels.end();
        }
        refreshing.abort();
        leasing.abort();
        for task in renewing.into_iter().chain(observed) {
            task.abort();
        }
    }
}

async fn open(address: SocketAddr) -> Result<TcpListener, String> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("cannot listen on `{address}`: {error}"))
}
