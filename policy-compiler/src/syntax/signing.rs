//! How requests to an upstream are signed.

use tidegate_shared::message_signature::SignatureAlgorithm;
use tidegate_shared::units::Span as TimeSpan;

use crate::decode::{Parsed, record};
use crate::source::Spanned;

record! {
    /// The signature by which connectors know that a request came through the gateway (RFC 9421).
    struct RequestSigning {
        /// The name under which the platform's secret store has the key; also its `keyid`.
        key: Spanned<String>,
        /// `ed25519`, or `hmac-sha256`.
        algorithm: Parsed<SignatureAlgorithm>,
        /// How long it is good; 15s if absent, at most 5m.
        lifetime: Option<Parsed<TimeSpan>>,
        /// Fields that are covered where a request has them, beside those that the gateway sets.
        fields: Vec<Spanned<String>>,
    }
}
