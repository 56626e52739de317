//! The gateway as a Spin component: an adapter of `tidegate-edge` to WASI 0.3,
//! for Spin 4.1 and later.
//!
//! - The bundle is the key `bundle` of the default key-value store, or what a
//!   [channel] names, or is [baked](bake) into the component. The variable
//!   `tidegate_trust` holds the keys that may sign it. A secret `NAME` of a policy is the variable of that
//!   name in lower case, `_` for `-`. A store of API keys is the key-value
//!   store of that label, which `key_value_stores` must list.
//! - Spin reuses an instance for up to 128 requests, 16 at a time, and ends it
//!   after a second without any. What the gateway remembers lives that long.
//! - Bodies are [spliced](splice): no byte of them enters the component.
//! - Client certificates are Spin's: `[[client_tls]]` in its runtime
//!   configuration, and `allowed_outbound_hosts` must list every origin.
//! - WASI has no protocol upgrade, so a WebSocket handshake is refused.

mod bake;
mod channel;
mod exchange;
mod fetch;
mod fields;
mod head;
mod log;
mod needs;
mod origin;
mod policy;
mod ports;
mod reply;
mod shadow;
mod splice;

use spin_sdk::wasip3::exports::http::handler::Guest;
use spin_sdk::wasip3::http::types::{ErrorCode, Request, Response};

struct Component;

impl Guest for Component {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        Ok(exchange::handle(request).await)
    }
}

spin_sdk::wasip3::http::service::export!(Component with_types_in spin_sdk::wasip3);
