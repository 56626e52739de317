//! A loaded bundle, and how a new one takes its place.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tidegate_edge::{Gateway, LoadError, ShadowBundle};
use tidegate_follow::{BoxError, Runner};
use tidegate_shared::bundle::{Bundle, InvalidBundle};
use tidegate_shared::envelope::{InvalidEnvelope, Signed, VerifyError};
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::trust::TrustKeys;
use tidegate_shared::units::Percent;

use crate::client::Clients;
use crate::credentials::CredentialFolder;
use crate::exchange::Shared;
use crate::identity::Identity;
use crate::ports::Secrets;

/// A gateway and what it needs to reach origins. A request keeps the one it began with.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) gateway: Gateway,
    clients: HashMap<String, Clients>,
    pub(crate) secrets: HashMap<String, Vec<u8>>,
    pub(crate) credentials: Option<CredentialFolder>,
    /// The connectors that may dial, because origins are reached by their tunnels.
    pub(crate) tunnels: HashSet<SpiffeId>,
}

/// A bundle that decides in shadow, with the secrets that it names. It reaches no origins.
#[derive(Debug)]
pub(crate) struct LoadedShadow {
    pub(crate) bundle: ShadowBundle,
    pub(crate) secrets: HashMap<String, Vec<u8>>,
}

/// Why a bundle is not used.
#[derive(Debug, thiserror::Error)]
pub enum LoadFailure {
    /// The file cannot be read.
    #[error("cannot read `{}`: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// It is no signed envelope.
    #[error(transparent)]
    Envelope(#[from] InvalidEnvelope),
    /// Its signature does not hold, or what it signs is no bundle.
    #[error(transparent)]
    Verify(#[from] VerifyError<InvalidBundle>),
    /// The core cannot use it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An upstream's TLS identity is not here.
    #[error(
        "upstream `{0}` needs the client certificate `{1}`: give it with `--identity {1}=CERTIFICATE,KEY`"
    )]
    NoIdentity(String, String),
    /// An upstream's certificates cannot be used.
    #[error("the certificates of upstream `{0}` cannot be used: {1}")]
    Tls(String, rustls::Error),
    /// A secret is not here.
    #[error("{0} needs the secret `{1}`, which the secret store does not have")]
    NoSecret(String, String),
    /// The store of API keys and revocations is not here.
    #[error("the policy needs the store `{0}`: give it with `--credentials DIR`")]
    NoCredentials(String),
    /// Connectors cannot dial.
    #[error(
        "the origin `{origin}` of upstream `{upstream}` is reached by a tunnel: say with \
         `--tunnels ADDR` where connectors dial"
    )]
    NoTunnels {
        /// The upstream.
        upstream: String,
        /// Its origin.
        origin: String,
    },
}

/// What turns octets into a [`Loaded`] gateway.
#[derive(Clone, Debug)]
pub(crate) struct Loader {
    pub(crate) trust: TrustKeys,
    pub(crate) identities: Vec<Identity>,
    pub(crate) secrets: Secrets,
    pub(crate) credentials: Option<CredentialFolder>,
    /// Whether connectors can dial.
    pub(crate) tunnels: bool,
}

impl Loader {
    pub(crate) fn load(&self, octets: &[u8]) -> Result<Loaded, LoadFailure> {
        let bundle = Signed::parse(octets)?.verify::<Bundle>(&self.trust)?;
        let names = bundle.content().tables.secrets();
        let secrets = self.secrets.resolve(names.clone().map(|(name, _)| name));
        let missing = names
            .into_iter()
            .find(|(name, _)| !secrets.contains_key(*name));
        if let Some((secret, needed_by)) = missing {
            return Err(LoadFailure::NoSecret(needed_by, secret.to_owned()));
        }
        if self.credentials.is_none()
            && let Some(store) = bundle.content().tables.credential_stores().next()
        {
            return Err(LoadFailure::NoCredentials(store.to_owned()));
        }
        let mut tunnels = bundle.content().tables.tunnels();
        if !self.tunnels
            && let Some((upstream, origin, _)) = tunnels.next()
        {
            return Err(LoadFailure::NoTunnels {
                upstream: upstream.to_owned(),
                origin: origin.to_owned(),
            });
        }
        let tunnels = tunnels.map(|(_, _, connector)| connector.clone()).collect();
        let gateway = Gateway::load(bundle)?;
        let clients = gateway
            .upstreams()
            .iter()
            .map(|upstream| {
                Ok((
                    upstream.name.clone(),
                    Clients::new(upstream, &self.identities)?,
                ))
            })
            .collect::<Result<_, LoadFailure>>()?;
        Ok(Loaded {
            gateway,
            clients,
            secrets,
            credentials: self.credentials.clone(),
            tunnels,
        })
    }
}

impl Loaded {
    /// Lets it decide in shadow. The seed must be unpredictable.
    pub(crate) fn into_shadow(self, seed: [u8; 16], share: Percent) -> LoadedShadow {
        LoadedShadow {
            bundle: ShadowBundle::new(self.gateway, seed, share),
            secrets: self.secrets,
        }
    }

    pub(crate) fn clients(&self, upstream: &str) -> Option<&Clients> {
        self.clients.get(upstream)
    }
}

/// Puts bundles into force.
pub(crate) struct Swap {
    pub(crate) loader: Loader,
    pub(crate) current: Arc<ArcSwap<Loaded>>,
    pub(crate) shared: Arc<Shared>,
}

impl Runner for Swap {
    fn run(&self, bundle: &[u8]) -> Result<String, BoxError> {
        let loaded = self.loader.load(bundle)?;
        let policy = loaded.gateway.policy().to_owned();
        self.current.store(Arc::new(loaded));
        Ok(policy)
    }

    fn has_shadow(&self) -> bool {
        true
    }

    fn run_shadow(&self, bundle: &[u8], share: Percent) -> Result<(), BoxError> {
        let loaded = self.loader.load(bundle)?;
        let mut seed = [0; 16];
        getrandom::fill(&mut seed)?;
        let shadow = loaded.into_shadow(seed, share);
        self.shared.shadow.store(Some(Arc::new(shadow)));
        Ok(())
    }

    fn end_shadow(&self) {
        self.shared.shadow.store(None);
    }

    fn looked(&self, outcome: Result<u64, &'static str>) {
        if let Some(metrics) = &self.shared.metrics {
            metrics.looked(outcome);
        }
    }
}
