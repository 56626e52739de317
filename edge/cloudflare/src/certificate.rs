//! The client's certificate, as Cloudflare knows it.

use tidegate_shared::digest::Digest;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/certificate.js")]
extern "C" {
    fn fingerprint(request: &JsValue) -> Option<String>;
}

/// The digest of the certificate of a request's client, where it was verified.
pub(crate) fn digest(request: &JsValue) -> Option<Digest> {
    fingerprint(request)?.parse().ok()
}
