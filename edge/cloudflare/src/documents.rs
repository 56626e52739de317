//! Small documents of authorities.

use http::{Request, Response};
use js_sys::futures::JsFuture;
use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use tidegate_edge::{FetchBounds, PortError};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen(module = "/src/documents.js")]
extern "C" {
    /// The status, then the chunks of the body.
    #[wasm_bindgen(catch, js_name = fetchDocument)]
    fn fetch_document(
        method: &str,
        url: &str,
        headers: &Object,
        body: Option<Uint8Array>,
        octets: u32,
        milliseconds: u32,
    ) -> Result<Promise, JsValue>;
}

pub(crate) async fn fetch(
    request: Request<Vec<u8>>,
    bounds: FetchBounds,
) -> Result<Response<Vec<u8>>, PortError> {
    let failed = |error: JsValue| PortError(format!("{error:?}"));
    let (head, body) = request.into_parts();
    let headers = Object::new();
    for (name, value) in &head.headers {
        let value = value
            .to_str()
            .map_err(|error| PortError(error.to_string()))?;
        Reflect::set(&headers, &name.as_str().into(), &value.into()).map_err(failed)?;
    }
    let body = (!body.is_empty()).then(|| Uint8Array::from(body.as_slice()));
    let answer = fetch_document(
        head.method.as_str(),
        &head.uri.to_string(),
        &headers,
        body,
        u32::try_from(bounds.octets).unwrap_or(u32::MAX),
        u32::try_from(bounds.time.0).unwrap_or(u32::MAX),
    );
    let answer = JsFuture::from(answer.map_err(failed)?).await;
    let answer: Array = answer.map_err(failed)?.unchecked_into();
    let mut parts = answer.iter();
    let status = parts.next().and_then(|status| status.as_f64());
    let chunks: Vec<_> = parts
        .map(|chunk| chunk.unchecked_into::<Uint8Array>().to_vec())
        .collect();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the runtime's statuses are whole numbers below 600"
    )]
    let status = status.unwrap_or_default() as u16;
    let response = Response::builder().status(status).body(chunks.concat());
    response.map_err(|error| PortError(error.to_string()))
}
