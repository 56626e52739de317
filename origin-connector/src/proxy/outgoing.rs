//! The head of a request as the backend gets it.

use http::header::{CONNECTION, EXPECT, HOST, HeaderValue, TE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{Uri, Version};
use tidegate_shared::problem::Problem;

use crate::caller::Caller;
use crate::config::{Protocol, Upstream};
use crate::headers::{self, client_cert, hop_by_hop};
use crate::refusal::Refusal;

/// Takes out what ends here or what a caller must not set, and puts in what the mesh needs.
pub(super) fn edit(parts: &mut Parts, caller: &Caller, protocol: Protocol, host: &Authority) {
    let received = parts.version;
    let fields = &mut parts.headers;
    let trailers = hop_by_hop::takes_trailers(fields);
    hop_by_hop::strip(fields);
    headers::strip_vouching(fields);
    let client_cert = caller.client_cert.clone();
    fields.insert(client_cert::X_FORWARDED_CLIENT_CERT, client_cert);
    headers::add_via(fields, received);
    // RFC 9110 §10.1.1: the expectation is met here, by asking the caller for the body as soon
    // as the backend takes it.
    fields.remove(EXPECT);
    fields.remove(HOST);
    if trailers {
        fields.insert(TE, HeaderValue::from_static("trailers"));
    }
    parts.version = match protocol {
        Protocol::Http1 => {
            headers::join_cookies(fields);
            if trailers {
                // RFC 9110 §10.1.4.
                fields.insert(CONNECTION, HeaderValue::from_static("te"));
            }
            if let Ok(host) = HeaderValue::from_str(host.as_str()) {
                fields.insert(HOST, host);
            }
            Version::HTTP_11
        }
        Protocol::Http2 => Version::HTTP_2,
    };
}

/// The path and query as they came: by themselves for HTTP/1.1 (RFC 9112 §3.2.1), with the original
/// host for HTTP/2, where it takes the place of `Host`.
pub(super) fn target(received: &Uri, upstream: &Upstream, host: Authority) -> Result<Uri, Refusal> {
    let path = received.path_and_query().cloned();
    let path = path.unwrap_or(PathAndQuery::from_static("/"));
    match upstream.protocol {
        Protocol::Http1 => Ok(path.into()),
        Protocol::Http2 => {
            let mut parts = http::uri::Parts::default();
            parts.scheme = Some(upstream.scheme());
            parts.authority = Some(host);
            parts.path_and_query = Some(path);
            Uri::from_parts(parts).map_err(|error| Refusal::new(Problem::PathInvalid, &error))
        }
    }
}
