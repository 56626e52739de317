//! From a bundle to the rules of backends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_shared::bundle::{Bundle, ConnectorRules, InvalidBundle, SignatureDemand};
use tidegate_shared::envelope::{InvalidEnvelope, Signed, VerifyError};
use tidegate_shared::trust::TrustKeys;

use crate::authorize::Backends;

/// Why a bundle is not used.
#[derive(Debug, thiserror::Error)]
pub enum UnusableBundle {
    /// It is no signed envelope.
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    /// Its signature does not hold, or what it signs is no bundle.
    #[error(transparent)]
    Verify(#[from] VerifyError<InvalidBundle>),
    /// It asks for what the connector cannot verify.
    #[error(
        "upstream `{0}` asks for signatures of gateways, and there are no keys to verify them: add \
         `[gateway_signature]`"
    )]
    NoKeys(String),
}

/// Upstreams of the policy by name, and what their connectors enforce.
pub(crate) type Rules = BTreeMap<String, Arc<ConnectorRules>>;

/// What the connector's configuration takes from the policy.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    upstreams: BTreeSet<String>,
    /// Whether there are keys of gateways.
    signed: bool,
}

impl Wanted {
    pub(crate) fn new(backends: &Backends, signed: bool) -> Self {
        let upstreams = backends.iter().filter_map(|backend| backend.policy());
        Self {
            upstreams: upstreams.map(str::to_owned).collect(),
            signed,
        }
    }

    /// The policy's name, and the rules of each upstream for which the bundle has some, also where
    /// they are not wanted: a configuration that wants them may come.
    pub(crate) fn read(
        &self,
        bundle: &[u8],
        trust: &TrustKeys,
    ) -> Result<(String, Rules), UnusableBundle> {
        let bundle = Signed::parse(bundle)?.verify::<Bundle>(trust)?;
        let Bundle { header, tables, .. } = bundle.into_content();
        let upstreams = tables.upstreams.into_iter();
        let rules = upstreams.filter_map(|upstream| Some((upstream.name, upstream.connector?)));
        let rules: Rules = rules.map(|(name, rules)| (name, Arc::new(rules))).collect();
        self.check(&rules)?;
        Ok((header.name, rules))
    }

    /// Whether the wanted rules can be kept.
    pub(crate) fn check(&self, rules: &Rules) -> Result<(), UnusableBundle> {
        let mut wanted = self
            .upstreams
            .iter()
            .filter_map(|name| rules.get_key_value(name));
        let unkeyed = wanted.find(|(_, rules)| match rules.signature {
            SignatureDemand::Off => false,
            SignatureDemand::Optional | SignatureDemand::Required => !self.signed,
        });
        match unkeyed {
            Some((name, _)) => Err(UnusableBundle::NoKeys(name.clone())),
            None => Ok(()),
        }
    }

    /// Says in the log what is missing.
    pub(crate) fn complain(&self, rules: &Rules) {
        for name in self.missing(rules) {
            tracing::error!(
                upstream = name,
                "the policy has nothing for the connector of this upstream: nobody reaches its backends"
            );
        }
    }

    /// The wanted upstreams for which there are no rules.
    pub(crate) fn missing<'w>(&'w self, rules: &'w Rules) -> impl Iterator<Item = &'w str> {
        let upstreams = self.upstreams.iter().map(String::as_str);
        upstreams.filter(|name| !rules.contains_key(*name))
    }
}
