//! What a mesh's connectors hold requests to, where the policy says that they are signed.

use std::io;
use std::path::Path;

use tidegate_origin_connector::config::{GatewayKeyFile, GatewaySignatureFile};
use tidegate_shared::bundle::Upstream;
use tidegate_shared::message_signature::SignatureAlgorithm;
use tidegate_shared::trust::SigningKey;

/// The other half of the gateway's key, and the fields by which it names its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    id: String,
    algorithm: SignatureAlgorithm,
    /// What is in the key's file.
    key: String,
    fields: Vec<String>,
}

impl Signed {
    /// What follows from an upstream's policy and the gateway's secrets.
    pub(crate) fn of(
        upstream: &Upstream,
        secrets: &[(String, String)],
    ) -> Result<Option<Self>, io::Error> {
        let Some(sign) = &upstream.sign else {
            return Ok(None);
        };
        let secret = secrets.iter().find(|(name, _)| *name == sign.key);
        let missing = || io::Error::other(format!("there is no secret `{}`", sign.key));
        let (_, secret) = secret.ok_or_else(missing)?;
        let key = match sign.algorithm {
            SignatureAlgorithm::Ed25519 => {
                let key: SigningKey = secret.parse().map_err(io::Error::other)?;
                key.trust_key().to_string()
            }
            SignatureAlgorithm::HmacSha256
            | SignatureAlgorithm::EcdsaP256Sha256
            | SignatureAlgorithm::EcdsaP384Sha384
            | SignatureAlgorithm::RsaPssSha512
            | SignatureAlgorithm::RsaV1_5Sha256 => secret.clone(),
        };
        let told = upstream.caller.headers.iter().map(|(name, _)| name);
        let token = upstream.caller.token.iter().map(|token| &token.header);
        Ok(Some(Self {
            id: sign.key.clone(),
            algorithm: sign.algorithm,
            key,
            fields: sign
                .fields
                .iter()
                .chain(told)
                .chain(token)
                .cloned()
                .collect(),
        }))
    }

    /// The connector's configuration, with the key in a file of the folder.
    pub(crate) fn configure(&self, folder: &Path) -> Result<GatewaySignatureFile, io::Error> {
        let file = folder.join("gateway.key");
        std::fs::write(&file, &self.key)?;
        Ok(GatewaySignatureFile {
            key: vec![GatewayKeyFile {
                id: self.id.clone(),
                algorithm: self.algorithm.name().to_owned(),
                file,
            }],
            fields: self.fields.clone(),
            ..GatewaySignatureFile::default()
        })
    }
}
