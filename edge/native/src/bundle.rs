//! A loaded bundle, and how a new one takes its place.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tidegate_edge::{Gateway, LoadError, ShadowBundle};
use tidegate_shared::bundle::{Bundle, InvalidBundle};
use tidegate_shared::digest::Digest;
use tidegate_shared::envelope::{InvalidEnvelope, Signed, VerifyError};
use tidegate_shared::trust::TrustKeys;
use tidegate_shared::units::Percent;
use tracing::{info, warn};

use crate::client::Clients;
use crate::credentials::CredentialFolder;
use crate::identity::Identity;
use crate::ports::Secrets;

/// How often a bundle's file is looked at.
const INTERVAL: Duration = Duration::from_millis(500);

/// A gateway and what it needs to reach origins. A request keeps the one it began with.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) gateway: Gateway,
    clients: HashMap<String, Clients>,
    pub(crate) secrets: HashMap<String, Vec<u8>>,
    pub(crate) credentials: Option<CredentialFolder>,
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
}

/// What turns octets into a [`Loaded`] gateway.
#[derive(Clone, Debug)]
pub(crate) struct Loader {
    pub(crate) trust: TrustKeys,
    pub(crate) identities: Vec<Identity>,
    pub(crate) secrets: Secrets,
    pub(crate) credentials: Option<CredentialFolder>,
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

/// Watches a bundle's file, and puts a changed one into force. One that cannot be used is logged
/// with its reason, and the last good one stays.
pub(crate) async fn watch(path: PathBuf, loader: Loader, current: Arc<ArcSwap<Loaded>>) {
    let mut seen = stamp(&path).await;
    let mut digest = current.load().gateway.digest();
    let mut ticks = tokio::time::interval(INTERVAL);
    loop {
        ticks.tick().await;
        let found = stamp(&path).await;
        if found == seen || found.is_none() {
            continue;
        }
        seen = found;
        let Ok(octets) = tokio::fs::read(&path).await else {
            continue;
        };
        if Digest::of(&octets) == digest {
            continue;
        }
        // A verification and many certificates may take a while: not on a thread that serves.
        let with = loader.clone();
        let loaded = tokio::task::spawn_blocking(move || with.load(&octets)).await;
        match loaded {
            Ok(Ok(loaded)) => {
                digest = loaded.gateway.digest();
                info!(%digest, policy = loaded.gateway.policy(), "new bundle in force");
                current.store(Arc::new(loaded));
            }
            Ok(Err(error)) => warn!(%error, in_force = %digest, "the new bundle cannot be used"),
            Err(error) => warn!(%error, in_force = %digest, "the new bundle could not be loaded"),
        }
    }
}

async fn stamp(path: &PathBuf) -> Option<(SystemTime, u64)> {
    let data = tokio::fs::metadata(path).await.ok()?;
    Some((data.modified().ok()?, data.len()))
}
