//! The gateway's own answers.

use http::Method;
use spin_sdk::wasip3::http::types::{Fields, Response};
use spin_sdk::wasip3::{wit_future, wit_stream};
use spin_sdk::wit_bindgen::spawn;
use tidegate_edge::Reply;

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
    let (_, trailers) = wit_future::new(|| Ok(None));
    // Nor a length for `HEAD`: the host would miss the octets.
    let contents = if method == Method::HEAD {
        None
    } else {
        let _ = fields.set("content-length", &[body.len().to_string().into_bytes()]);
        let (mut writer, contents) = wit_stream::new();
        spawn(async move {
            // What is left over, a client that went away did not want.
            let _ = writer.write_all(body.into()).await;
        });
        Some(contents)
    };
    let (response, _) = Response::new(fields, contents, trailers);
    let _ = response.set_status_code(status);
    response
}
