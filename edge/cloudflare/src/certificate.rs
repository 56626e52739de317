//! The client's certificate, as Cloudflare knows it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidegate_shared::certificate::{ClientCertificate, InvalidCertificate, MAX_CERTIFICATE};
use tidegate_shared::digest::Digest;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(module = "/src/certificate.js")]
extern "C" {
    fn fingerprint(request: &JsValue) -> Option<String>;
    fn encoded(request: &JsValue) -> Option<String>;
}

/// The digest of the certificate of a request's client, where it was verified.
pub(crate) fn digest(request: &JsValue) -> Option<Digest> {
    fingerprint(request)?.parse().ok()
}

/// What that certificate says, where Cloudflare hands it over: in base64 between colons.
pub(crate) fn details(request: &JsValue) -> Option<Result<ClientCertificate, InvalidCertificate>> {
    let text = encoded(request)?;
    let text = text.strip_prefix(':')?.strip_suffix(':')?;
    if text.len() > MAX_CERTIFICATE.div_ceil(3) * 4 {
        return Some(Err(InvalidCertificate::TooLong));
    }
    Some(ClientCertificate::read(&STANDARD.decode(text).ok()?))
}
