//! New certificates without dropping a connection.
//!
//! Certificate, key and client authority are loaded together and swapped as one value: a
//! connection never sees the new certificate with the old authority. What has begun goes on with
//! what it began with, unless its caller is no longer accepted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::CertificateDer;
use tokio::sync::watch;
use x509_parser::time::ASN1Time;

use super::expiry::{Nearness, Warnings};
use super::revocation::Revocations;
use super::{Credentials, TlsError};
use crate::config::TlsPaths;
use crate::metrics::{ExpiryLabels, Metrics, ReloadLabels};
use crate::stamp::{POLL, Stamp};

/// The current credentials and where they come from.
#[derive(Debug)]
pub(crate) struct Reloader {
    watched: Mutex<Watched>,
    current: watch::Sender<Arc<Credentials>>,
    metrics: Arc<Metrics>,
}

/// The files, and how they were before they were last loaded: what changes after that is noticed.
#[derive(Clone, Debug)]
struct Watched {
    paths: Arc<TlsPaths>,
    seen: Stamp,
}

/// Credentials that are to take the place of others, with the files that they come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    watched: Watched,
    credentials: Credentials,
}

impl Loaded {
    /// Reads the files.
    pub(crate) fn read(paths: TlsPaths) -> Result<Self, TlsError> {
        let seen = Stamp::of(paths.files());
        let credentials = Credentials::read(&paths)?;
        let paths = Arc::new(paths);
        Ok(Self {
            watched: Watched { paths, seen },
            credentials,
        })
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
        self.put(loaded.credentials);
        self.count("loaded");
    }

    /// No code panics while it holds the lock.
    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, credentials: Credentials) {
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

    /// Loads the files whenever they change, and warns of what expires. Never ends.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut warnings = Warnings::default();
        loop {
            self.warn(&mut warnings);
            tokio::time::sleep(POLL).await;
            let paths = self.watched().paths.clone();
            let files = paths.clone();
            let look = tokio::task::spawn_blocking(move || Stamp::of(files.files()));
            if let Ok(stamp) = look.await
                && self.has_changed(&paths, stamp)
            {
                self.load(paths).await;
            }
        }
    }

    /// Whether these files, if they are still the ones, are not as they were. Remembered also where
    /// loading fails: one change, one line in the log.
    fn has_changed(&self, paths: &Arc<TlsPaths>, stamp: Stamp) -> bool {
        let mut watched = self.watched();
        let changed = Arc::ptr_eq(&watched.paths, paths) && watched.seen != stamp;
        if changed {
            watched.seen = stamp;
        }
        changed
    }

    async fn load(&self, paths: Arc<TlsPaths>) {
        let (files, last) = (paths.clone(), self.current());
        let load = move || {
            let now = ASN1Time::now();
            let (revocations, stale) = match Revocations::load(&files.client_crl, now) {
                Ok(revocations) => (revocations, None),
                // The certificates are not held up by a list that nobody renews.
                Err(error) => (last.revocations.clone(), Some(error)),
            };
            Credentials::load(&files, revocations).map(|credentials| (credentials, stale))
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
