//! How requests to an upstream are signed (RFC 9421).

use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::message_signature::SignatureAlgorithm;
use crate::units::Span;

/// The signature by which connectors know that a request came through the gateway.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple)]
pub struct RequestSigning {
    /// The name under which the platform's secret store has the key; also its `keyid`.
    pub key: String,
    /// The algorithm: one with which [signing] goes here.
    ///
    /// [signing]: crate::message_signature::SigningSecret::new
    pub algorithm: SignatureAlgorithm,
    /// From `created` to `expires`.
    pub lifetime: Span,
    /// Fields that are covered where a request has them, in lower case, beside those that the
    /// gateway itself sets.
    pub fields: Vec<String>,
}
