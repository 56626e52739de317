//! Connections to origins: pooled, over mutual TLS where the policy names an identity.

use std::time::Duration;

use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use rustls_pki_types::CertificateDer;
use tidegate_shared::bundle::Upstream;

use crate::body::RequestBody;
use crate::bundle::LoadFailure;
use crate::identity::Identity;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// Idle connections kept to each origin.
const MAX_IDLE: usize = 256;
/// A connection that takes longer counts as not made; shorter than most timeouts, so that another
/// origin still has its chance.
const CONNECT: Duration = Duration::from_secs(2);

pub(crate) type Connector = HttpsConnector<HttpConnector>;
type Pool = Client<Connector, RequestBody>;

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

pub(crate) fn pool<B>(tls: ClientConfig, http2: bool) -> Client<Connector, B>
where
    B: Body<Data: Send> + Send,
{
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1();
    let connector = if http2 {
        connector.enable_http2().wrap_connector(tcp)
    } else {
        connector.wrap_connector(tcp)
    };
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(MAX_IDLE)
        .build(connector)
}

/// TLS to servers with a certificate of a public authority.
pub(crate) fn public_tls() -> Result<ClientConfig, rustls::Error> {
    let builder = builder()?.with_root_certificates(public_roots());
    Ok(builder.with_no_client_auth())
}

fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = rustls::crypto::ring::default_provider().into();
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

fn public_roots() -> RootCertStore {
    RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
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
    let builder = builder().map_err(unusable)?.with_root_certificates(roots);
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
