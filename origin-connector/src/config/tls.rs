//! `[tls]` and `[mesh]`: where the certificates are.

use std::path::PathBuf;
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use serde::Deserialize;

use super::Problems;
use super::limits::span;

static TLS13_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// `[tls]`: PEM files.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFile {
    /// The connector's certificate, followed by its intermediates.
    pub certificate: PathBuf,
    /// The key of that certificate (PKCS #8, PKCS #1 or SEC 1).
    pub private_key: PathBuf,
    /// The authorities to one of which a gateway's certificate must chain.
    pub client_authority: PathBuf,
    /// Lists of revoked client certificates (RFC 5280 §5). Where there is one, each certificate of
    /// a client's chain needs a list of its issuer. Default: none.
    #[serde(default)]
    pub client_crl: Vec<PathBuf>,
    /// How long before a certificate or a revocation list expires the log warns of it; `1d` by
    /// default.
    pub expiry_notice: Option<String>,
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

/// Where the certificates and keys are, and which versions of TLS are spoken with them.
#[derive(Clone, Debug)]
pub(crate) struct TlsPaths {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) client_authority: PathBuf,
    pub(crate) client_crl: Vec<PathBuf>,
    /// How long before an expiry the log warns of it.
    pub(crate) notice: Duration,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    /// Present where a backend speaks TLS.
    pub(crate) mesh: Option<MeshPaths>,
}

/// Where the certificates for TLS to backends are.
#[derive(Clone, Debug)]
pub(crate) struct MeshPaths {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    pub(crate) authority: PathBuf,
}

impl TlsPaths {
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = [&self.certificate, &self.private_key, &self.client_authority];
        let mesh = self.mesh.iter();
        own.into_iter()
            .chain(&self.client_crl)
            .chain(mesh.flat_map(|mesh| [&mesh.certificate, &mesh.private_key, &mesh.authority]))
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
            client_crl,
            expiry_notice,
            min_version,
        } = self;
        let versions = match min_version.as_deref() {
            None | Some("1.3") => Ok(TLS13_ONLY),
            Some("1.2") => Ok(rustls::ALL_VERSIONS),
            Some(other) => Err(format!("`{other}` is no version: write `1.3` or `1.2`")),
        };
        let versions = problems.take("tls.min_version", versions);
        let year = Duration::from_secs(365 * 86_400);
        let notice = span(expiry_notice.as_deref(), "1d", Duration::ZERO..=year);
        let notice = problems.take("tls.expiry_notice", notice);
        Some(TlsPaths {
            certificate,
            private_key,
            client_authority,
            client_crl,
            notice: notice?,
            versions: versions?,
            mesh: mesh.map(MeshFile::check),
        })
    }
}
