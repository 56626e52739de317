//! The name by which a configuration knows a peer.

use std::fmt;
use std::str::FromStr;

use super::{Identity, InvalidSpiffeId, SpiffeId};

/// A name that a peer's certificate must hold: written `spiffe://TRUST-DOMAIN/PATH` or
/// `dns:HOST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PeerName {
    /// The certificate's URI name is this SPIFFE ID.
    Spiffe(SpiffeId),
    /// One of the certificate's DNS names is this one. Normalised.
    Dns(String),
}

impl PeerName {
    /// Whether it is one of the peer's names.
    pub fn is_of(&self, identity: &Identity) -> bool {
        match self {
            Self::Spiffe(id) => identity.spiffe() == Some(id),
            Self::Dns(name) => identity.dns().contains(name),
        }
    }
}

/// The text is no name of a peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPeerName {
    /// Neither form.
    #[error("`{0}` is no name of a peer: write `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`")]
    Form(String),
    /// A SPIFFE ID that is none.
    #[error(transparent)]
    Spiffe(#[from] InvalidSpiffeId),
}

impl FromStr for PeerName {
    type Err = InvalidPeerName;

    fn from_str(text: &str) -> Result<Self, InvalidPeerName> {
        if text.starts_with("spiffe:") {
            return Ok(Self::Spiffe(text.parse()?));
        }
        text.strip_prefix("dns:")
            .and_then(|name| {
                let host = tidegate_shared::host::normalise(name)?;
                host.eq_ignore_ascii_case(name)
                    .then(|| Self::Dns(host.into_owned()))
            })
            .ok_or_else(|| InvalidPeerName::Form(text.to_owned()))
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spiffe(id) => id.fmt(f),
            Self::Dns(name) => write!(f, "dns:{name}"),
        }
    }
}
