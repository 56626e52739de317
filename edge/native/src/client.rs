//! Connections to origins: pooled, over mutual TLS where the policy names an identity.

use hyper_util::client::legacy::Client;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use tidegate_follow::{HttpsConnector, pool, public_roots, tls_builder};
use tidegate_shared::bundle::Upstream;

use crate::body::RequestBody;
use crate::bundle::LoadFailure;
use crate::identity::Identity;

type Pool = Client<HttpsConnector, RequestBody>;

/// The connections of one upstream.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    /// HTTP/2 where the origin speaks it.
    pub(crate) any: Pool,
    /// HTTP/1.1 alone, which upgrades need (RFC 9110 §7.8).
    pub(crate) http1: Pool,
}

impl Clients {
    pub(crate) fn new(upstream: &Upstream, identities: &[Identity]) -> Result<Self, LoadFailure> {
        let tls = tls(upstream, identities)?;
        Ok(Self {
            any: pool(tls.clone(), true),
            http1: pool(tls, false),
        })
    }
}

fn tls(upstream: &Upstream, identities: &[Identity]) -> Result<ClientConfig, LoadFailure> {
    let unusable = |error: rustls::Error| LoadFailure::Tls(upstream.name.clone(), error);
    let mut roots = if upstream.trust.is_empty() {
        public_roots()
    } else {
        RootCertStore::empty()
    };
    for der in &upstream.trust {
        roots
            .add(CertificateDer::from(der.to_vec()))
            .map_err(unusable)?;
    }
    let builder = tls_builder()
        .map_err(unusable)?
        .with_root_certificates(roots);
    let Some(name) = &upstream.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let identity = identities.iter().find(|identity| identity.name == *name);
    let identity =
        identity.ok_or_else(|| LoadFailure::NoIdentity(upstream.name.clone(), name.clone()))?;
    builder
        .with_client_auth_cert(identity.certificates.clone(), identity.key.clone_key())
        .map_err(unusable)
}
