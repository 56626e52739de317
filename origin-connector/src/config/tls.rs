//! `[tls]` and `[mesh]`: where certificates, keys and authorities come from.

use std::path::PathBuf;
use std::time::Duration;

use rustls::SupportedProtocolVersion;
use serde::Deserialize;

use super::limits::span;
use super::{Problems, WorkloadApi, WorkloadApiFile};

static TLS13_ONLY: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// `[tls]`: PEM files, or an agent of SPIFFE in place of the first three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFile {
    /// The connector's certificate, followed by its intermediates.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate (PKCS #8, PKCS #1 or SEC 1).
    pub private_key: Option<PathBuf>,
    /// The authorities to one of which a gateway's certificate must chain.
    pub client_authority: Option<PathBuf>,
    /// Who has all that, where no file does.
    pub workload_api: Option<WorkloadApiFile>,
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

/// `[mesh]`: the same for TLS to backends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MeshFile {
    /// The certificate that the connector shows to backends, followed by its intermediates.
    pub certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub private_key: Option<PathBuf>,
    /// The authorities to one of which a backend's certificate must chain.
    pub authority: Option<PathBuf>,
    /// Who has all that, where no file does.
    pub workload_api: Option<WorkloadApiFile>,
}

/// Where the certificates and keys are, and which versions of TLS are spoken with them.
#[derive(Clone, Debug)]
pub(crate) struct TlsPaths {
    pub(crate) own: Source,
    pub(crate) client_crl: Vec<PathBuf>,
    /// How long before an expiry the log warns of it.
    pub(crate) notice: Duration,
    pub(crate) versions: &'static [&'static SupportedProtocolVersion],
    /// Present where a backend speaks TLS.
    pub(crate) mesh: Option<Source>,
}

/// Who knows what the connector is to one side, and whom it trusts there.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Files(Files),
    WorkloadApi(WorkloadApi),
}

/// PEM files.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    /// To one of these the other side's certificate must chain.
    pub(crate) authority: PathBuf,
}

impl Source {
    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let files = match self {
            Self::Files(files) => Some([&files.certificate, &files.private_key, &files.authority]),
            Self::WorkloadApi(_) => None,
        };
        files.into_iter().flatten()
    }

    pub(crate) fn workload_api(&self) -> Option<&WorkloadApi> {
        match self {
            Self::Files(_) => None,
            Self::WorkloadApi(section) => Some(section),
        }
    }
}

impl TlsPaths {
    pub(crate) fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = self.own.files().chain(&self.client_crl);
        own.chain(self.mesh.iter().flat_map(Source::files))
    }

    /// The sections that have no files, by their names.
    pub(crate) fn workload_apis(&self) -> impl Iterator<Item = (&'static str, &WorkloadApi)> {
        let own = self.own.workload_api().map(|section| ("tls", section));
        let mesh = self.mesh.as_ref().and_then(Source::workload_api);
        own.into_iter().chain(mesh.map(|section| ("mesh", section)))
    }
}

/// One section, as it is written.
struct Written {
    section: &'static str,
    certificate: Option<PathBuf>,
    private_key: Option<PathBuf>,
    authority: (&'static str, Option<PathBuf>),
    workload_api: Option<WorkloadApiFile>,
}

impl Written {
    fn check(self, problems: &mut Problems) -> Option<Source> {
        let Self {
            section,
            certificate,
            private_key,
            authority,
            workload_api,
        } = self;
        let files = [
            ("certificate", certificate),
            ("private_key", private_key),
            authority,
        ];
        let Some(workload_api) = workload_api else {
            let taken = files.map(|(name, file)| {
                let missing = "a file is missing: name one, or write `workload_api`";
                problems.take(format!("{section}.{name}"), file.ok_or(missing))
            });
            let [certificate, private_key, authority] = taken;
            return Some(Source::Files(Files {
                certificate: certificate?,
                private_key: private_key?,
                authority: authority?,
            }));
        };
        for (name, file) in files {
            let both = "`workload_api` has this: leave the file out";
            let alone = file.map_or(Ok(()), |_| Err(both));
            problems.take(format!("{section}.{name}"), alone);
        }
        let checked = workload_api.check(section, problems);
        checked.map(Source::WorkloadApi)
    }
}

impl MeshFile {
    fn check(self, problems: &mut Problems) -> Option<Source> {
        let Self {
            certificate,
            private_key,
            authority,
            workload_api,
        } = self;
        let written = Written {
            section: "mesh",
            certificate,
            private_key,
            authority: ("authority", authority),
            workload_api,
        };
        written.check(problems)
    }
}

impl TlsFile {
    pub(super) fn check(self, mesh: Option<MeshFile>, problems: &mut Problems) -> Option<TlsPaths> {
        let Self {
            certificate,
            private_key,
            client_authority,
            workload_api,
            client_crl,
            expiry_notice,
            min_version,
        } = self;
        let written = Written {
            section: "tls",
            certificate,
            private_key,
            authority: ("client_authority", client_authority),
            workload_api,
        };
        let own = written.check(problems);
        let versions = match min_version.as_deref() {
            None | Some("1.3") => Ok(TLS13_ONLY),
            Some("1.2") => Ok(rustls::ALL_VERSIONS),
            Some(other) => Err(format!("`{other}` is no version: write `1.3` or `1.2`")),
        };
        let versions = problems.take("tls.min_version", versions);
        let year = Duration::from_secs(365 * 86_400);
        let notice = span(expiry_notice.as_deref(), "1d", Duration::ZERO..=year);
        let notice = problems.take("tls.expiry_notice", notice);
        let mesh = match mesh.map(|mesh| mesh.check(problems)) {
            None => Some(None),
            Some(mesh) => mesh.map(Some),
        };
        Some(TlsPaths {
            own: own?,
            client_crl,
            notice: notice?,
            versions: versions?,
            mesh: mesh?,
        })
    }
}
