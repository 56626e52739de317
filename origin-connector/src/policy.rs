//! What the bundle says of the connector's backends: who may reach them, whether requests must be
//! signed, and how much they bear.

mod check;
mod limit;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, ArcSwapOption};
use tidegate_follow::{BoxError, FollowError, Following, Runner, Source};
use tidegate_shared::bundle::ConnectorRules;
use tidegate_shared::trust::TrustKeys;

use crate::config::PolicySource;
use crate::metrics::{Metrics, PolicyLabels};
pub use check::InvalidPolicy;
pub use limit::{Limiter, UsedUp};
pub use rules::UnusableBundle;
pub(crate) use rules::{Rules, Wanted};

/// The policy of a connector.
#[derive(Debug)]
pub(crate) struct Policy {
    trust: TrustKeys,
    wanted: ArcSwap<Wanted>,
    current: ArcSwapOption<Rules>,
    pub(crate) limiter: Arc<Limiter>,
    metrics: Arc<Metrics>,
}

/// The file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the keys of `{path}`: {reason}")]
pub struct InvalidTrust {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// How far the reading of a policy has come.
#[derive(Debug)]
pub(crate) enum Reading {
    /// A bundle's file is looked at.
    File(PathBuf),
    /// A channel is followed.
    Channel(Box<Following>),
    /// The channel had nothing yet.
    Nothing(PolicySource),
}

pub(crate) fn read_trust(path: &Path) -> Result<TrustKeys, InvalidTrust> {
    let invalid = |reason: String| InvalidTrust {
        path: path.display().to_string(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|error| invalid(error.to_string()))?;
    text.parse().map_err(|error| invalid(format!("{error}")))
}

impl Policy {
    /// Nothing is in force yet.
    pub(crate) fn new(
        trust: TrustKeys,
        wanted: Wanted,
        limiter: Arc<Limiter>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            trust,
            wanted: ArcSwap::from_pointee(wanted),
            current: ArcSwapOption::empty(),
            limiter,
            metrics,
        }
    }

    /// Whether bundles are held to these keys.
    pub(crate) fn trusts(&self, trust: &TrustKeys) -> bool {
        self.trust == *trust
    }

    /// Whether what is in force is good for a configuration that wants something else of it.
    pub(crate) fn suits(&self, wanted: &Wanted) -> Result<(), UnusableBundle> {
        let rules = self.current.load();
        rules.as_ref().map_or(Ok(()), |rules| wanted.check(rules))
    }

    /// What the configuration in force wants.
    pub(crate) fn settle(&self, wanted: Wanted) {
        if let Some(rules) = &*self.current.load() {
            wanted.complain(rules);
        }
        self.wanted.store(Arc::new(wanted));
    }

    /// Whether a bundle is in force.
    pub(crate) fn is_ready(&self) -> bool {
        self.current.load().is_some()
    }

    /// What is in force for an upstream of the policy; `None` where nothing is.
    pub(crate) fn rules(&self, upstream: &str) -> Option<Arc<ConnectorRules>> {
        self.current.load().as_ref()?.get(upstream).cloned()
    }

    /// Takes what there is. Where that is nothing, or no good, nothing is let in until it is.
    pub(crate) async fn begin(self: &Arc<Self>, source: PolicySource) -> Reading {
        if let Source::Path(file) = &source.follow.source
            && !file.is_dir()
        {
            return Reading::File(file.clone());
        }
        match self.start(&source).await {
            Ok(following) => Reading::Channel(Box::new(following)),
            Err(error) => {
                let refused = error.name();
                self.looked(Err(refused));
                tracing::error!(%error, refused, "there is no policy yet: nobody is let in by it");
                Reading::Nothing(source)
            }
        }
    }

    /// The same where another policy is in force, which stays unless there is a good bundle.
    pub(crate) async fn replace(
        self: &Arc<Self>,
        source: &PolicySource,
    ) -> Result<Reading, FollowError> {
        match &source.follow.source {
            Source::Path(file) if !file.is_dir() => {
                let unread = |error| FollowError::Here(format!("`{}`: {error}", file.display()));
                let octets = tokio::fs::read(file).await.map_err(unread)?;
                self.run(&octets).map_err(FollowError::Unusable)?;
                Ok(Reading::File(file.clone()))
            }
            Source::Path(_) | Source::Url(_) => {
                let following = self.start(source).await?;
                Ok(Reading::Channel(Box::new(following)))
            }
        }
    }

    async fn start(self: &Arc<Self>, source: &PolicySource) -> Result<Following, FollowError> {
        let follow = source.follow.clone();
        let (mut following, first) = Following::start(follow, self.trust.clone()).await?;
        let policy = self.run(first.octets()).map_err(FollowError::Unusable)?;
        following.runs(&first);
        following.report(&policy);
        Ok(following)
    }

    /// Keeps the policy up to date, for ever.
    pub(crate) async fn keep(self: Arc<Self>, mut reading: Reading) {
        loop {
            match reading {
                Reading::File(path) => return tidegate_follow::watch(path, None, self).await,
                Reading::Channel(following) => return following.run(self).await,
                Reading::Nothing(source) => {
                    tokio::time::sleep(source.follow.every).await;
                    reading = match self.start(&source).await {
                        Ok(following) => Reading::Channel(Box::new(following)),
                        Err(error) => {
                            self.looked(Err(error.name()));
                            Reading::Nothing(source)
                        }
                    };
                }
            }
        }
    }
}

impl Runner for Policy {
    fn run(&self, bundle: &[u8]) -> Result<String, BoxError> {
        let wanted = self.wanted.load();
        let (policy, rules) = wanted.read(bundle, &self.trust)?;
        wanted.complain(&rules);
        self.current.store(Some(Arc::new(rules)));
        Ok(policy)
    }

    fn looked(&self, outcome: Result<u64, &'static str>) {
        let result = match outcome {
            Ok(sequence) => {
                let sequence = i64::try_from(sequence).unwrap_or(i64::MAX);
                self.metrics.policy_sequence.set(sequence);
                "followed"
            }
            Err(refused) => refused,
        };
        let labels = PolicyLabels { result };
        self.metrics.policy_looks.get_or_create(&labels).inc();
    }
}
