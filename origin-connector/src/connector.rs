//! The whole connector: bound, running, drained.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::admin::{self, Readiness};
use crate::config::{self, Config, GatewaySignature};
use crate::dial::{Gateway, OpenTunnels};
use crate::gateway_signature::Verifier;
use crate::metrics::Metrics;
use crate::policy::{InvalidTrust, Policy, Reading, Wanted, read_trust};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::tcp::Door;
use crate::tls::TlsError;
use crate::tls::reload::Reloader;
use crate::upstream::{Dns, InvalidDestination};

/// A connector that listens. It serves once it [runs](Self::run).
#[derive(Debug)]
pub struct Connector {
    server: Arc<Server>,
    listener: Option<(TcpListener, SocketAddr)>,
    gateways: Vec<Arc<Gateway>>,
    open: Arc<OpenTunnels>,
    admin: Option<(TcpListener, SocketAddr)>,
    doors: Vec<(Arc<Door>, TcpListener, SocketAddr)>,
    policy: Option<(Arc<Policy>, Reading)>,
    drain: Duration,
}

/// A connector cannot start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The TLS files do not hold.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys of the policy cannot be used.
    #[error(transparent)]
    Trust(#[from] InvalidTrust),
    /// A backend cannot be connected to, whatever happens.
    #[error(transparent)]
    Backend(#[from] InvalidDestination),
    /// The system has no random numbers to give.
    #[error("no random numbers: {0}")]
    Entropy(String),
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
    /// Loads the certificates, finds the endpoints and listens.
    ///
    /// # Errors
    /// [`BindError`] where the TLS files or a file of endpoints do not hold, or an address cannot be
    /// listened on.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let Config {
            listen,
            admin,
            tls,
            gateway_signature,
            policy,
            backends,
            tcp,
            dial,
            dns,
            drain,
            limits,
        } = config;
        let metrics = Arc::new(Metrics::default());
        let reloader = Arc::new(Reloader::new(tls, metrics.clone())?);
        let listener = match listen {
            Some(address) => Some(open(address).await?),
            None => None,
        };
        let admin = match admin {
            Some(address) => Some(open(address).await?),
            None => None,
        };
        let dns = Arc::new(Dns::new(dns));
        let mut doors = Vec::new();
        for config::TcpListener { name, listen, mode } in tcp {
            let (listener, address) = open(listen).await?;
            let door = Arc::new(Door::new(name, mode, &limits, &dns, &metrics));
            doors.push((door, listener, address));
        }
        let wanted = Wanted::new(&backends, gateway_signature.is_some());
        let tunnels = Arc::new(OpenTunnels::default());
        let gateway = |dial| Arc::new(Gateway::new(dial, &dns, &metrics, &tunnels));
        let gateways = dial.into_iter().map(gateway).collect();
        let verifier = gateway_signature.map(verifier).transpose()?;
        let policy = match policy {
            None => None,
            Some(source) => {
                let trust = read_trust(&source.trust)?;
                let policy = Arc::new(Policy::new(trust, wanted, seed()?, metrics.clone()));
                let reading = policy.begin(source).await;
                Some((policy, reading))
            }
        };
        let tasks = TaskTracker::new();
        let abort = CancellationToken::new();
        let proxy = Proxy::new(
            backends,
            limits.clone(),
            tasks.clone(),
            abort.clone(),
            &reloader,
            &dns,
            &metrics,
        )?
        .asking(verifier)
        .by(policy.as_ref().map(|(policy, _)| policy.clone()));
        locate(&proxy, &doors).await?;
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
            gateways,
            open: tunnels,
            admin,
            doors,
            policy,
            drain,
        })
    }

    /// Where gateways connect, if anywhere.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(|(_, address)| *address)
    }

    /// The gateways that are dialled, by their names.
    pub fn dials(&self) -> impl Iterator<Item = &str> {
        self.gateways.iter().map(|gateway| gateway.name())
    }

    /// Where `/livez`, `/readyz` and `/metrics` are, if anywhere.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// Where the connections are taken that are forwarded as they are, by the listeners' names.
    pub fn tcp_addrs(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        let doors = self.doors.iter();
        doors.map(|(door, _, address)| (door.name(), *address))
    }

    /// Has `/metrics` tell how many lines of the log were lost, as `lost` counts them. What is said
    /// first stays.
    pub fn count_lost_lines(&self, lost: impl Fn() -> u64 + Send + Sync + 'static) {
        self.server.metrics.lost_lines.count_by(lost);
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
            gateways,
            open,
            admin,
            doors,
            policy,
            drain,
        } = self;
        // Ends along with this future.
        let mut keepers = JoinSet::new();
        keepers.spawn(server.reloader.clone().watch());
        for upstream in server.proxy.upstreams() {
            let upstream = upstream.clone();
            keepers.spawn(async move { upstream.keep().await });
        }
        let http = listener;
        if let Some((listener, _)) = admin {
            let metrics = server.metrics.clone();
            let readiness = Readiness {
                draining: server.drain.clone(),
                policy: policy.as_ref().map(|(policy, _)| policy.clone()),
                // Who listens is ready for whoever can connect.
                tunnels: http.is_none().then_some(open),
            };
            keepers.spawn(admin::serve(listener, metrics, readiness));
        }
        if let Some((policy, reading)) = policy {
            keepers.spawn(policy.keep(reading));
        }
        let mut accepting = JoinSet::new();
        for (door, listener, _) in doors {
            for upstream in door.upstreams() {
                keepers.spawn(async move { upstream.watch().await });
            }
            let server = server.clone();
            accepting.spawn(async move {
                let serve = |server: Arc<Server>, stream, peer| {
                    let door = door.clone();
                    async move { door.serve(&server, stream, peer).await }
                };
                server.accept(listener, serve).await;
            });
        }
        let stop = async {
            shutdown.await;
            server.drain.cancel();
            tracing::info!(timeout = ?drain, "draining");
        };
        if let Some((listener, _)) = http {
            let server = server.clone();
            accepting.spawn(async move { server.accept(listener, Server::connection).await });
        }
        for gateway in gateways {
            accepting.spawn(gateway.keep(server.clone()));
        }
        tokio::join!(stop, accepting.join_all());
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
        tracing::info!(cut, "drained");
        Drained { cut }
    }
}

/// Asks for all endpoints at once: a name that is slow to resolve holds nobody else up.
async fn locate(
    proxy: &Proxy,
    doors: &[(Arc<Door>, TcpListener, SocketAddr)],
) -> Result<(), InvalidDestination> {
    let mut located = JoinSet::new();
    for upstream in proxy.upstreams() {
        let upstream = upstream.clone();
        located.spawn(async move { upstream.locate().await });
    }
    for upstream in doors.iter().flat_map(|(door, ..)| door.upstreams()) {
        located.spawn(async move { upstream.locate().await });
    }
    located.join_all().await.into_iter().collect()
}

fn verifier(rules: GatewaySignature) -> Result<Verifier, BindError> {
    Ok(Verifier::new(rules, seed()?))
}

fn seed() -> Result<[u8; 16], BindError> {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).map_err(|error| BindError::Entropy(error.to_string()))?;
    Ok(seed)
}

async fn open(address: SocketAddr) -> Result<(TcpListener, SocketAddr), BindError> {
    let unavailable = |source| BindError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(unavailable)?;
    let local = listener.local_addr().map_err(unavailable)?;
    Ok((listener, local))
}
