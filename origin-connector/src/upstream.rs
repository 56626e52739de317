//! The endpoints of a backend: which there are, how they stand, and the connections to them.

mod balancer;
mod dial;
mod follow;
mod health;
mod pool;
mod rank;
mod resolve;
mod source;
mod standing;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::uri::Scheme;

use crate::config::{self, Backend, Limits, Target};
use crate::metrics::{BackendLabels, EndpointLabels, Metrics};
use crate::tls::reload::Reloader;
use balancer::Balancer;
pub(crate) use balancer::Lease;
pub use dial::InvalidDestination;
pub(crate) use dial::{Dial, Link};
pub(crate) use pool::{Pool, PoolError, Unanswered};
pub(crate) use resolve::Dns;
use source::Source;

/// What the connections to an endpoint are made of.
pub(crate) trait Connections {
    /// The connections to one endpoint.
    type Pool;

    /// Prepares for connections; opens none.
    fn open(&self, to: SocketAddr) -> Self::Pool;

    /// Closes what has been unused for too long.
    fn sweep(pool: &Self::Pool);
}

/// Connections for HTTP requests.
#[derive(Debug)]
pub(crate) struct Http {
    upstream: config::Upstream,
    dial: Dial,
    limits: Limits,
}

impl Connections for Http {
    type Pool = Pool;

    fn open(&self, to: SocketAddr) -> Pool {
        Pool::new(self.upstream.protocol, self.dial.clone(), &self.limits, to)
    }

    fn sweep(pool: &Pool) {
        pool.sweep();
    }
}

/// Connections for whatever their ends make of them: one for each that comes, and none kept.
#[derive(Debug)]
pub(crate) struct Tcp(Dial);

impl Connections for Tcp {
    type Pool = ();

    fn open(&self, _: SocketAddr) {}

    fn sweep((): &()) {}
}

/// A request at an endpoint.
pub(crate) type Booking = Lease<Pool>;

/// A backend, as far as it is reached.
#[derive(Debug)]
pub(crate) struct Upstream<C: Connections> {
    name: String,
    connections: C,
    source: Source,
    balancer: Balancer<C::Pool>,
    attempts: usize,
    /// Why the endpoints cannot be told, remembered so that one failure makes one line in the log.
    fault: Mutex<Option<String>>,
    metrics: Arc<Metrics>,
}

impl Upstream<Http> {
    pub(crate) fn new(
        backend: &Backend,
        limits: &Limits,
        reloader: &Arc<Reloader>,
        dns: &Arc<Dns>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, InvalidDestination> {
        let connections = Http {
            upstream: backend.upstream.clone(),
            dial: Dial::new(backend, limits, reloader)?,
            limits: limits.clone(),
        };
        let (name, target) = (backend.name().to_owned(), &backend.upstream.target);
        Ok(Self::made_of(name, connections, target, dns, metrics))
    }

    /// Keeps the list of endpoints and what is known of them true. Never ends.
    pub(crate) async fn keep(&self) {
        let check = async {
            if let Some(health) = &self.connections.upstream.health {
                self.check(health).await;
            }
        };
        tokio::join!(self.watch(), check);
    }
}

impl Upstream<Tcp> {
    pub(crate) fn tcp(
        name: String,
        target: &Target,
        limits: &Limits,
        dns: &Arc<Dns>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self::made_of(name, Tcp(Dial::plain(limits)), target, dns, metrics)
    }

    pub(crate) fn dial(&self) -> &Dial {
        &self.connections.0
    }
}

impl<C: Connections> Upstream<C> {
    fn made_of(
        name: String,
        connections: C,
        target: &Target,
        dns: &Arc<Dns>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            name,
            connections,
            source: Source::new(target, dns),
            balancer: Balancer::new(target.ejection),
            attempts: target.attempts,
            fault: Mutex::default(),
            metrics,
        }
    }

    /// How many endpoints may be tried.
    pub(crate) fn attempts(&self) -> usize {
        self.attempts
    }

    /// An endpoint for a request that was `tried` at these.
    pub(crate) fn choose(&self, tried: &[SocketAddr]) -> Option<Lease<C::Pool>> {
        self.balancer.choose(tried, Instant::now())
    }

    pub(crate) fn succeeded(&self, endpoint: SocketAddr) {
        self.balancer.succeeded(endpoint, Instant::now());
    }

    pub(crate) fn failed(&self, endpoint: SocketAddr) {
        if let Some(time) = self.balancer.failed(endpoint, Instant::now()) {
            tracing::warn!(backend = self.name, %endpoint, ?time, "endpoint ejected");
            self.metrics.ejections.get_or_create(&self.labels()).inc();
            self.count();
        }
    }

    /// Notes that a request goes to another endpoint than the first.
    pub(crate) fn retried(&self) {
        self.metrics.retries.get_or_create(&self.labels()).inc();
    }

    fn labels(&self) -> BackendLabels {
        BackendLabels {
            backend: self.name.clone(),
        }
    }

    fn count(&self) {
        let census = self.balancer.census(Instant::now());
        for (state, count) in [
            ("available", census.available),
            ("ejected", census.ejected),
            ("unwell", census.unwell),
        ] {
            let labels = EndpointLabels {
                backend: self.name.clone(),
                state,
            };
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            self.metrics.endpoints.get_or_create(&labels).set(count);
        }
    }
}

impl config::Upstream {
    /// Of the target of a request.
    pub(crate) fn scheme(&self) -> Scheme {
        match self.server {
            None => Scheme::HTTP,
            Some(_) => Scheme::HTTPS,
        }
    }
}
