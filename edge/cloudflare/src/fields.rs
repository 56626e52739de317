//! Header fields on their way to JavaScript.

use std::borrow::Cow;

use http::HeaderValue;
use tidegate_edge::{HeadEdits, Reply};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Headers, Request, RequestInit, Response, ResponseInit};

/// Applies changes to a head's fields.
pub(crate) fn edit(headers: &Headers, edits: &HeadEdits) -> Result<(), JsValue> {
    let HeadEdits { remove, set, add } = edits;
    for name in remove {
        headers.delete(name.as_str())?;
    }
    for (name, value) in set {
        headers.set(name.as_str(), &text(value))?;
    }
    for (name, value) in add {
        headers.append(name.as_str(), &text(value))?;
    }
    Ok(())
}

/// The request for an origin. Body, length and WebSocket stay those of the client's request.
pub(crate) fn outgoing(
    url: &str,
    request: &Request,
    edits: &HeadEdits,
) -> Result<Request, JsValue> {
    let outgoing = Request::new_with_str_and_init(url, request.unchecked_ref::<RequestInit>())?;
    let headers = outgoing.headers();
    strip_platform_fields(&headers)?;
    edit(&headers, edits)?;
    Ok(outgoing)
}

/// Cloudflare's own fields are for the Worker: they are no origin's business, and an origin must
/// not believe them. The hop-by-hop fields that the runtime does not keep to itself go too.
fn strip_platform_fields(headers: &Headers) -> Result<(), JsValue> {
    let names: Vec<String> = headers
        .keys()
        .into_iter()
        .filter_map(|name| name.ok()?.as_string())
        .filter(|name| name.starts_with("cf-"))
        .collect();
    for name in names {
        headers.delete(&name)?;
    }
    for name in ["proxy-authorization", "proxy-connection"] {
        headers.delete(name)?;
    }
    Ok(())
}

/// The answer for the client. Body and WebSocket stay the origin's.
pub(crate) fn answer(response: &Response, edits: &HeadEdits) -> Result<Response, JsValue> {
    let init = response.unchecked_ref::<ResponseInit>();
    let answer = Response::new_with_opt_readable_stream_and_init(response.body().as_ref(), init)?;
    edit(&answer.headers(), edits)?;
    Ok(answer)
}

/// An answer of the gateway's own. The runtime leaves out the body where the method is `HEAD`.
pub(crate) fn reply(reply: &Reply) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    for (name, value) in &reply.headers {
        headers.append(name.as_str(), &text(value))?;
    }
    let init = ResponseInit::new();
    init.set_status(reply.status);
    init.set_headers(&headers);
    let body = (!reply.body.is_empty()).then(|| js_sys::Uint8Array::from(&*reply.body));
    Response::new_with_opt_js_u8_array_and_init(body.as_ref(), &init)
}

/// Octets above 0x7F as ISO 8859-1.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}
