//! TLS with a required client certificate.

pub(crate) mod expiry;
pub(crate) mod gateway;
pub(crate) mod handshake;
pub(crate) mod mesh;
pub(crate) mod reload;
mod revocation;
mod side;
mod trusted;
mod verifier;
mod workload_api;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::{NoServerSessionStorage, ServerConnection};
use rustls::sign::SingleCertAndKey;
use rustls::{HandshakeKind, ServerConfig};
use tidegate_tls::{Judge as _, Judged};
use x509_parser::time::ASN1Time;

use crate::config::{Source, TlsPaths};
use crate::identity::SpiffeId;
use expiry::{Expiry, Material};
use revocation::Revocations;
pub(crate) use side::authorities;
use side::{Side, validity};
use verifier::Callers;
use workload_api::Answers;

/// What one load made, of files and of what agents say: used for the connections that begin from then
/// on.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) server: Arc<ServerConfig>,
    /// The same for protocols that TLS has no name for here.
    pub(crate) opaque: Arc<ServerConfig>,
    /// For gateways, those that the connector dials among them.
    own: Side,
    /// For TLS to backends.
    mesh: Option<Side>,
    pub(crate) expiries: Vec<Expiry>,
    /// Of files.
    revocations: Revocations,
}

/// The TLS files do not make a server.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of the right kind.
    #[error("`{}`: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("`{}`: there is no certificate in the file", .0.display())]
    NoCertificate(PathBuf),
    /// A certificate cannot be read.
    #[error("`{}`: the certificate cannot be read", .0.display())]
    Unreadable(PathBuf),
    /// An authority's certificate cannot be a trust anchor.
    #[error("`{}`: {source}", path.display())]
    Authority {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A file holds no revocation list.
    #[error("`{}`: there is no revocation list in the file", .0.display())]
    NoRevocationList(PathBuf),
    /// A revocation list cannot be read, or does not say when the next one comes.
    #[error("`{}`: the revocation list cannot be read", .0.display())]
    UnreadableRevocationList(PathBuf),
    /// A revocation list should have been replaced by now.
    #[error("`{}`: the revocation list has expired: its next update was due {next_update}", path.display())]
    ExpiredRevocationList {
        /// The file.
        path: PathBuf,
        /// When.
        next_update: ASN1Time,
    },
    /// No verifier can be made of the authorities and the revocation lists.
    #[error("the client authority: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// No server can be made.
    #[error("{0}")]
    Unusable(rustls::Error),
    /// An agent has no identity for the connector.
    #[error("`{endpoint}`: {reason}")]
    WorkloadApi {
        /// Where the agent is.
        endpoint: String,
        /// Why.
        reason: String,
    },
    /// The certificate and the key do not make a server, as where they do not belong together.
    #[error("`{}`: {source}", certificate.display())]
    Server {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

impl Credentials {
    /// Reads the files, and takes what agents said.
    fn read(paths: &TlsPaths, answers: &Answers) -> Result<Self, TlsError> {
        let revocations = Revocations::load(&paths.client_crl, ASN1Time::now())?;
        Self::load(paths, answers, revocations)
    }

    /// Reads the files but for the revocation lists.
    fn load(
        paths: &TlsPaths,
        answers: &Answers,
        revocations: Revocations,
    ) -> Result<Self, TlsError> {
        let own = Side::load(&paths.own, answers, &revocations)?;
        let mesh = mesh(paths, answers)?;
        let opaque = server_config(paths, &own)?;
        let mut server = opaque.clone();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            server: Arc::new(server),
            opaque: Arc::new(opaque),
            expiries: ends(Some(&own), mesh.as_ref(), &revocations),
            own,
            mesh,
            revocations,
        })
    }

    /// Reads the files, says what expires when, and asks nobody.
    pub(crate) fn check(paths: &TlsPaths) -> Result<Vec<Expiry>, TlsError> {
        let revocations = Revocations::load(&paths.client_crl, ASN1Time::now())?;
        let nobody = Answers::new();
        let own = match &paths.own {
            Source::Files(_) => Some(Side::load(&paths.own, &nobody, &revocations)?),
            Source::WorkloadApi(_) => None,
        };
        let mesh = match &paths.mesh {
            Some(Source::Files(_)) => mesh(paths, &nobody)?,
            Some(Source::WorkloadApi(_)) | None => None,
        };
        Ok(ends(own.as_ref(), mesh.as_ref(), &revocations))
    }

    /// The connector's own SPIFFE ID, which `X-Forwarded-Client-Cert` names as `By`.
    pub(crate) fn own_id(&self) -> Option<&SpiffeId> {
        self.own.own_id.as_ref()
    }

    /// How long the connector's own certificate is still valid.
    pub(crate) fn own_time(&self, now: SystemTime) -> Duration {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH);
        let end = Duration::from_secs(u64::try_from(self.own.not_after).unwrap_or(0));
        end.saturating_sub(since_epoch.unwrap_or_default())
    }

    /// Says who is trusted in vain.
    fn complain(&self) {
        let unknown = self.mesh.iter().flat_map(|mesh| &mesh.unknown);
        for trust_domain in self.own.unknown.iter().chain(unknown) {
            tracing::warn!(%trust_domain, "no authorities of a trust domain are known, nobody of it is trusted");
        }
    }

    /// Whether the connector's own certificate is the same.
    pub(crate) fn shows_the_same(&self, other: &Self) -> bool {
        self.own.key.cert == other.own.key.cert
    }

    /// Whether a handshake that these credentials made holds. One that resumes a session took the
    /// caller's chain from a ticket: it was verified by the same authorities and lists, but some time
    /// ago. A chain of one certificate can but have expired since; another one is verified again.
    pub(crate) fn stands_by(&self, connection: &ServerConnection) -> bool {
        if connection.handshake_kind() != Some(HandshakeKind::Resumed) {
            return true;
        }
        match connection.peer_certificates() {
            Some([leaf]) => {
                validity(leaf).is_some_and(|(_, end)| end >= ASN1Time::now().timestamp())
            }
            Some(chain) => self.accepts(chain),
            None => false,
        }
    }

    /// Whether the chain would make a connection now, as it did before.
    fn accepts(&self, chain: &[CertificateDer<'static>]) -> bool {
        let Some((leaf, intermediates)) = chain.split_first() else {
            return false;
        };
        let callers = Callers(self.own.trusted.clone());
        callers.judge(leaf, intermediates, UnixTime::now()).is_ok()
    }
}

/// Lists that a file has are of callers; what an agent says of revoked ones comes with its answer.
fn mesh(paths: &TlsPaths, answers: &Answers) -> Result<Option<Side>, TlsError> {
    let load = |source| Side::load(source, answers, &Revocations::default());
    paths.mesh.as_ref().map(load).transpose()
}

fn ends(own: Option<&Side>, mesh: Option<&Side>, revocations: &Revocations) -> Vec<Expiry> {
    let side = |of, side: Option<&Side>| {
        let (at, late) = side.map(|side| (side.not_after, side.late))?;
        Some(Expiry { of, at, late })
    };
    let list = |at| Expiry {
        of: Material::Crl,
        at,
        late: Duration::MAX,
    };
    let lists = revocations.next_update.map(list);
    let ends = [
        side(Material::Server, own),
        side(Material::Mesh, mesh),
        lists,
    ];
    ends.into_iter().flatten().collect()
}

fn server_config(paths: &TlsPaths, own: &Side) -> Result<ServerConfig, TlsError> {
    let unusable = TlsError::Unusable;
    let callers = Judged::new(Callers(own.trusted.clone()));
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(paths.versions)
        .map_err(unusable)?
        .with_client_cert_verifier(Arc::new(callers))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(own.key.clone())));
    // A resumed session skips the verifier (RFC 8446 §2.2). The key of the tickets is of this one load
    // of the files, so that what they say of the caller was verified by the same authorities and lists;
    // what time has changed since, `Credentials::stands_by` looks at.
    server.ticketer = ring::Ticketer::new().map_err(unusable)?;
    server.send_tls13_tickets = 1;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(server)
}
