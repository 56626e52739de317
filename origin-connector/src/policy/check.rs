//! `--check` of a policy: it is read once as a connector that starts would, and not followed.

use tidegate_follow::{Following, Source};

use super::{InvalidTrust, UnusableBundle, Wanted, read_trust};
use crate::config::{Config, PolicySource};

/// Why a connector that starts would have no policy, or less than it needs.
#[derive(Debug, thiserror::Error)]
pub enum InvalidPolicy {
    /// The keys.
    #[error(transparent)]
    Trust(#[from] InvalidTrust),
    /// The source has no bundle to give.
    #[error("policy: {0}")]
    Unread(String),
    /// The bundle cannot be used.
    #[error("policy: {0}")]
    Unusable(#[from] UnusableBundle),
    /// The bundle says nothing of an upstream.
    #[error("policy: it has no `connector` for the upstream `{0}`, so nobody reaches its backends")]
    Missing(String),
}

impl Config {
    /// Reads the policy, where there is to be one.
    ///
    /// # Errors
    /// [`InvalidPolicy`].
    pub async fn check_policy(&self) -> Result<(), InvalidPolicy> {
        let Some(PolicySource { trust, follow }) = &self.policy else {
            return Ok(());
        };
        let trust = read_trust(trust)?;
        let octets = match &follow.source {
            Source::Path(file) if !file.is_dir() => tokio::fs::read(file)
                .await
                .map_err(|error| InvalidPolicy::Unread(format!("`{}`: {error}", file.display())))?,
            Source::Path(_) | Source::Url(_) => {
                let started = Following::start(follow.clone(), trust.clone()).await;
                let started = started.map_err(|error| InvalidPolicy::Unread(error.to_string()));
                started?.1.octets().to_vec()
            }
        };
        let wanted = Wanted::new(&self.backends, self.gateway_signature.is_some());
        let (_, rules) = wanted.read(&octets, &trust)?;
        let missing = wanted.missing(&rules).next().map(str::to_owned);
        missing.map_or(Ok(()), |name| Err(InvalidPolicy::Missing(name)))
    }
}
