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

    /// The rules of each wanted upstream for which the bundle has some.
    pub(crate) fn read(
        &self,
        bundle: &[u8],
        trust: &TrustKeys,
    ) -> Result<BTreeMap<String, Arc<ConnectorRules>>, UnusableBundle> {
        let bundle = Signed::parse(bundle)?.verify::<Bundle>(trust)?;
        let upstreams = bundle.into_content().tables.upstreams.into_iter();
        let wanted = upstreams.filter(|upstream| self.upstreams.contains(&upstream.name));
        let rules = wanted.filter_map(|upstream| Some((upstream.name, upstream.connector?)));
        let rules: BTreeMap<_, _> = rules.map(|(name, rules)| (name, Arc::new(rules))).collect();
        let unkeyed = rules.iter().find(|(_, rules)| match rules.signature {
            SignatureDemand::Off => false,
            SignatureDemand::Optional | SignatureDemand::Required => !self.signed,
        });
        match unkeyed {
            Some((name, _)) => Err(UnusableBundle::NoKeys(name.clone())),
            None => Ok(rules),
        }
    }

    /// The wanted upstreams for which there are no rules.
    pub(crate) fn missing<'w, T>(
        &'w self,
        rules: &'w BTreeMap<String, T>,
    ) -> impl Iterator<Item = &'w str> {
        let upstreams = self.upstreams.iter().map(String::as_str);
        upstreams.filter(|name| !rules.contains_key(*name))
    }
}
