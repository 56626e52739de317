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
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::uri::Scheme;

use crate::config::{self, Backend, Limits, Target};
use crate::identity::PeerName;
use crate::metrics::{BackendLabels, EndpointLabels, Metrics, OverloadLabels};
use crate::room::Place;
use crate::tls::reload::Reloader;
use admission::Admission;
pub(crate) use admission::Overload;
use balancer::Balancer;
pub(crate) use balancer::Lease;
use budget::Budget;
pub use dial::InvalidDestination;
pub(crate) use dial::{Dial, Link};
pub(crate) use pool::{BackendBody, Pool, PoolError, Unanswered};
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

    /// Whether they are made as those are, so that a pool of those is as good.
    fn alike(&self, others: &Self) -> bool;

    /// Whether nothing at all is different.
    fn same(&self, others: &Self) -> bool;
}

/// What upstreams are made with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Means<'m> {
    pub(crate) limits: &'m Limits,
    pub(crate) reloader: &'m Arc<Reloader>,
    pub(crate) dns: &'m Arc<Dns>,
    pub(crate) metrics: &'m Arc<Metrics>,
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

    fn alike(&self, others: &Self) -> bool {
        let made_by = |one: &Self| {
            let config::Upstream {
                target,
                protocol,
                grpc_web: _,
                server,
                admission: _,
                health: _,
            } = &one.upstream;
            let host = target.address.host().to_owned();
            let Limits {
                connect,
                header_bytes,
                ..
            } = one.limits;
            (host, *protocol, server.clone(), connect, header_bytes)
        };
        made_by(self) == made_by(others)
    }

    fn same(&self, others: &Self) -> bool {
        self.upstream == others.upstream && self.alike(others)
    }
}

/// Connections for whatever their ends make of them: one for each that comes, and none kept.
#[derive(Debug)]
pub(crate) struct Tcp {
    dial: Dial,
    /// Whom the endpoints must prove to be, over TLS.
    server: Option<PeerName>,
    connect: Duration,
}

impl Connections for Tcp {
    type Pool = ();

    fn open(&self, _: SocketAddr) {}

    fn sweep((): &()) {}

    fn alike(&self, _: &Self) -> bool {
        true
    }

    fn same(&self, others: &Self) -> bool {
        (&self.server, self.connect) == (&others.server, others.connect)
    }
}

/// How an endpoint may stand.
const STATES: [&str; 3] = ["available", "ejected", "unwell"];

/// A request at an endpoint.
pub(crate) type Booking = Lease<Pool>;

/// A backend, as far as it is reached.
#[derive(Debug)]
pub(crate) struct Upstream<C: Connections> {
    name: String,
    connections: C,
    target: Target,
    dns: Arc<Dns>,
    source: Source,
    balancer: Balancer<C::Pool>,
    budget: Arc<Budget>,
    /// What it takes the place of, until it has located its endpoints.
    before: Mutex<Option<Arc<Self>>>,
    /// Whether the metrics tell how its endpoints stand: not before it is in force, nor after.
    shown: AtomicBool,
    /// Why the endpoints cannot be told, remembered so that one failure makes one line in the log.
    fault: Mutex<Option<String>>,
    metrics: Arc<Metrics>,
}

impl Upstream<Http> {
    /// In place of another one, maybe: what is not different stays the very same.
    pub(crate) fn http(
        backend: &Backend,
        means: Means<'_>,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, InvalidDestination> {
        let admission = backend.upstream.admission;
        let connections = Http {
            upstream: backend.upstream.clone(),
            dial: Dial::new(
                backend.name(),
                &backend.upstream.target.address,
                backend.upstream.server.as_ref(),
                Some(backend.upstream.protocol),
                means,
            )?,
            limits: means.limits.clone(),
            admission: match before {
                Some(before) => Admission::after(&before.connections.admission, admission),
                None => Admission::new(admission),
            },
        };
        let (name, target) = (backend.name().to_owned(), &backend.upstream.target);
        Ok(Self::made_of(name, connections, target, means, before))
    }

    /// Where it is and how it is spoken to.
    pub(crate) fn config(&self) -> &config::Upstream {
        &self.connections.upstream
    }

    /// Its limits are in force from now on.
    pub(crate) fn settle(&self) {
        self.connections.admission.settle();
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
    pub(crate) async fn keep(self: Arc<Self>) {
        let check = async {
            if let Some(health) = &self.connections.upstream.health {
                self.check(health).await;
            }
        };
        tokio::join!(self.watch(), check);
    }
}

impl Upstream<Tcp> {
    /// In place of another one, maybe.
    pub(crate) fn tcp(
        name: String,
        target: &Target,
        server: Option<&PeerName>,
        means: Means<'_>,
        before: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, InvalidDestination> {
        let connections = Tcp {
            dial: Dial::new(&name, &target.address, server, None, means)?,
            server: server.cloned(),
            connect: means.limits.connect,
        };
        Ok(Self::made_of(name, connections, target, means, before))
    }

    pub(crate) fn dial(&self) -> &Dial {
        &self.connections.dial
    }

    /// Keeps the list of endpoints true. Never ends.
    pub(crate) async fn keep(self: Arc<Self>) {
        self.watch().await;
    }
}

impl<C: Connections> Upstream<C> {
    fn made_of(
        name: String,
        connections: C,
        target: &Target,
        means: Means<'_>,
        before: Option<&Arc<Self>>,
    ) -> Arc<Self> {
        let unchanged = |before: &&Arc<Self>| {
            before.target == *target
                && Arc::ptr_eq(&before.dns, means.dns)
                && before.connections.same(&connections)
        };
        if let Some(before) = before.filter(unchanged) {
            return before.clone();
        }
        let paid = before.filter(|before| before.target.retry == target.retry);
        Arc::new(Self {
            name,
            connections,
            source: Source::new(target, means.dns),
            balancer: Balancer::new(target.ejection),
            budget: match paid {
                Some(before) => before.budget.clone(),
                None => Arc::new(Budget::new(target.retry.percent, target.retry.reserve)),
            },
            target: target.clone(),
            dns: means.dns.clone(),
            before: Mutex::new(before.cloned()),
            shown: AtomicBool::new(false),
            fault: Mutex::default(),
            metrics: means.metrics.clone(),
        })
    }

    /// Takes note that it is no longer in force, unless it is the one that is by its name: nobody is to
    /// see how its endpoints stand.
    pub(crate) fn leave(self: &Arc<Self>, now: Option<&Arc<Self>>) {
        if now.is_some_and(|now| Arc::ptr_eq(now, self)) {
            return;
        }
        self.shown.store(false, Ordering::Relaxed);
        if now.is_none() {
            for state in STATES {
                self.metrics.endpoints.remove(&self.labelled(state));
            }
        }
    }

    fn labelled(&self, state: &'static str) -> EndpointLabels {
        EndpointLabels {
            backend: self.name.clone(),
            state,
        }
    }

    /// The name in logs and metrics.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How often may be tried.
    pub(crate) fn attempts(&self) -> usize {
        self.target.retry.attempts
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
        if !self.shown.load(Ordering::Relaxed) {
            return;
        }
        let census = self.balancer.census(Instant::now());
        let counts = [census.available, census.ejected, census.unwell];
        for (state, count) in STATES.into_iter().zip(counts) {
            let count = i64::try_from(count).unwrap_or(i64::MAX);
            let gauge = self.metrics.endpoints.get_or_create(&self.labelled(state));
            gauge.set(count);
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
