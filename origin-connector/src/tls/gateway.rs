//! TLS to a gateway that is dialled. It is the server of the handshake and the caller of all that
//! comes after it, so its certificate must be good for both.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, verify_server_cert_signed_by_trust_anchor};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use tidegate_shared::tunnel;

use super::Credentials;
use crate::identity::{Identity, PeerName};

/// TLS to a gateway that must prove to be `server`, by what was last loaded.
pub(crate) fn client_config(
    credentials: Arc<Credentials>,
    server: PeerName,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let gateway = Arc::new(Gateway {
        credentials,
        server,
        provider: provider.clone(),
    });
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(gateway.clone())
        .with_client_cert_resolver(gateway);
    config.alpn_protocols = vec![tunnel::PROTOCOL.into()];
    // A resumed session would go by what was trusted when it began.
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// TLS to a web server before a gateway. Who has the certificate that `roots` vouch for is known by the
/// host alone, and gets to see the connector's own.
pub(crate) fn web_config(
    credentials: &Credentials,
    roots: RootCertStore,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let own = SingleCertAndKey::from(CertifiedKey::clone(&credentials.key));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_client_cert_resolver(Arc::new(own));
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

#[derive(Debug)]
struct Gateway {
    credentials: Arc<Credentials>,
    server: PeerName,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Gateway {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // As if it had come in: authority, dates, revocation lists, one identity.
        let callers = &self.credentials.callers;
        callers.verify_client_cert(end_entity, intermediates, now)?;
        let leaf = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let roots = &self.credentials.roots;
        verify_server_cert_signed_by_trust_anchor(&leaf, roots, intermediates, now, algorithms)?;
        let identity = Identity::of_certificate(end_entity)
            .map_err(|error| CertificateError::Other(OtherError(Arc::new(error))))?;
        if identity.is(&self.server) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
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

impl ResolvesClientCert for Gateway {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        Some(self.credentials.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
