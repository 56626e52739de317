//! TLS to backends, under the mesh's own authority and with the connector's identity in it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ResolvesClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};

use super::reload::Reloader;
use super::{TlsError, authorities, certified_key};
use crate::config::{MeshPaths, Protocol};
use crate::identity::{Identity, PeerName};

/// What the connector is in the mesh, and whom it trusts there.
#[derive(Debug)]
pub(crate) struct MeshCredentials {
    key: Arc<CertifiedKey>,
    /// When the certificate expires, in seconds since the Unix epoch.
    not_after: i64,
    roots: RootCertStore,
}

impl MeshCredentials {
    pub(super) fn load(paths: &MeshPaths) -> Result<Self, TlsError> {
        let key = certified_key(&paths.certificate, &paths.private_key)?;
        let leaf = key.end_entity_cert().ok();
        let not_after = leaf.and_then(|leaf| super::not_after(leaf));
        let unreadable = || TlsError::Unreadable(paths.certificate.clone());
        Ok(Self {
            not_after: not_after.ok_or_else(unreadable)?,
            key: Arc::new(key),
            roots: authorities(&paths.authority)?,
        })
    }

    pub(super) fn not_after(&self) -> i64 {
        self.not_after
    }
}

/// TLS to a backend that must prove to be `server`. What it proves with, and what the connector
/// shows, is what was last loaded when the connection begins.
pub(crate) fn client_config(
    reloader: Arc<Reloader>,
    server: PeerName,
    protocol: Protocol,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mesh = Arc::new(Mesh {
        reloader,
        server,
        provider: provider.clone(),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(mesh.clone())
        .with_client_cert_resolver(mesh);
    config.alpn_protocols = match protocol {
        Protocol::Http1 => vec![b"http/1.1".to_vec()],
        Protocol::Http2 => vec![b"h2".to_vec()],
    };
    // A resumed session would go by what was trusted when it began.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
struct Mesh {
    reloader: Arc<Reloader>,
    server: PeerName,
    provider: Arc<CryptoProvider>,
}

impl Mesh {
    /// Whether the verified certificate is the one that is asked for. Unlike the verifier of the
    /// web, this knows SPIFFE IDs, which have no place in a server name (X.509-SVID §5.1).
    fn check_name(&self, leaf: &ParsedCertificate<'_>, der: &[u8]) -> Result<(), Error> {
        let other = |error| CertificateError::Other(OtherError(error));
        match &self.server {
            PeerName::Dns(name) => {
                let name = ServerName::try_from(name.as_str())
                    .map_err(|error| Error::InvalidCertificate(other(Arc::new(error))))?;
                verify_server_name(leaf, &name)
            }
            PeerName::Spiffe(_) => {
                let identity = Identity::of_certificate(der)
                    .map_err(|error| Error::InvalidCertificate(other(Arc::new(error))))?;
                if identity.is(&self.server) {
                    return Ok(());
                }
                Err(CertificateError::NotValidForName.into())
            }
        }
    }
}

impl ServerCertVerifier for Mesh {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let credentials = self.reloader.current();
        let mesh = credentials.mesh.as_ref();
        let mesh = mesh.ok_or(CertificateError::UnknownIssuer)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let roots = &mesh.roots;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, algorithms)?;
        self.check_name(&leaf, end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

impl ResolvesClientCert for Mesh {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let credentials = self.reloader.current();
        credentials.mesh.as_ref().map(|mesh| mesh.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
