//! New certificates without dropping a connection.
//!
//! Certificate, key and client authority are loaded together, from files and from what agents say, and
//! swapped as one value: a connection never sees the new certificate with the old authority. What has
//! begun goes on with what it began with, unless its caller is no longer accepted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use x509_parser::time::ASN1Time;

use super::expiry::{Material, Nearness, Warnings};
use super::revocation::Revocations;
use super::workload_api::{Agents, Failure};
use super::{Credentials, TlsError};
use crate::config::{Source, TlsPaths};
use crate::metrics::{ExpiryLabels, Metrics, ReloadLabels};
use crate::stamp::{POLL, Stamp};

/// The current credentials and where they come from.
#[derive(Debug)]
pub(crate) struct Reloader {
    watched: Mutex<Watched>,
    current: watch::Sender<Arc<Credentials>>,
    metrics: Arc<Metrics>,
}

/// The files and agents, and how they were before they were last loaded: what changes after that is
/// noticed.
#[derive(Clone, Debug)]
struct Watched {
    paths: Arc<TlsPaths>,
    agents: Arc<Agents>,
    seen: Stamp,
    heard: watch::Receiver<u64>,
}

/// Credentials that are to take the place of others, with what they come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    watched: Watched,
    credentials: Credentials,
}

impl Loaded {
    /// Reads the files, and waits for agents that are to be asked, for a bounded time. Those that are
    /// asked `before` are not asked anew.
    pub(crate) async fn read(
        paths: TlsPaths,
        metrics: &Arc<Metrics>,
        before: Option<&Reloader>,
    ) -> Result<Self, TlsError> {
        let seen = Stamp::of(paths.files());
        let before = before.map(|reloader| reloader.watched().agents.clone());
        let agents = match before.filter(|agents| agents.are_those_of(&paths)) {
            Some(agents) => {
                agents.retry();
                agents
            }
            None => Arc::new(Agents::start(&paths, metrics)),
        };
        let paths = Arc::new(paths);
        let mut heard = agents.heard();
        let credentials = first_credentials(&paths, &agents, &mut heard).await?;
        Ok(Self {
            watched: Watched {
                paths,
                agents,
                seen,
                heard,
            },
            credentials,
        })
    }
}

/// Agents may still have to learn of the connector, so that they are heard until they have been waited
/// for long enough. What does not hold in files is said at once.
async fn first_credentials(
    paths: &Arc<TlsPaths>,
    agents: &Agents,
    heard: &mut watch::Receiver<u64>,
) -> Result<Credentials, TlsError> {
    let waits = paths.workload_apis().map(|(_, section)| section.wait);
    let deadline = Instant::now() + waits.max().unwrap_or_default();
    loop {
        heard.mark_unchanged();
        let (files, answers) = (paths.clone(), agents.answers());
        let read = move || Credentials::read(&files, &answers);
        let (endpoint, reason) = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(credentials)) => return Ok(credentials),
            Ok(Err(TlsError::WorkloadApi { endpoint, reason })) => (endpoint, reason),
            Ok(Err(error)) => return Err(error),
            Err(error) => {
                let error = rustls::Error::General(error.to_string());
                return Err(TlsError::Unusable(error));
            }
        };
        // What the agent itself says comes before what we make of it.
        let failure = agents.failure(&endpoint);
        let is_final = failure.as_ref().is_some_and(|failure| failure.is_final);
        let reason = failure.map_or(reason, |failure| failure.reason);
        if is_final || timeout_at(deadline, agents.news()).await.is_err() {
            return Err(TlsError::WorkloadApi { endpoint, reason });
        }
    }
}

/// The credentials as one connection sees them, from its first moment on.
#[derive(Clone, Debug)]
pub(crate) struct Trust(watch::Receiver<Arc<Credentials>>);

impl Trust {
    /// The credentials for the handshake.
    pub(crate) fn credentials(&self) -> Arc<Credentials> {
        self.0.borrow().clone()
    }

    /// The next credentials that are loaded.
    pub(crate) async fn next(&mut self) -> Arc<Credentials> {
        if self.0.changed().await.is_err() {
            // Nothing is loaded any more.
            std::future::pending::<()>().await;
        }
        self.0.borrow_and_update().clone()
    }

    /// Ready once a reload no longer accepts the chain: it was revoked, or its authority is gone.
    pub(crate) async fn ends(mut self, chain: &[CertificateDer<'static>]) {
        while self.0.changed().await.is_ok() {
            let credentials = self.0.borrow_and_update().clone();
            if !credentials.accepts(chain) {
                return;
            }
        }
        // Nothing is loaded any more.
        std::future::pending().await
    }
}

impl Reloader {
    pub(crate) fn new(first: Loaded, metrics: Arc<Metrics>) -> Self {
        let Loaded {
            watched,
            credentials,
        } = first;
        credentials.complain();
        let reloader = Self {
            watched: Mutex::new(watched),
            current: watch::Sender::new(Arc::new(credentials)),
            metrics,
        };
        reloader.measure();
        reloader
    }

    /// Puts credentials into force, and watches their files from now on.
    pub(crate) fn replace(&self, loaded: Loaded) {
        let mut watched = self.watched();
        *watched = loaded.watched;
        watched.agents.measure();
        self.put(loaded.credentials);
        self.count("loaded");
    }

    /// No code panics while it holds the lock.
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, credentials: Credentials) {
        credentials.complain();
        self.current.send_replace(Arc::new(credentials));
        self.measure();
        tracing::info!("certificates reloaded");
    }

    /// The credentials for a connection that begins now.
    pub(crate) fn current(&self) -> Arc<Credentials> {
        self.current.borrow().clone()
    }

    /// The same, and what becomes of them.
    pub(crate) fn trust(&self) -> Trust {
        Trust(self.current.subscribe())
    }

    /// What is amiss with agents, one line each.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let agents = self.watched().agents.clone();
        let failures = agents.failures().into_iter();
        let complaint = |(endpoint, failure): (_, Failure)| {
            let (lasts, reason) = (failure.lasts(), failure.reason);
            format!("the workload API at `{endpoint}` has not answered for {lasts:?}: {reason}")
        };
        failures.map(complaint).collect()
    }

    /// Whether an identity has expired that an agent should have renewed.
    pub(crate) fn is_over(&self) -> bool {
        let credentials = self.current();
        let now = ASN1Time::now().timestamp();
        let is_over = |material| {
            let mut ends = credentials.expiries.iter();
            ends.any(|expiry| expiry.of == material && expiry.at <= now)
        };
        let asks = |source: &Source| source.workload_api().is_some();
        let paths = self.watched().paths.clone();
        asks(&paths.own) && is_over(Material::Server)
            || paths.mesh.as_ref().is_some_and(asks) && is_over(Material::Mesh)
    }

    /// Loads the files whenever they change, takes what agents say, and warns of what expires. Never
    /// ends.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut warnings = Warnings::default();
        loop {
            self.warn(&mut warnings);
            let mut heard = self.watched().heard.clone();
            // Where nobody is left to say anything, another configuration has come into force.
            let news = timeout(POLL, heard.changed()).await;
            let watched = self.watched().clone();
            let files = watched.paths.clone();
            let look = tokio::task::spawn_blocking(move || Stamp::of(files.files()));
            if let Ok(stamp) = look.await
                && self.has_changed(&watched, stamp, matches!(news, Ok(Ok(()))))
            {
                self.load(watched).await;
            }
        }
    }

    /// Whether these files and agents, if they are still the ones, are not as they were. Remembered also
    /// where loading fails: one change, one line in the log.
    fn has_changed(&self, then: &Watched, stamp: Stamp, news: bool) -> bool {
        let mut watched = self.watched();
        let changed = Arc::ptr_eq(&watched.paths, &then.paths) && (news || watched.seen != stamp);
        if changed {
            watched.seen = stamp;
            watched.heard.mark_unchanged();
        }
        changed
    }

    async fn load(&self, watched: Watched) {
        let Watched { paths, agents, .. } = watched;
        let (files, last) = (paths.clone(), self.current());
        let answers = agents.answers();
        let load = move || {
            let now = ASN1Time::now();
            let (revocations, stale) = match Revocations::load(&files.client_crl, now) {
                Ok(revocations) => (revocations, None),
                // The certificates are not held up by a list that nobody renews.
                Err(error) => (last.revocations.clone(), Some(error)),
            };
            Credentials::load(&files, &answers, revocations).map(|credentials| (credentials, stale))
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        let result = match loaded {
            Ok(Ok((credentials, stale))) => {
                let watched = self.watched();
                if !Arc::ptr_eq(&watched.paths, &paths) {
                    // Another configuration has come into force meanwhile.
                    return;
                }
                self.put(credentials);
                match stale {
                    None => "loaded",
                    Some(error) => {
                        tracing::error!(%error, "revocation lists not reloaded, the old ones stay in use");
                        "lists-refused"
                    }
                }
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "certificates not reloaded, the old ones stay in use");
                "refused"
            }
            Err(error) => {
                tracing::error!(%error, "certificates not reloaded, the old ones stay in use");
                "refused"
            }
        };
        self.count(result);
    }

    fn count(&self, result: &'static str) {
        let labels = ReloadLabels { result };
        let reloads = &self.metrics.certificate_reloads;
        reloads.get_or_create(&labels).inc();
    }

    fn measure(&self) {
        // What is no longer there does not expire.
        self.metrics.expiry.clear();
        for expiry in &self.current().expiries {
            let of = expiry.of.label();
            let gauge = self.metrics.expiry.get_or_create(&ExpiryLabels { of });
            gauge.set(expiry.at);
        }
    }

    fn warn(&self, warnings: &mut Warnings) {
        let credentials = self.current();
        let now = ASN1Time::now().timestamp();
        let notice = self.watched().paths.notice;
        for (expiry, nearness) in warnings.due(&credentials.expiries, now, notice) {
            let (of, at) = (expiry.of.label(), expiry.at);
            match nearness {
                Nearness::Soon => tracing::warn!(of, at, left = at - now, "expires soon"),
                Nearness::Over => tracing::error!(of, at, "has expired"),
            }
        }
    }
}
