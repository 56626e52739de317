//! TLS with clients: the listener's certificate, and the certificates of clients that have one.
//!
//! A certificate is asked for and not demanded: that is for the policy of a route. One that does
//! not chain to the authorities ends the handshake. Changed files are used for the connections
//! that begin from then on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, version};
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate};
use tidegate_shared::digest::Digest;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(1);

/// The files, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The listener's certificate, then those between it and its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authorities of clients' certificates; without them no client is asked for one.
    pub client_authorities: Option<PathBuf>,
}

/// The files do not make a listener.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or is no PEM of the right kind.
    #[error("`{}`: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: pem::Error,
    },
    /// No verifier can be made of the authorities.
    #[error("the client authorities: {0}")]
    Authorities(#[from] VerifierBuilderError),
    /// An authority cannot be trusted, or the certificate and the key do not belong together.
    #[error(transparent)]
    Unusable(#[from] rustls::Error),
}

/// A client's certificate. That it chains to the authorities, the handshake has verified.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) digest: Digest,
    pub(crate) details: Result<ClientCertificate, InvalidCertificate>,
}

/// What is made of files, and made again when they change.
pub(crate) trait Material: Sized + Send + Sync + 'static {
    /// The files.
    type Files: Clone + Send + Sync + 'static;

    fn paths(files: &Self::Files) -> Vec<&PathBuf>;

    fn load(files: &Self::Files) -> Result<Self, TlsError>;
}

/// What connections begin with.
pub(crate) type Tls = Kept<ServerConfig>;

/// What was made last.
#[derive(Debug)]
pub(crate) struct Kept<M: Material> {
    files: M::Files,
    current: ArcSwap<M>,
    /// The files as they were before they were first loaded: what changes after that is noticed.
    first: Stamp,
}

/// What tells changed files: time of modification and length.
type Stamp = Vec<Option<(SystemTime, u64)>>;

impl Tls {
    /// The handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.current()).accept(stream).await
    }
}

impl<M: Material> Kept<M> {
    pub(crate) fn load(files: M::Files) -> Result<Self, TlsError> {
        let first = stamp::<M>(&files);
        let material = M::load(&files)?;
        Ok(Self {
            files,
            current: ArcSwap::from_pointee(material),
            first,
        })
    }

    pub(crate) fn current(&self) -> Arc<M> {
        self.current.load_full()
    }

    /// Loads the files whenever they change. Never ends.
    pub(crate) async fn watch(&self) {
        let mut seen = self.first.clone();
        loop {
            tokio::time::sleep(INTERVAL).await;
            let (files, before) = (self.files.clone(), seen.clone());
            let load = move || {
                let found = stamp::<M>(&files);
                (found != before).then(|| (found, M::load(&files)))
            };
            let Ok(Some((found, loaded))) = tokio::task::spawn_blocking(load).await else {
                continue;
            };
            // Remembered also where loading fails: one change, one line in the log.
            seen = found;
            match loaded {
                Ok(material) => {
                    self.current.store(Arc::new(material));
                    info!("certificates reloaded");
                }
                Err(error) => warn!(%error, "certificates not reloaded, the old ones stay"),
            }
        }
    }
}

/// The certificate that the client of a connection has shown, where it has.
pub(crate) fn client_certificate(stream: &TlsStream<TcpStream>) -> Option<Shown> {
    let (_, connection) = stream.get_ref();
    let own = connection.peer_certificates()?.first()?;
    Some(Shown {
        digest: Digest::of(own),
        details: ClientCertificate::read(own),
    })
}

impl Material for ServerConfig {
    type Files = TlsFiles;

    fn paths(files: &TlsFiles) -> Vec<&PathBuf> {
        let TlsFiles {
            certificate,
            key,
            client_authorities,
        } = files;
        let mut paths = vec![certificate, key];
        paths.extend(client_authorities);
        paths
    }

    fn load(files: &TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let clients: Arc<dyn ClientCertVerifier> = match &files.client_authorities {
            None => WebPkiClientVerifier::no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(path)? {
                    roots.add(authority)?;
                }
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                    .allow_unauthenticated()
                    .build()?
            }
        };
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(failed(&files.key))?;
        let mut config = Self::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates(&files.certificate)?, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would skip the verifier (RFC 8446 §2.2).
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    all.map_err(failed(path))
}

pub(crate) fn failed(path: &Path) -> impl Fn(pem::Error) -> TlsError {
    let path = path.to_owned();
    move |error| TlsError::File {
        path: path.clone(),
        error,
    }
}

fn stamp<M: Material>(files: &M::Files) -> Stamp {
    let stamp = |path: &PathBuf| {
        let data = std::fs::metadata(path).ok()?;
        Some((data.modified().ok()?, data.len()))
    };
    M::paths(files).into_iter().map(stamp).collect()
}
