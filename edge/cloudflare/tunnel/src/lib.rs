//! A tunnel that a connector has opened to a Durable Object: HTTP/2 over the messages of a WebSocket,
//! where the object is the client.
//!
//! Nothing here does any IO or reads a clock: messages go in and out, requests and answers do, and
//! every call ends when all that can be done is done. So it runs without a runtime, in Wasm as in
//! tests. It is a module of its own, which an isolate that holds no tunnel never makes an instance of.

#[cfg(target_arch = "wasm32")]
mod binding;
mod budget;
mod exchange;
mod head;
mod tunnel;
mod wire;

#[cfg(target_arch = "wasm32")]
pub use binding::{Happening, Tunnel};
pub use tunnel::{Event, Full, Http2Tunnel};
