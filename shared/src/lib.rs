//! What all parts of Tidegate agree on.
//!
//! The compiler writes these types, the gateway and the connector read them.
//! Nothing here does IO, reads a clock or knows a runtime.
#![warn(missing_docs)]

pub mod api_key;
pub mod bundle;
pub mod cbor;
pub mod certificate;
pub mod channel;
pub mod condition;
pub mod digest;
pub mod envelope;
pub mod gateway_signature;
pub mod host;
pub mod message_signature;
pub mod method;
pub mod path;
pub mod pattern;
pub mod peer_name;
pub mod problem;
pub mod replay;
pub mod revocation;
pub mod spiffe;
pub mod time;
pub mod trace;
pub mod trust;
pub mod tunnel;
pub mod units;
