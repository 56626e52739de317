//! Where a backend is and how it is spoken to.

use http::uri::{Authority, Scheme, Uri};

use super::backend::check_host;
use super::balance::{Health, HealthFile};
use super::{Admission, AdmissionFile, Problems, Target, target};
use crate::identity::{InvalidPeerName, PeerName};

/// The service that a backend's requests go to, at however many addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) target: Target,
    pub(crate) protocol: Protocol,
    /// Whether gRPC-Web becomes gRPC. Invariant: over HTTP/2 only.
    pub(crate) grpc_web: bool,
    /// Whom the backend must prove to be, over TLS; `None` is cleartext.
    pub(crate) server: Option<PeerName>,
    pub(crate) admission: Admission,
    pub(crate) health: Option<Health>,
}

/// What is spoken to a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP/1.1 (RFC 9112).
    Http1,
    /// HTTP/2; over cleartext TCP with prior knowledge (RFC 9113 §3.3).
    Http2,
}

#[cfg(test)]
impl Upstream {
    /// Cleartext HTTP/1.1 with the defaults.
    pub(crate) fn plain(address: &str) -> Self {
        let written = Written {
            address: format!("http://{address}"),
            target: target::Written::default(),
            protocol: None,
            grpc_web: false,
            identity: None,
            limits: AdmissionFile::default(),
            health: None,
        };
        written.check("test", &mut Problems::default()).unwrap()
    }
}

/// The fields of `[[backend]]` that make an [`Upstream`].
pub(super) struct Written {
    pub(super) address: String,
    pub(super) target: target::Written,
    pub(super) protocol: Option<String>,
    pub(super) grpc_web: bool,
    pub(super) identity: Option<String>,
    pub(super) limits: AdmissionFile,
    pub(super) health: Option<HealthFile>,
}

impl Written {
    pub(super) fn check(self, section: &str, problems: &mut Problems) -> Option<Upstream> {
        let Self {
            address,
            target,
            protocol,
            grpc_web,
            identity,
            limits,
            health,
        } = self;
        let field = |name: &str| format!("{section}.{name}");
        let address = problems.take(field("address"), check_address(&address));
        let tls = address.as_ref().is_some_and(|(_, tls)| *tls);
        let protocol = problems.take(field("protocol"), check_protocol(protocol.as_deref(), tls));
        if grpc_web && protocol == Some(Protocol::Http1) {
            // gRPC is spoken over nothing else.
            let refused: Result<(), _> =
                Err("gRPC-Web is translated for a backend that speaks `h2c` or `h2`");
            problems.take(field("grpc_web"), refused);
        }
        let server = address.as_ref().and_then(|address| {
            let (address, tls) = address;
            let server = check_server(identity, address, *tls, "https://");
            problems.take(field("identity"), server)
        });
        let target = target.check(address.map(|(address, _)| address), section, problems);
        let admission = limits.check(section, problems);
        let health = health.map(|health| health.check(section, problems));
        Some(Upstream {
            target: target?,
            protocol: protocol?,
            grpc_web,
            server: server?,
            admission: admission?,
            health: match health {
                Some(health) => Some(health?),
                None => None,
            },
        })
    }
}

/// The address, and whether TLS is spoken there.
fn check_address(text: &str) -> Result<(Authority, bool), String> {
    let refused = || {
        format!("`{text}` is no backend address: write `http://HOST:PORT` or `https://HOST:PORT`")
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

/// Whom an address must prove to be: its host, where nothing else is said. `scheme` is that of TLS.
pub(super) fn check_server(
    identity: Option<String>,
    address: &Authority,
    tls: bool,
    scheme: &str,
) -> Result<Option<PeerName>, String> {
    match (identity, tls) {
        (None, false) => Ok(None),
        (Some(_), false) => Err(format!("an identity is proved over `{scheme}` only")),
        (Some(name), true) => name
            .parse()
            .map(Some)
            .map_err(|error: InvalidPeerName| error.to_string()),
        (None, true) => check_host(address.host()).map(PeerName::Dns).map(Some),
    }
}

fn check_protocol(text: Option<&str>, tls: bool) -> Result<Protocol, String> {
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
