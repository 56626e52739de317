//! New certificates without dropping a connection.
//!
//! Certificate, key and client authority are loaded together and swapped as one value: a
//! connection never sees the new certificate with the old authority. What has begun goes on with
//! what it began with.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::sync::Notify;

use super::{Credentials, TlsError};
use crate::config::TlsPaths;
use crate::metrics::{Metrics, ReloadLabels};

/// How often the files are looked at.
const POLL: Duration = Duration::from_secs(1);

/// The current credentials and where they come from.
#[derive(Debug)]
pub(crate) struct Reloader {
    paths: TlsPaths,
    current: ArcSwap<Credentials>,
    asked: Notify,
    metrics: Arc<Metrics>,
    /// The files as they were before they were first loaded: what changes after that is noticed.
    first: Stamp,
}

/// What tells a changed file: time of modification and length.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Reloader {
    pub(crate) fn new(paths: TlsPaths, metrics: Arc<Metrics>) -> Result<Self, TlsError> {
        let first = stamp(&paths);
        let credentials = Credentials::load(&paths)?;
        metrics.certificate_not_after.set(credentials.not_after);
        Ok(Self {
            paths,
            current: ArcSwap::from_pointee(credentials),
            asked: Notify::new(),
            metrics,
            first,
        })
    }

    /// The credentials for a connection that begins now.
    pub(crate) fn current(&self) -> Arc<Credentials> {
        self.current.load_full()
    }

    /// Asks [`watch`](Self::watch) to load the files, changed or not.
    pub(crate) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Loads the files whenever they change or somebody asks. Never ends.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut seen = self.first.clone();
        loop {
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
        let paths = self.paths.clone();
        let loaded = tokio::task::spawn_blocking(move || Credentials::load(&paths)).await;
        let result = match loaded {
            Ok(Ok(credentials)) => {
                let not_after = credentials.not_after;
                self.metrics.certificate_not_after.set(not_after);
                self.current.store(Arc::new(credentials));
                tracing::info!(not_after, "certificates reloaded");
                "loaded"
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
}

fn stamp(paths: &TlsPaths) -> Stamp {
    let stamp = |path| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.files().map(stamp).collect()
}
