//! What a policy needs of Spin besides requests: its secrets, and the authority of its limits.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use spin_sdk::variables;
use tidegate_edge::LimitServer;
use tidegate_shared::bundle::Tables;

use crate::log;

/// The variable with the address of the gateway that keeps limits for all instances.
const LIMITS: &str = "tidegate_limits";
/// The variable with the token that it wants to see.
const LIMITS_TOKEN: &str = "tidegate_limits_token";

/// What a policy needs. It is read before the first request, and never baked.
pub(crate) struct Needs {
    secret_names: Vec<String>,
    secrets: OnceCell<BTreeMap<String, String>>,
    /// Whether an authority of limits is needed, and which; read with the secrets.
    needs_authority: bool,
    authority: OnceCell<LimitServer>,
}

impl Needs {
    /// What the policy with these tables needs.
    pub(crate) fn of(tables: &Tables) -> Self {
        Self {
            needs_authority: tables.needs_authority(),
            ..Self::aside(tables)
        }
    }

    /// What one needs that decides in shadow: it asks no authority.
    pub(crate) fn aside(tables: &Tables) -> Self {
        let secret_names = tables.secrets().map(|(name, _)| name.to_owned());
        Self {
            secret_names: secret_names.collect(),
            secrets: OnceCell::new(),
            needs_authority: false,
            authority: OnceCell::new(),
        }
    }

    /// The secrets that the policy names and Spin has.
    pub(crate) fn secrets(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.secrets.get().unwrap_or(&NONE)
    }

    /// The authority of limits.
    pub(crate) fn authority(&self) -> Option<&LimitServer> {
        self.authority.get()
    }

    /// Reads it all, where that was not done yet.
    pub(crate) async fn read(&self) {
        if self.secrets.get().is_some() {
            return;
        }
        if self.needs_authority {
            match read_authority().await {
                Ok(authority) => {
                    let _ = self.authority.set(authority);
                }
                Err(error) => log::warn(&error),
            }
        }
        let mut secrets = BTreeMap::new();
        for name in &self.secret_names {
            match variables::get(variable(name)).await {
                Ok(secret) => {
                    secrets.insert(name.clone(), secret);
                }
                Err(error) => log::warn(&format!("secret `{name}` cannot be read: {error}")),
            }
        }
        // A request that ran beside this one may have read the same.
        let _ = self.secrets.set(secrets);
    }
}

async fn read_authority() -> Result<LimitServer, String> {
    let read = async |name: &str| {
        let value = variables::get(name.to_owned()).await;
        value.map_err(|error| format!("the variable `{name}` cannot be read: {error}"))
    };
    let (address, token) = (read(LIMITS).await?, read(LIMITS_TOKEN).await?);
    LimitServer::new(&address, &token).map_err(|error| error.to_string())
}

/// The variable for a secret: Spin's names have no capitals and no hyphens.
fn variable(secret: &str) -> String {
    secret.to_ascii_lowercase().replace('-', "_")
}
