//! Header fields on their way to JavaScript.

use std::borrow::Cow;

use http::{HeaderName, HeaderValue};
use js_sys::Uint8Array;
use tidegate_edge::{HeadEdits, Reply};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response;

#[wasm_bindgen(module = "/src/heads.js")]
extern "C" {
    /// The answer for the client.
    #[wasm_bindgen(catch)]
    pub(crate) fn answer(response: &Response, changes: &str) -> Result<Response, JsValue>;

    #[wasm_bindgen(catch, js_name = reply)]
    fn new_reply(status: u16, changes: &str, body: Option<Uint8Array>)
    -> Result<Response, JsValue>;
}

/// An answer of the gateway's own. The runtime leaves out the body where the method is `HEAD`.
pub(crate) fn reply(reply: &Reply) -> Result<Response, JsValue> {
    let mut changes = Changes::default();
    for (name, value) in &reply.headers {
        changes.add(name, value);
    }
    let body = (!reply.body.is_empty()).then(|| Uint8Array::from(&*reply.body));
    new_reply(reply.status, changes.as_str(), body)
}

/// Changes to a head as one text, in the notation of `heads.js`.
#[derive(Debug, Default)]
pub(crate) struct Changes(String);

impl Changes {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.line('-', name, None);
    }

    pub(crate) fn extend(&mut self, edits: &HeadEdits) {
        let HeadEdits { remove, set, add } = edits;
        for name in remove {
            self.remove(name.as_str());
        }
        for (name, value) in set {
            self.line('=', name.as_str(), Some(value));
        }
        for (name, value) in add {
            self.add(name, value);
        }
    }

    fn add(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.line('+', name.as_str(), Some(value));
    }

    fn line(&mut self, kind: char, name: &str, value: Option<&HeaderValue>) {
        line(&mut self.0, kind, name, value);
    }
}

/// Adds to a text of changes that a field is to be set.
pub(crate) fn set(text: &mut String, name: &HeaderName, value: &HeaderValue) {
    line(text, '=', name.as_str(), Some(value));
}

fn line(text: &mut String, kind: char, name: &str, value: Option<&HeaderValue>) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push(kind);
    text.push_str(name);
    if let Some(value) = value {
        text.push(':');
        text.push_str(&decode(value));
    }
}

/// Octets above 0x7F as ISO 8859-1. No field's value has a line's end.
fn decode(value: &HeaderValue) -> Cow<'_, str> {
    match value.to_str() {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(value.as_bytes().iter().copied().map(char::from).collect()),
    }
}
