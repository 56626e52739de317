//! The gateway on Cloudflare Workers.
//!
//! `worker.js` is the entry. It calls [`decide`], which runs the core with a single poll: where
//! everything needed is in memory there is an answer or an [`Attempt`] at an origin at once, and
//! only a decision that waits (for WebCrypto, or for an issuer's keys) becomes a promise. Bodies,
//! WebSockets and event streams are handles here, never octets.
//!
//! The JavaScript side awaits and does nothing else: crossing the boundary costs less than
//! driving JavaScript's promises from Rust, and the `worker` crate's fetch handler is such a
//! driver.
#![cfg(target_arch = "wasm32")]

mod attempt;
mod authority;
mod certificate;
mod channel;
mod decide;
mod documents;
mod fields;
mod head;
mod isolate;
mod leases;
mod log;
mod namespace;
mod ports;
mod shadow;
mod tunnels;
mod webcrypto;

pub use attempt::Attempt;
pub use authority::{Answered, answer};
pub use channel::{Wanted, follow, memory_due, memory_key, recall, remember, statement_key};
pub use decide::{decide, failed};
pub use isolate::{load, ready, refresh};
pub use leases::carry;
pub use shadow::{WantedShadow, Watch, follow_shadow};
pub use tunnels::admit;
