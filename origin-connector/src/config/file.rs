//! The configuration as it is written, before any value is checked.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rustls::SupportedProtocolVersion;
use serde::Deserialize;

use super::{Backend, MeshPaths, Problems, TlsPaths};
use crate::authorize::PathPrefix;
use crate::identity::PeerName;

static TLS13_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// The whole file. Unknown fields are errors.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigFile {
    /// Where gateways connect, as `0.0.0.0:8443`; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are served in plain HTTP. Absent: nowhere.
    pub admin: Option<SocketAddr>,
    /// The connector's own certificate, and whom it trusts.
    pub tls: TlsFile,
    /// What the connector is to backends in the mesh; needed where one has an `https://` address.
    pub mesh: Option<MeshFile>,
    /// What stands behind the connector.
    pub backend: Vec<BackendFile>,
    /// How the connector stops.
    #[serde(default)]
    pub drain: DrainFile,
    /// Bounds; each has a default.
    #[serde(default)]
    pub limits: LimitsFile,
}

/// `[tls]`: PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFile {
    /// The connector's certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// The key of that certificate (PKCS #8, PKCS #1 or SEC 1).
    pub private_key: PathBuf,
    /// The authorities to one of which a gateway's certificate must chain.
    pub client_authority: PathBuf,
    /// `1.3` (the default) or `1.2`.
    pub min_version: Option<String>,
}

/// `[mesh]`: PEM files for TLS to backends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshFile {
    /// The certificate that the connector shows to backends, followed by its intermediates.
    pub certificate: PathBuf,
    /// The key of that certificate.
    pub private_key: PathBuf,
    /// The authorities to one of which a backend's certificate must chain.
    pub authority: PathBuf,
}

/// `[[backend]]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackendFile {
    /// The name in logs and metrics.
    pub name: String,
    /// `http://HOST:PORT`, or `https://HOST:PORT` for TLS under the mesh's authority.
    pub address: String,
    /// `http/1.1` (the default), `h2c` over `http://` or `h2` over `https://`.
    pub protocol: Option<String>,
    /// Over `https://`: whom the backend must prove to be, as `spiffe://TRUST-DOMAIN/PATH` or
    /// `dns:HOST`. By default the host of its address.
    pub identity: Option<String>,
    /// The exact host that the backend serves; `*`, the default, is every host.
    pub host: Option<String>,
    /// The backend serves this path and what lies below it, by whole segments. `/` by default;
    /// the longest wins.
    pub path_prefix: Option<String>,
    /// Who may reach it: `spiffe://TRUST-DOMAIN/PATH` or `dns:HOST`.
    pub allow: Vec<String>,
}

/// `[drain]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrainFile {
    /// How long a stopping connector waits for exchanges that are under way; `30s` by default.
    pub timeout: Option<String>,
}

/// `[limits]`: spans of time as `10s`, sizes as `64KiB`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsFile {
    /// Connections open at a time; more wait in the listener's queue. 10000 by default.
    pub connections: Option<u64>,
    /// HTTP/2 streams open at a time on one connection. 250 by default.
    pub streams: Option<u64>,
    /// Octets of a request head. `64KiB` by default.
    pub header_bytes: Option<String>,
    /// How long an HTTP/1.1 connection may take to its next complete request head, waiting
    /// included. `60s` by default.
    pub header_read_timeout: Option<String>,
    /// How long a TLS handshake may take. `10s` by default.
    pub handshake_timeout: Option<String>,
    /// How long a body, an upgraded connection, or a connection without a request may stand
    /// still. `5m` by default.
    pub idle_timeout: Option<String>,
    /// How long connecting to a backend may take. `5s` by default.
    pub connect_timeout: Option<String>,
    /// How long a backend may take to its response head, from the last sign of progress of the
    /// request body. `30s` by default.
    pub response_head_timeout: Option<String>,
}

impl ConfigFile {
    /// Makes relative paths relative to `folder`.
    pub(super) fn resolve(&mut self, folder: &Path) {
        let TlsFile {
            certificate,
            private_key,
            client_authority,
            min_version: _,
        } = &mut self.tls;
        let mut paths = vec![certificate, private_key, client_authority];
        if let Some(MeshFile {
            certificate,
            private_key,
            authority,
        }) = &mut self.mesh
        {
            paths.extend([certificate, private_key, authority]);
        }
        for path in paths {
            *path = folder.join(&*path);
        }
    }
}

impl MeshFile {
    fn check(self) -> MeshPaths {
        let Self {
            certificate,
            private_key,
            authority,
        } = self;
        MeshPaths {
            certificate,
            private_key,
            authority,
        }
    }
}

impl TlsFile {
    pub(super) fn check(self, mesh: Option<MeshFile>, problems: &mut Problems) -> Option<TlsPaths> {
        let Self {
            certificate,
            private_key,
            client_authority,
            min_version,
        } = self;
        let versions = match min_version.as_deref() {
            None | Some("1.3") => Ok(TLS13_ONLY),
            Some("1.2") => Ok(rustls::ALL_VERSIONS),
            Some(other) => Err(format!("`{other}` is no version: write `1.3` or `1.2`")),
        };
        let versions = problems.take("tls.min_version", versions)?;
        Some(TlsPaths {
            certificate,
            private_key,
            client_authority,
            versions,
            mesh: mesh.map(MeshFile::check),
        })
    }
}

impl BackendFile {
    pub(super) fn check(self, index: usize, problems: &mut Problems) -> Option<Backend> {
        let Self {
            name,
            address,
            protocol,
            identity,
            host,
            path_prefix,
            allow,
        } = self;
        let field = |name: &str| format!("backend[{index}].{name}");
        let name = problems.take(field("name"), Backend::check_name(name));
        let address = problems.take(field("address"), Backend::check_address(&address));
        let tls = address.as_ref().is_some_and(|(_, tls)| *tls);
        let protocol = Backend::check_protocol(protocol.as_deref(), tls);
        let protocol = problems.take(field("protocol"), protocol);
        let server = address.as_ref().and_then(|address| {
            let server = Backend::check_server(identity, address);
            problems.take(field("identity"), server)
        });
        let host = match host.as_deref() {
            None | Some("*") => Ok(None),
            Some(host) => Backend::check_host(host).map(Some),
        };
        let host = problems.take(field("host"), host);
        let path_prefix = path_prefix.as_deref().unwrap_or("/");
        let path_prefix = problems.take(field("path_prefix"), path_prefix.parse::<PathPrefix>());
        let listed = if allow.is_empty() {
            Err("nobody may reach the backend: name at least one caller")
        } else {
            Ok(())
        };
        problems.take(field("allow"), listed);
        let allow: Vec<Option<PeerName>> = allow
            .iter()
            .enumerate()
            .map(|(entry, text)| {
                problems.take(field(&format!("allow[{entry}]")), text.parse::<PeerName>())
            })
            .collect();
        Some(Backend {
            name: name?,
            address: address?.0,
            protocol: protocol?,
            server: server?,
            host: host?,
            path_prefix: path_prefix?,
            allow: allow.into_iter().collect::<Option<_>>()?,
        })
    }
}
