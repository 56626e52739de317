//! Mutual TLS with connectors that dial. Who has no certificate of the authorities, or one without a
//! SPIFFE ID, is told so in the handshake.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{DistinguishedName, Error, RootCertStore, ServerConfig, version};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime};
use tidegate_shared::certificate::ClientCertificate;
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::tunnel;
use tidegate_tls::{Judge, Judged, refusal};

use super::TunnelFiles;
use crate::tls::{Material, TlsError, certificates, failed};

/// What tunnels begin with, and are held to as long as they last.
#[derive(Debug)]
pub(super) struct TunnelTls {
    pub(super) config: Arc<ServerConfig>,
    connectors: Arc<dyn ClientCertVerifier>,
}

impl TunnelTls {
    /// Whether the chain would be let in now.
    pub(super) fn accepts(&self, chain: &[CertificateDer<'static>]) -> bool {
        chain.split_first().is_some_and(|(leaf, intermediates)| {
            let connectors = &self.connectors;
            let verified = connectors.verify_client_cert(leaf, intermediates, UnixTime::now());
            verified.is_ok()
        })
    }
}

impl Material for TunnelTls {
    type Files = TunnelFiles;

    fn paths(files: &TunnelFiles) -> Vec<&PathBuf> {
        let TunnelFiles {
            certificate,
            key,
            authorities,
            revocations,
        } = files;
        let mut paths = vec![certificate, key, authorities];
        paths.extend(revocations);
        paths
    }

    fn load(files: &TunnelFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for authority in certificates(&files.authorities)? {
            roots.add(authority)?;
        }
        let mut lists = Vec::new();
        for path in &files.revocations {
            let read = CertificateRevocationListDer::pem_file_iter(path);
            let read: Vec<_> = read.and_then(Iterator::collect).map_err(failed(path))?;
            lists.extend(read);
        }
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .with_crls(lists)
                // Who was revoked since, a list whose time is over does not say.
                .enforce_revocation_expiration()
                .build()?;
        let connectors: Arc<dyn ClientCertVerifier> = Arc::new(Judged::new(Connectors(verifier)));
        let key = PrivateKeyDer::from_pem_file(&files.key).map_err(failed(&files.key))?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])?
            .with_client_cert_verifier(Arc::clone(&connectors))
            .with_single_cert(certificates(&files.certificate)?, key)?;
        config.alpn_protocols = vec![tunnel::PROTOCOL.into()];
        // A resumed session would skip the verifier (RFC 8446 §2.2).
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(Self {
            config: Arc::new(config),
            connectors,
        })
    }
}

/// The certificate of a connector, of whose chain the handshake has made sure.
pub(super) struct Shown {
    pub(super) connector: SpiffeId,
    /// Seconds since the Unix epoch.
    pub(super) not_after: u64,
}

/// The certificate names no connector.
#[derive(Debug, thiserror::Error)]
#[error("the certificate names no connector: {0}")]
pub(super) struct NoConnector(String);

impl Shown {
    pub(super) fn read(leaf: &[u8]) -> Result<Self, NoConnector> {
        let certificate =
            ClientCertificate::read(leaf).map_err(|error| NoConnector(error.to_string()))?;
        let connector = certificate.spiffe;
        Ok(Self {
            connector: connector.ok_or_else(|| NoConnector("it has no SPIFFE ID".to_owned()))?,
            not_after: certificate.not_after,
        })
    }
}

/// The chain is for the inner verifier, the name is looked at here.
#[derive(Debug)]
struct Connectors(Arc<dyn ClientCertVerifier>);

impl Judge for Connectors {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        self.0.verify_client_cert(leaf, intermediates, now)?;
        Shown::read(leaf).map_err(refusal)?;
        Ok(())
    }

    fn authorities(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }
}
