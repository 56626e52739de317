//! Another configuration for a running connector.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::BindError;
use crate::config::{Config, ConfigError, InvalidFiles};
use crate::generation::GenerationError;
use crate::metrics::{Metrics, ReloadLabels};
use crate::tls::TlsError;

/// Has another configuration come into force in a running connector, as a whole or not at all.
#[derive(Clone, Debug)]
pub struct Reload {
    requests: mpsc::Sender<Request>,
    metrics: Arc<Metrics>,
}

/// A wish, and who waits for what comes of it.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) config: Box<Config>,
    pub(super) answer: oneshot::Sender<Result<(), ReloadError>>,
}

/// A configuration has not come into force; the one before stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// It does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Files that it names do not hold.
    #[error(transparent)]
    Files(#[from] InvalidFiles),
    /// The TLS files do not hold.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Nothing can be made of it.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The connector ends, or has ended.
    #[error("the connector ends")]
    Ended,
}

impl Reload {
    pub(super) fn new(metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Request>) {
        let (requests, received) = mpsc::channel(1);
        (Self { requests, metrics }, received)
    }

    /// Reads a configuration, every file that it names included, and puts it into force. What comes
    /// of it is logged and counted.
    ///
    /// # Errors
    /// [`ReloadError`]; nothing has changed then.
    pub async fn read(&self, path: &Path) -> Result<(), ReloadError> {
        let outcome = match Config::read(path) {
            Ok(config) => self.apply(config).await,
            Err(error) => Err(error.into()),
        };
        let result = match &outcome {
            Ok(()) => {
                self.metrics.config_in_force();
                tracing::info!("configuration reloaded");
                "loaded"
            }
            Err(error) => {
                tracing::error!(%error, "configuration not reloaded, the one in force stays");
                "refused"
            }
        };
        let labels = ReloadLabels { result };
        self.metrics.config_reloads.get_or_create(&labels).inc();
        outcome
    }

    async fn apply(&self, config: Config) -> Result<(), ReloadError> {
        let (answer, answered) = oneshot::channel();
        let config = Box::new(config);
        let request = Request { config, answer };
        let sent = self.requests.send(request).await;
        sent.map_err(|_| ReloadError::Ended)?;
        answered.await.map_err(|_| ReloadError::Ended)?
    }
}
