//! TLS to backends, under the mesh's own authority and with the connector's identity in it.

use std::sync::Arc;

use rustls::client::{ResolvesClientCert, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, DEFAULT_VERSIONS, Error, SignatureScheme};
use tidegate_tls::{Judge, refusal};

use super::reload::Reloader;
use crate::config::Protocol;
use crate::identity::{Identity, PeerName};

/// TLS to a backend that must prove to be `server`, for what TLS has a name for, or anything else. What
/// it proves with, and what the connector shows, is what was last loaded when the connection begins.
pub(crate) fn client_config(
    reloader: Arc<Reloader>,
    server: PeerName,
    protocol: Option<Protocol>,
) -> Result<ClientConfig, Error> {
    let key = Arc::new(Own(reloader.clone()));
    let protocol: Option<&[u8]> = protocol.map(|protocol| match protocol {
        Protocol::Http1 => &b"http/1.1"[..],
        Protocol::Http2 => b"h2",
    });
    let backend = Backend { reloader, server };
    tidegate_tls::client(backend, key, DEFAULT_VERSIONS, protocol)
}

#[derive(Debug)]
struct Backend {
    reloader: Arc<Reloader>,
    server: PeerName,
}

/// The connector's certificate for backends.
#[derive(Debug)]
struct Own(Arc<Reloader>);

impl Backend {
    /// Whether the verified certificate is the one that is asked for. Unlike the verifier of the
    /// web, this knows SPIFFE IDs, which have no place in a server name (X.509-SVID §5.1).
    fn check_name(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        match &self.server {
            PeerName::Dns(name) => {
                let name = ServerName::try_from(name.as_str()).map_err(refusal)?;
                verify_server_name(&ParsedCertificate::try_from(leaf)?, &name)
            }
            PeerName::Spiffe(_) => {
                let identity = Identity::of_certificate(leaf).map_err(refusal)?;
                if identity.is(&self.server) {
                    return Ok(());
                }
                Err(CertificateError::NotValidForName.into())
            }
        }
    }
}

impl Judge for Backend {
    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let credentials = self.reloader.current();
        let mesh = credentials.mesh.as_ref();
        let mesh = mesh.ok_or(CertificateError::UnknownIssuer)?;
        mesh.trusted.verify_server(leaf, intermediates, now)?;
        self.check_name(leaf)
    }
}

impl ResolvesClientCert for Own {
    fn resolve(
        &self,
        _root_hint_subjects: &[&[u8]],
        _sigschemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let credentials = self.0.current();
        credentials.mesh.as_ref().map(|mesh| mesh.key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
