//! How the native gateway and the connector ask rustls for TLS in which both sides prove who they are.
//!
//! Who may pass is a [`Judge`]; that a peer has the key of its certificate is made sure of here, in
//! the same way for all of them.
#![warn(missing_docs)]

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    SignatureScheme, SupportedProtocolVersion,
};

/// Decides on the certificate of a peer, inside the handshake: who does not pass never gets to say
/// anything.
pub trait Judge: Debug + Send + Sync {
    /// Whether a peer with this chain may pass.
    ///
    /// # Errors
    /// Why it may not.
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error>;

    /// The authorities that a client is told of (RFC 8446 §4.2.4).
    fn authorities(&self) -> &[DistinguishedName] {
        &[]
    }
}

/// A [`Judge`] as rustls knows one, of clients and of servers.
#[derive(Debug)]
pub struct Judged<J> {
    judge: J,
    provider: Arc<CryptoProvider>,
}

impl<J: Judge> Judged<J> {
    /// With the cryptography that all of Tidegate's native programs use.
    pub fn new(judge: J) -> Self {
        Self {
            judge,
            provider: Arc::new(ring::default_provider()),
        }
    }
}

/// An error of our own as the reason why a certificate is refused.
pub fn refusal(reason: impl std::error::Error + Send + Sync + 'static) -> Error {
    CertificateError::Other(OtherError(Arc::new(reason))).into()
}

/// A client that shows what `key` gives, names a protocol, if any, and goes on with servers that `judge`
/// lets pass. Nothing is resumed: a resumed session would go by what was trusted when it began.
///
/// # Errors
/// Where the cryptography does not speak one of the versions.
pub fn client(
    judge: impl Judge + 'static,
    key: Arc<dyn ResolvesClientCert>,
    versions: &[&'static SupportedProtocolVersion],
    protocol: Option<&[u8]>,
) -> Result<ClientConfig, Error> {
    let judged = Judged::new(judge);
    let mut config = ClientConfig::builder_with_provider(judged.provider.clone())
        .with_protocol_versions(versions)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(judged))
        .with_client_cert_resolver(key);
    config.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// What both of rustls' traits ask for: that the peer has the key of the certificate.
macro_rules! signatures {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls12_signature(message, certificate, signed, algorithms)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            let algorithms = &self.provider.signature_verification_algorithms;
            verify_tls13_signature(message, certificate, signed, algorithms)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            let algorithms = &self.provider.signature_verification_algorithms;
            algorithms.supported_schemes()
        }
    };
}

impl<J: Judge> ClientCertVerifier for Judged<J> {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.judge.authorities()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge.judge(end_entity, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    signatures!();
}

/// The name that is asked for is the judge's to know: a server name has no place for a SPIFFE ID
/// (X.509-SVID §5.2).
impl<J: Judge> ServerCertVerifier for Judged<J> {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.judge.judge(end_entity, intermediates, now)?;
        Ok(ServerCertVerified::assertion())
    }

    signatures!();
}
