//! Stores that gateways read for themselves: of API keys, and of the list of revocations.

use std::str::FromStr;

use tidegate_policy_compiler::publish::{InvalidTarget, Retrying, Store, Target};

/// A store, as people write it.
#[derive(Clone, Debug)]
pub(super) struct GatewayStore(Target);

/// The text names none.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no store: write `file:DIR`, `kv:ACCOUNT/NAMESPACE` or `redis://HOST/DATABASE`")]
pub(super) struct InvalidStore(String);

impl FromStr for GatewayStore {
    type Err = InvalidStore;

    fn from_str(text: &str) -> Result<Self, InvalidStore> {
        let folder = text.strip_prefix("file:");
        if let Some(folder) = folder.filter(|folder| !folder.is_empty()) {
            return Ok(Self(Target::Folder(folder.into())));
        }
        match text.parse() {
            Ok(target @ (Target::KeyValue { .. } | Target::Redis(_))) => Ok(Self(target)),
            Ok(Target::Folder(_) | Target::Objects(_)) | Err(_) => {
                Err(InvalidStore(text.to_owned()))
            }
        }
    }
}

impl GatewayStore {
    pub(super) fn open(&self) -> Result<Retrying<Store>, InvalidTarget> {
        Ok(Retrying(self.0.open()?))
    }
}
