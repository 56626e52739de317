//! Outbound requests, as Spin sends them (`crates/factor-outbound-http` of
//! Spin 4.1): pooled, HTTP/1.1 in the clear, h2 or HTTP/1.1 over TLS by ALPN,
//! no `Host` header, and the guest's timeouts kept by the host.

mod connector;

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::HOST;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use tokio::time::timeout;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use connector::{CONNECT_TIMEOUT, ConnectError, Connector};

/// Spin's timeout where the guest sets none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

#[derive(Clone)]
pub(crate) struct Outbound(Client<Connector, WasiBody>);

impl Outbound {
    /// `tls` holds the configuration for each host that is called over TLS.
    pub(crate) fn new(tls: HashMap<String, Arc<ClientConfig>>) -> Self {
        Self(Client::builder(TokioExecutor::new()).build(Connector::new(tls)))
    }
}

/// Resolves once the request is through; the client drives the connection by
/// itself, so there is nothing left to report.
type Transmission = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Transmission,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Transmission), Error>> + Send> {
        let connect_timeout = options.and_then(|options| options.connect_timeout);
        let first_byte_timeout = options.and_then(|options| options.first_byte_timeout);
        request.headers_mut().remove(HOST);
        let response = CONNECT_TIMEOUT.scope(
            connect_timeout.unwrap_or(DEFAULT_TIMEOUT),
            self.0.request(request),
        );
        Box::new(async move {
            let response = timeout(first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT), response)
                .await
                .map_err(|_| Error::ConnectionReadTimeout)?
                .map_err(|error| request_error(&error))?;
            let response = response.map(|body| body.map_err(Error::from).boxed_unsync());
            Ok((response, Box::new(async { Ok(()) }) as Transmission))
        })
    }
}

/// Like Spin, the guest learns why no connection came about, and of anything
/// later only that the protocol failed.
fn request_error(error: &legacy::Error) -> Error {
    let cause = error.source();
    match cause.and_then(|cause| cause.downcast_ref::<ConnectError>()) {
        Some(ConnectError::Timeout) => Error::ConnectionTimeout,
        Some(ConnectError::Name) => Error::DnsError {
            rcode: Some("address not available".to_owned()),
            info_code: Some(0),
        },
        Some(ConnectError::Refused) => Error::ConnectionRefused,
        Some(ConnectError::Tls) => Error::TlsProtocolError,
        None => {
            tracing::warn!("request failed: {error:?}");
            Error::HttpProtocolError
        }
    }
}
