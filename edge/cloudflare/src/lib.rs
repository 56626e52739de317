//! The gateway on Cloudflare Workers.
//!
//! `worker.js` is the entry: it does the IO. This crate is what it asks.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the gateway.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
