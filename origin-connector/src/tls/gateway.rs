//! TLS to a gateway that is dialled. It is the server of the handshake and the caller of all that
//! comes after it, so its certificate must be good for both.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tidegate_shared::tunnel;
use tidegate_tls::{Judge, refusal};

use super::Credentials;
use crate::identity::{Identity, PeerName};

/// TLS to a gateway that must prove to be `server`, by what was last loaded.
pub(crate) fn client_config(
    credentials: Arc<Credentials>,
    server: PeerName,
) -> Result<ClientConfig, Error> {
    let key = Arc::new(SingleCertAndKey::from(credentials.own.key.clone()));
    let gateway = Gateway {
        credentials,
        server,
    };
    let versions = [&rustls::version::TLS13];
    tidegate_tls::client(gateway, key, &versions, Some(tunnel::PROTOCOL.as_bytes()))
}

/// TLS to a web server before a gateway. Who has the certificate that `roots` vouch for is known by the
/// host alone, and gets to see the connector's own.
pub(crate) fn web_config(
    credentials: &Credentials,
    roots: RootCertStore,
) -> Result<ClientConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let own = SingleCertAndKey::from(credentials.own.key.clone());
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
}

impl Judge for Gateway {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // As if it had come in: authority, dates, revocation lists, one identity.
        let trusted = &self.credentials.own.trusted;
        trusted.verify_client(leaf, intermediates, now)?;
        trusted.verify_server(leaf, intermediates, now)?;
        let identity = Identity::of_certificate(leaf).map_err(refusal)?;
        if identity.is(&self.server) {
            Ok(())
        } else {
            Err(CertificateError::NotValidForName.into())
        }
    }
}
