//! One attempt at one origin.

use std::time::Duration;

use http::uri::InvalidUri;
use http::{Method, Uri};
use spin_sdk::wasip3::http::client;
use spin_sdk::wasip3::http::types::{
    ErrorCode, Headers, Request, RequestOptions, Response, Scheme,
};
use tidegate_edge::AttemptOutcome;

use crate::splice::Body;

/// Where an attempt goes.
pub(crate) struct Target {
    scheme: Scheme,
    authority: String,
    path_and_query: String,
}

impl Target {
    /// The destination's base URL, followed by the request's path and query.
    ///
    /// # Errors
    /// Where the two together are no URL.
    pub(crate) fn new(base: &str, path_and_query: &str) -> Result<Self, InvalidUri> {
        let uri: Uri = format!("{base}{path_and_query}").parse()?;
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some(_) | None => Scheme::Https,
        };
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        let path_and_query = uri.path_and_query().map(ToString::to_string);
        Ok(Self {
            scheme,
            authority,
            path_and_query: path_and_query.unwrap_or_default(),
        })
    }
}

/// Sends a request. The host keeps the time limit, for the connection and for
/// the response's head together.
///
/// # Errors
/// What became of the attempt, and the host's word for it.
pub(crate) async fn send(
    target: Target,
    method: &Method,
    headers: Headers,
    body: Body,
    limit: Duration,
) -> Result<Response, (AttemptOutcome, String)> {
    let limit = u64::try_from(limit.as_nanos()).ok();
    let options = RequestOptions::new();
    // A host without timeouts would say so here, and then has none to keep.
    let _ = options.set_connect_timeout(limit);
    let _ = options.set_first_byte_timeout(limit);
    let request = body.into_request(headers, options);
    prepare(&request, method, &target).map_err(|()| {
        let error = format!("the host takes no request to `{}`", target.authority);
        (AttemptOutcome::Failed, error)
    })?;
    client::send(request)
        .await
        .map_err(|error| (outcome(&error), error.to_string()))
}

fn prepare(request: &Request, method: &Method, target: &Target) -> Result<(), ()> {
    request.set_method(&method.into())?;
    request.set_scheme(Some(&target.scheme))?;
    request.set_authority(Some(&target.authority))?;
    request.set_path_with_query(Some(&target.path_and_query))
}

fn outcome(error: &ErrorCode) -> AttemptOutcome {
    match error {
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::TlsAlertReceived(_)
        // Not in `allowed_outbound_hosts`.
        | ErrorCode::HttpRequestDenied => AttemptOutcome::ConnectFailed,
        ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::HttpResponseTimeout => AttemptOutcome::TimedOut,
        ErrorCode::ConnectionTerminated
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_)
        | ErrorCode::HttpResponseIncomplete
        | ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_)
        | ErrorCode::HttpResponseTransferCoding(_)
        | ErrorCode::HttpResponseContentCoding(_)
        | ErrorCode::HttpUpgradeFailed
        | ErrorCode::HttpProtocolError
        | ErrorCode::LoopDetected
        | ErrorCode::ConfigurationError
        | ErrorCode::InternalError(_) => AttemptOutcome::Failed,
    }
}
