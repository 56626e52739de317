//! The name by which a policy or a configuration knows a peer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::spiffe::{InvalidSpiffeId, SpiffeId};

/// A name that a peer's certificate must hold: written `spiffe://TRUST-DOMAIN/PATH` or
/// `dns:HOST`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PeerName {
    /// The certificate's URI name is this SPIFFE ID.
    Spiffe(SpiffeId),
    /// One of the certificate's DNS names is this one. Normalised.
    Dns(String),
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
                let host = crate::host::normalise(name)?;
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

impl Serialize for PeerName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PeerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_of_two_forms() {
        for text in ["spiffe://edge.example/gateway", "dns:edge.bank.example"] {
            let name: PeerName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            let octets = crate::cbor::encode(&name);
            let bounds = crate::cbor::Bounds {
                octets: 64,
                items: 1,
            };
            assert_eq!(crate::cbor::decode::<PeerName>(&octets, &bounds), Ok(name));
        }
        assert_eq!(
            "dns:Edge.Bank.example".parse(),
            Ok(PeerName::Dns("edge.bank.example".to_owned()))
        );
        for text in ["", "edge.bank.example", "dns:", "dns:a b", "dns:a:80"] {
            let refused = InvalidPeerName::Form(text.to_owned());
            assert_eq!(text.parse::<PeerName>(), Err(refused));
        }
        let refused = "spiffe://Edge.example/x".parse::<PeerName>();
        assert!(matches!(refused, Err(InvalidPeerName::Spiffe(_))));
    }
}
