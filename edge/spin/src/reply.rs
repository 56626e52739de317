//! The gateway's own answers.

use http::Method;
use spin_sdk::wasip3::http::types::{Fields, Response};
use tidegate_edge::Reply;

use crate::splice::Body;

/// The response for a reply to a request by `method`.
pub(crate) fn response(reply: Reply, method: &Method) -> Response {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let fields = Fields::new();
    for (name, value) in headers {
        // A name or value that the host refuses is none that a client could read.
        let _ = fields.append(name.as_str(), value.as_bytes());
    }
    // Nor a length for `HEAD`: the host would miss the octets.
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let _ = fields.set("content-length", &[body.len().to_string().into_bytes()]);
        Body::of(body.into())
    };
    body.into_response(fields, status)
}
