//! One backend: where it is, what it serves, who may reach it.

use std::borrow::Cow;

use http::uri::{Authority, Scheme, Uri};

use crate::authorize::PathPrefix;
use crate::identity::{Identity, InvalidPeerName, PeerName};

/// A service behind the connector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backend {
    pub(crate) name: String,
    /// Invariant: has a host and a port.
    pub(crate) address: Authority,
    pub(crate) protocol: Protocol,
    /// Whom the backend must prove to be, over TLS; `None` is cleartext.
    pub(crate) server: Option<PeerName>,
    /// Normalised; `None` serves every host.
    pub(crate) host: Option<String>,
    pub(crate) path_prefix: PathPrefix,
    /// Invariant: not empty.
    pub(crate) allow: Vec<PeerName>,
}

/// What is spoken to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2; over cleartext TCP with prior knowledge (RFC 9113 §3.3).
    Http2,
}

impl Backend {
    /// The name in logs and metrics.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether one of the caller's names is on the list.
    pub(crate) fn admits(&self, identity: &Identity) -> bool {
        self.allow.iter().any(|name| name.is_of(identity))
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

    /// The address, and whether TLS is spoken there.
    pub(super) fn check_address(text: &str) -> Result<(Authority, bool), String> {
        let refused = || {
            format!(
                "`{text}` is no backend address: write `http://HOST:PORT` or `https://HOST:PORT`"
            )
        };
        let uri: Uri = text.parse().map_err(|_| refused())?;
        let parts = uri.into_parts();
        let bare = parts.path_and_query.is_none_or(|path| path.as_str() == "/");
        let tls = parts.scheme == Some(Scheme::HTTPS);
        let authority = parts
            .authority
            .filter(|authority| tidegate_shared::host::normalise(authority.as_str()).is_some())
            .filter(|_| bare && (tls || parts.scheme == Some(Scheme::HTTP)))
            .ok_or_else(refused)?;
        if authority.port_u16().is_some() {
            return Ok((authority, tls));
        }
        let port = if tls { 443 } else { 80 };
        let authority = format!("{}:{port}", authority.host()).parse();
        authority
            .map(|authority| (authority, tls))
            .map_err(|_| refused())
    }

    /// Whom a backend must prove to be: its host, where nothing else is said.
    pub(super) fn check_server(
        identity: Option<String>,
        (address, tls): &(Authority, bool),
    ) -> Result<Option<PeerName>, String> {
        match (identity, tls) {
            (None, false) => Ok(None),
            (Some(_), false) => Err("a backend proves its identity over `https://` only".into()),
            (Some(name), true) => name
                .parse()
                .map(Some)
                .map_err(|error: InvalidPeerName| error.to_string()),
            (None, true) => Self::check_host(address.host())
                .map(PeerName::Dns)
                .map(Some),
        }
    }

    pub(super) fn check_protocol(text: Option<&str>, tls: bool) -> Result<Protocol, String> {
        match (text, tls) {
            (None | Some("http/1.1"), _) => Ok(Protocol::Http1),
            (Some("h2c"), false) | (Some("h2"), true) => Ok(Protocol::Http2),
            (Some(other), true) => Err(format!(
                "`{other}` is not spoken over `https://`: write `http/1.1` or `h2`"
            )),
            (Some(other), false) => Err(format!(
                "`{other}` is not spoken over `http://`: write `http/1.1` or `h2c`"
            )),
        }
    }

    pub(super) fn check_host(text: &str) -> Result<String, String> {
        tidegate_shared::host::normalise(text)
            .filter(|host| host.eq_ignore_ascii_case(text))
            .map(Cow::into_owned)
            .ok_or_else(|| format!("`{text}` is no host: write `api.bank.example`, or `*`"))
    }
}
