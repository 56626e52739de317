//! Namespaces of Workers KV.

use js_sys::futures::JsFuture;
use js_sys::{Promise, Uint8Array};
use tidegate_edge::PortError;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};

#[wasm_bindgen]
extern "C" {
    /// A binding to a namespace.
    type Namespace;

    #[wasm_bindgen(method, catch)]
    fn get(this: &Namespace, key: &str, form: &str) -> Result<Promise, JsValue>;
}

/// The octets under a key.
pub(crate) async fn get(namespace: &JsValue, key: &str) -> Result<Option<Vec<u8>>, PortError> {
    let failed = |error: JsValue| PortError(format!("the KV namespace cannot be read: {error:?}"));
    let namespace: &Namespace = namespace.unchecked_ref();
    let value = namespace.get(key, "arrayBuffer").map_err(failed)?;
    let value = JsFuture::from(value).await.map_err(failed)?;
    Ok((!value.is_null()).then(|| Uint8Array::new(&value).to_vec()))
}
