//! Pooled connections of a native process to HTTP servers.

use std::time::Duration;

use hyper::body::Body;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);
/// Idle connections kept to each server.
const MAX_IDLE: usize = 256;
/// A connection that takes longer counts as not made; shorter than most timeouts, so that another
/// server still has its chance.
const CONNECT: Duration = Duration::from_secs(2);

/// What opens connections, over TLS or not.
pub type HttpsConnector = hyper_rustls::HttpsConnector<HttpConnector>;

/// Connections that are kept, with HTTP/2 where `http2` and the server allow it.
pub fn pool<B>(tls: ClientConfig, http2: bool) -> Client<HttpsConnector, B>
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
///
/// # Errors
/// Where there is no TLS to be had.
pub fn public_tls() -> Result<ClientConfig, rustls::Error> {
    let builder = tls_builder()?.with_root_certificates(public_roots());
    Ok(builder.with_no_client_auth())
}

/// The beginning of any TLS to servers.
///
/// # Errors
/// Where there is no TLS to be had.
pub fn tls_builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = rustls::crypto::ring::default_provider().into();
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}

/// The public authorities.
pub fn public_roots() -> RootCertStore {
    RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned())
}
