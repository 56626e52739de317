//! The endpoints of a backend: which there are, how they stand, and the connections to them.

mod admission;
mod balancer;
mod budget;
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
use std::time::Instant;

use http::uri::Scheme;

use crate::config::{self, Backend, Limits, Retry, Target};
use crate::metrics::{BackendLabels, EndpointLabels, Metrics, OverloadLabels};
use crate::tls::reload::Reloader;
use admission::Admission;
pub(crate) use admission::{Overload, Place};
use balancer::Balancer;
pub(crate) use balancer::Lease;
use budget::Budget;
pub use dial::InvalidDestination;
pub(crate) use dial::{Dial, Link};
pub(crate) use pool::{Pool, PoolError, Unanswered};
pub(crate) use resolve::{Dns, DnsError};
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
    admission: Admission,
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
    budget: Budget,
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
            admission: Admission::new(&backend.upstream.admission),
        };
        let (name, target) = (backend.name().to_owned(), &backend.upstream.target);
        Ok(Self::made_of(name, connections, target, dns, metrics))
    }

    /// A place among the requests that are under way.
    pub(crate) async fn admit(&self) -> Result<Place, Overload> {
        self.budget.request();
        let admitted = self.connections.admission.admit().await;
        admitted.inspect_err(|overload| {
            let labels = OverloadLabels {
                backend: self.name.clone(),
                reason: overload.label(),
            };
            self.metrics.overloads.get_or_create(&labels).inc();
        })
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
        let Retry {
            attempts,
            percent,
            reserve,
        } = target.retry;
        Self {
            name,
            connections,
            source: Source::new(target, dns),
            balancer: Balancer::new(target.ejection),
            attempts,
            budget: Budget::new(percent, reserve),
            fault: Mutex::default(),
            metrics,
        }
    }

    /// How often may be tried.
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

    /// Whether what failed may be tried once more.
    pub(crate) fn retry(&self) -> bool {
        let granted = self.budget.retry();
        let counted = match granted {
            true => &self.metrics.retries,
            false => &self.metrics.retries_refused,
        };
        counted.get_or_create(&self.labels()).inc();
        granted
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
