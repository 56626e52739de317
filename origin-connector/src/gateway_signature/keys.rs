//! The keys of gateways, by their ids.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tidegate_shared::message_signature::{SignatureAlgorithm, VerifyingKey};

use super::Verifier;
use crate::config::{GatewayKey, GatewaySignature};
use crate::metrics::{Metrics, ReloadLabels};
use crate::stamp::{POLL, Stamp};

/// What verifies the signatures of gateways.
#[derive(Debug, Default)]
pub(crate) struct GatewayKeys(pub(super) BTreeMap<String, VerifyingKey>);

/// A key of gateways cannot be read, or is none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{}`: {reason}", path.display())]
pub struct InvalidGatewayKey {
    /// The file.
    pub path: PathBuf,
    /// Why. Never the key.
    pub reason: String,
}

impl GatewayKeys {
    /// Reads the files.
    pub(crate) fn load(files: &[GatewayKey]) -> Result<Self, InvalidGatewayKey> {
        let load = |key: &GatewayKey| Ok((key.id.clone(), read(key)?));
        files.iter().map(load).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn get(&self, id: &str) -> Option<&VerifyingKey> {
        self.0.get(id)
    }
}

impl Verifier {
    /// Loads the keys again whenever a file changes. Never ends.
    pub(crate) async fn keep(self: Arc<Self>, metrics: Arc<Metrics>) {
        let mut seen = self.first.clone();
        loop {
            tokio::time::sleep(POLL).await;
            let this = self.clone();
            let look = tokio::task::spawn_blocking(move || this.rules.stamp());
            let stamp = match look.await {
                Ok(stamp) if stamp != seen => stamp,
                Ok(_) | Err(_) => continue,
            };
            // Remembered also where loading fails: one change, one line in the log.
            seen = stamp;
            let result = match GatewayKeys::load(&self.rules.keys) {
                Ok(keys) => {
                    self.keys.store(Arc::new(keys));
                    tracing::info!("keys of gateways reloaded");
                    "loaded"
                }
                Err(error) => {
                    tracing::error!(%error, "keys of gateways not reloaded, the old ones stay in use");
                    "refused"
                }
            };
            let labels = ReloadLabels { result };
            metrics.key_reloads.get_or_create(&labels).inc();
        }
    }
}

impl GatewaySignature {
    pub(super) fn stamp(&self) -> Stamp {
        Stamp::of(self.keys.iter().map(|key| &key.file))
    }
}

fn read(key: &GatewayKey) -> Result<VerifyingKey, InvalidGatewayKey> {
    let unusable = |reason: String| InvalidGatewayKey {
        path: key.file.clone(),
        reason,
    };
    let octets = std::fs::read(&key.file).map_err(|error| unusable(error.to_string()))?;
    // A line break at the end is an editor's, not the key's.
    let octets = octets.trim_ascii_end();
    match key.algorithm {
        SignatureAlgorithm::HmacSha256 => {
            VerifyingKey::hmac(octets).map_err(|error| unusable(error.to_string()))
        }
        SignatureAlgorithm::Ed25519 => {
            let text = std::str::from_utf8(octets);
            let text = text.map_err(|_| unusable("it is no public key".to_owned()))?;
            VerifyingKey::ed25519(text).map_err(|error| unusable(error.to_string()))
        }
        SignatureAlgorithm::EcdsaP256Sha256
        | SignatureAlgorithm::EcdsaP384Sha384
        | SignatureAlgorithm::RsaPssSha512
        | SignatureAlgorithm::RsaV1_5Sha256 => {
            let name = key.algorithm.name();
            Err(unusable(format!("no gateway signs with `{name}`")))
        }
    }
}
