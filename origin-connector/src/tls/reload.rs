//! New certificates without dropping a connection.
//!
//! Certificate, key and client authority are loaded together and swapped as one value: a
//! connection never sees the new certificate with the old authority. What has begun goes on with
//! what it began with, unless its caller is no longer accepted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use tokio::sync::{Notify, watch};
use x509_parser::time::ASN1Time;

use super::expiry::{Nearness, Warnings};
use super::revocation::Revocations;
use super::{Credentials, TlsError};
use crate::config::TlsPaths;
use crate::metrics::{ExpiryLabels, Metrics, ReloadLabels};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(1);

/// The current credentials and where they come from.
#[derive(Debug)]
pub(crate) struct Reloader {
    paths: TlsPaths,
    current: watch::Sender<Arc<Credentials>>,
    asked: Notify,
    metrics: Arc<Metrics>,
    /// The files as they were before they were first loaded: what changes after that is noticed.
    first: Stamp,
}

/// What tells a changed file: time of modification and length.
type Stamp = Vec<Option<(SystemTime, u64)>>;

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
    pub(crate) fn new(paths: TlsPaths, metrics: Arc<Metrics>) -> Result<Self, TlsError> {
        let first = stamp(&paths);
        let credentials = Credentials::read(&paths)?;
        let reloader = Self {
            paths,
            current: watch::Sender::new(Arc::new(credentials)),
            asked: Notify::new(),
            metrics,
            first,
        };
        reloader.measure();
        Ok(reloader)
    }

    /// The credentials for a connection that begins now.
    pub(crate) fn current(&self) -> Arc<Credentials> {
        self.current.borrow().clone()
    }

    /// The same, and what becomes of them.
    pub(crate) fn trust(&self) -> Trust {
        Trust(self.current.subscribe())
    }

    /// Asks [`watch`](Self::watch) to load the files, changed or not.
    pub(crate) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Loads the files whenever they change or somebody asks, and warns of what expires. Never
    /// ends.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut seen = self.first.clone();
        let mut warnings = Warnings::default();
        loop {
            self.warn(&mut warnings);
            let asked = tokio::time::timeout(POLL, self.asked.notified())
                .await
                .is_ok();
            let paths = self.paths.clone();
            let Ok(stamp) = tokio::task::spawn_blocking(move || stamp(&paths)).await else {
                continue;
            };
            if asked || stamp != seen {
                // Remembered also where loading fails: one change, one line in the log.
                seen = stamp;
                self.load().await;
            }
        }
    }

    async fn load(&self) {
        let (paths, last) = (self.paths.clone(), self.current());
        let load = move || {
            let now = ASN1Time::now();
            let (revocations, stale) = match Revocations::load(&paths.client_crl, now) {
                Ok(revocations) => (revocations, None),
                // The certificates are not held up by a list that nobody renews.
                Err(error) => (last.revocations.clone(), Some(error)),
            };
            Credentials::load(&paths, revocations).map(|credentials| (credentials, stale))
        };
        let loaded = tokio::task::spawn_blocking(load).await;
        let result = match loaded {
            Ok(Ok((credentials, stale))) => {
                self.current.send_replace(Arc::new(credentials));
                self.measure();
                tracing::info!("certificates reloaded");
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
        let labels = ReloadLabels { result };
        self.metrics
            .certificate_reloads
            .get_or_create(&labels)
            .inc();
    }

    fn measure(&self) {
        for expiry in &self.current().expiries {
            let of = expiry.of.label();
            let gauge = self.metrics.expiry.get_or_create(&ExpiryLabels { of });
            gauge.set(expiry.at);
        }
    }

    fn warn(&self, warnings: &mut Warnings) {
        let credentials = self.current();
        let now = ASN1Time::now().timestamp();
        for (expiry, nearness) in warnings.due(&credentials.expiries, now, self.paths.notice) {
            let (of, at) = (expiry.of.label(), expiry.at);
            match nearness {
                Nearness::Soon => tracing::warn!(of, at, left = at - now, "expires soon"),
                Nearness::Over => tracing::error!(of, at, "has expired"),
            }
        }
    }
}

fn stamp(paths: &TlsPaths) -> Stamp {
    let stamp = |path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.files().map(stamp).collect()
}
