//! One backend: where it is, what it serves, who may reach it.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, Scheme, Uri};

use crate::authorize::PathPrefix;
use crate::identity::{Identity, SpiffeId};

/// A service behind the connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub(crate) name: String,
    /// Invariant: has a host and a port.
    pub(crate) address: Authority,
    pub(crate) protocol: Protocol,
    /// Normalised; `None` serves every host.
    pub(crate) host: Option<String>,
    pub(crate) path_prefix: PathPrefix,
    /// Invariant: not empty.
    pub(crate) allow: Vec<Permission>,
}

/// What is spoken to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2 over cleartext TCP with prior knowledge (RFC 9113 §3.3).
    H2c,
}

/// A caller that may reach a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    /// The certificate's URI name is this SPIFFE ID.
    Spiffe(SpiffeId),
    /// One of the certificate's DNS names is this one.
    Dns(String),
}

impl Backend {
    /// The name in logs and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether one of the caller's names is on the list.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        self.allow.iter().any(|permission| match permission {
            Permission::Spiffe(id) => identity.spiffe() == Some(id),
            Permission::Dns(name) => identity.dns().contains(name),
        })
    }

    pub(super) fn check_name(name: String) -> Result<String, String> {
        let valid =
            |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
        if (1..=64).contains(&name.len()) && name.bytes().all(valid) {
            Ok(name)
        } else {
            Err(format!(
                "`{name}` is no name: write 1 to 64 letters, digits, `-`, `_` or `.`"
            ))
        }
    }

    pub(super) fn check_address(text: &str) -> Result<Authority, String> {
        let refused = || format!("`{text}` is no backend address: write `http://HOST:PORT`");
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let parts = uri.into_parts();
        let bare = parts.path_and_query.is_none_or(|path| path.as_str() == "/");
        let authority = parts
            .authority
            .filter(|authority| tidegate_shared::host::normalise(authority.as_str()).is_some())
            .filter(|_| bare && parts.scheme == Some(Scheme::HTTP))
            .ok_or_else(refused)?;
        if authority.port_u16().is_some() {
            return Ok(authority);
        }
        format!("{}:80", authority.host())
            .parse()
            .map_err(|_| refused())
    }

    pub(super) fn check_host(text: &str) -> Result<String, String> {
        tidegate_shared::host::normalise(text)
            .filter(|host| host.eq_ignore_ascii_case(text))
            .map(Cow::into_owned)
            .ok_or_else(|| format!("`{text}` is no host: write `api.bank.example`, or `*`"))
    }
}

/// The text names no caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPermission {
    /// Neither form.
    #[error("`{0}` names no caller: write `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`")]
    Form(String),
    /// A SPIFFE ID that is none.
    #[error(transparent)]
    Spiffe(#[from] crate::identity::InvalidSpiffeId),
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        if let Some(name) = text.strip_prefix("dns:") {
            let host =
                Backend::check_host(name).map_err(|_| InvalidPermission::Form(text.into()))?;
            return Ok(Self::Dns(host));
        }
        if text.starts_with("spiffe:") {
            return Ok(Self::Spiffe(text.parse()?));
        }
        Err(InvalidPermission::Form(text.to_owned()))
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spiffe(id) => id.fmt(f),
            Self::Dns(name) => write!(f, "dns:{name}"),
        }
    }
}
