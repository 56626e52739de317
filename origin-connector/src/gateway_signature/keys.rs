//! The keys of gateways, by their ids.

use std::collections::BTreeMap;

use tidegate_shared::message_signature::{SignatureAlgorithm, VerifyingKey};

use crate::config::GatewayKey;
use crate::tls::TlsError;

/// What verifies the signatures of gateways.
#[derive(Debug, Default)]
pub(crate) struct GatewayKeys(pub(super) BTreeMap<String, VerifyingKey>);

impl GatewayKeys {
    /// Reads the files.
    pub(crate) fn load(keys: &[GatewayKey]) -> Result<Self, TlsError> {
        let load = |key: &GatewayKey| Ok((key.id.clone(), read(key)?));
        keys.iter().map(load).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn get(&self, id: &str) -> Option<&VerifyingKey> {
        self.0.get(id)
    }
}

fn read(key: &GatewayKey) -> Result<VerifyingKey, TlsError> {
    let unusable = |reason: String| TlsError::GatewayKey {
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
