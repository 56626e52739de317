//! TLS with a required client certificate.

pub(crate) mod expiry;
pub(crate) mod gateway;
pub(crate) mod handshake;
pub(crate) mod mesh;
pub(crate) mod reload;
mod revocation;
mod verifier;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ServerConnection, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{HandshakeKind, RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::config::TlsPaths;
use crate::identity::{Identity, SpiffeId};
use expiry::{Expiry, Material};
use mesh::MeshCredentials;
use revocation::Revocations;
use verifier::CallerVerifier;

/// What one load of the files made: used for the connections that begin from then on.
#[derive(Debug)]
pub(crate) struct Credentials {
    pub(crate) server: Arc<ServerConfig>,
    /// The same for protocols that TLS has no name for here.
    pub(crate) opaque: Arc<ServerConfig>,
    /// The connector's own SPIFFE ID, which `X-Forwarded-Client-Cert` names as `By`.
    pub(crate) own_id: Option<SpiffeId>,
    /// For TLS to backends.
    pub(crate) mesh: Option<MeshCredentials>,
    pub(crate) expiries: Vec<Expiry>,
    callers: Arc<dyn ClientCertVerifier>,
    /// The authorities of `callers`.
    roots: Arc<RootCertStore>,
    /// The connector's own certificate, for gateways that it dials.
    key: Arc<CertifiedKey>,
    /// When that expires, in seconds since the Unix epoch.
    not_after: i64,
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
    /// Reads the files.
    pub(crate) fn read(paths: &TlsPaths) -> Result<Self, TlsError> {
        let revocations = Revocations::load(&paths.client_crl, ASN1Time::now())?;
        Self::load(paths, revocations)
    }

    /// Reads the files but for the revocation lists.
    fn load(paths: &TlsPaths, revocations: Revocations) -> Result<Self, TlsError> {
        let key = certified_key(&paths.certificate, &paths.private_key)?;
        let unreadable = || TlsError::Unreadable(paths.certificate.clone());
        let leaf = key.end_entity_cert().map_err(|_| unreadable())?;
        let own_id = Identity::of_certificate(leaf)
            .ok()
            .and_then(|identity| identity.spiffe().cloned());
        let not_after = not_after(leaf).ok_or_else(unreadable)?;
        let mesh = paths.mesh.as_ref().map(MeshCredentials::load).transpose()?;
        let ends = [
            (Material::Server, Some(not_after)),
            (
                Material::Mesh,
                mesh.as_ref().map(MeshCredentials::not_after),
            ),
            (Material::Crl, revocations.next_update),
        ];
        let expiry = |(of, at): (Material, Option<i64>)| at.map(|at| Expiry { of, at });
        let roots = Arc::new(authorities(&paths.client_authority)?);
        let callers = callers(roots.clone(), &revocations)?;
        let opaque = server_config(paths, key.clone(), callers.clone())?;
        let mut server = opaque.clone();
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            server: Arc::new(server),
            opaque: Arc::new(opaque),
            own_id,
            mesh,
            expiries: ends.into_iter().filter_map(expiry).collect(),
            callers,
            roots,
            key: Arc::new(key),
            not_after,
            revocations,
        })
    }

    /// How long the connector's own certificate is still valid.
    pub(crate) fn own_time(&self, now: SystemTime) -> Duration {
        let since_epoch = now.duration_since(SystemTime::UNIX_EPOCH);
        let end = Duration::from_secs(u64::try_from(self.not_after).unwrap_or(0));
        end.saturating_sub(since_epoch.unwrap_or_default())
    }

    /// Whether the connector's own certificate is the same.
    pub(crate) fn shows_the_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }

    /// Whether a handshake that these credentials made holds. One that resumes a session took the
    /// caller's chain from a ticket: it was verified by the same authorities and lists, but some time
    /// ago. A chain of one certificate can but have expired since; another one is verified again.
    pub(crate) fn stands_by(&self, connection: &ServerConnection) -> bool {
        if connection.handshake_kind() != Some(HandshakeKind::Resumed) {
            return true;
        }
        match connection.peer_certificates() {
            Some([leaf]) => not_after(leaf).is_some_and(|end| end >= ASN1Time::now().timestamp()),
            Some(chain) => self.accepts(chain),
            None => false,
        }
    }

    /// Whether the chain would make a connection now, as it did before.
    fn accepts(&self, chain: &[CertificateDer<'static>]) -> bool {
        let Some((leaf, intermediates)) = chain.split_first() else {
            return false;
        };
        self.callers
            .verify_client_cert(leaf, intermediates, UnixTime::now())
            .is_ok()
    }
}

/// In seconds since the Unix epoch.
fn not_after(certificate: &[u8]) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

/// Who decides on the certificates of callers. Where there are revocation lists, every certificate
/// of a chain must be one that a list of its issuer speaks for.
fn callers(
    roots: Arc<RootCertStore>,
    revocations: &Revocations,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
        .with_crls(revocations.lists.iter().cloned())
        .build()?;
    Ok(Arc::new(CallerVerifier(verifier)))
}

fn server_config(
    paths: &TlsPaths,
    key: CertifiedKey,
    callers: Arc<dyn ClientCertVerifier>,
) -> Result<ServerConfig, TlsError> {
    let unusable = |source| TlsError::Server {
        certificate: paths.certificate.clone(),
        source,
    };
    let mut server = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(paths.versions)
        .map_err(unusable)?
        .with_client_cert_verifier(callers)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    // A resumed session skips the verifier (RFC 8446 §2.2). The key of the tickets is of this one load
    // of the files, so that what they say of the caller was verified by the same authorities and lists;
    // what time has changed since, `Credentials::stands_by` looks at.
    server.ticketer = ring::Ticketer::new().map_err(unusable)?;
    server.send_tls13_tickets = 1;
    server.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(server)
}

/// A certificate with its intermediates and its key, checked to belong together.
fn certified_key(certificate: &Path, private_key: &Path) -> Result<CertifiedKey, TlsError> {
    let pem = |source| TlsError::Pem {
        path: private_key.to_owned(),
        source,
    };
    let unusable = |source| TlsError::Server {
        certificate: certificate.to_owned(),
        source,
    };
    let chain = certificates(certificate)?;
    let key = PrivateKeyDer::from_pem_file(private_key).map_err(pem)?;
    let key = CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(unusable)?;
    key.keys_match().map_err(unusable)?;
    Ok(key)
}

pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Authority {
                path: path.to_owned(),
                source,
            })?;
    }
    Ok(roots)
}

/// Invariant: the list is not empty.
fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = |source| TlsError::Pem {
        path: path.to_owned(),
        source,
    };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(path)
        .map_err(pem)?
        .collect::<Result<_, _>>()
        .map_err(pem)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.to_owned()));
    }
    Ok(certificates)
}
