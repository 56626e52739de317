//! Who calls.

use serde_json::{Map, Value};

/// An authenticated caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The name, in the policy, of who vouches: an issuer or a ring of API keys.
    pub(crate) issuer: String,
    /// The token's subject or the consumer.
    pub(crate) subject: String,
    /// The token's scopes.
    pub(crate) scopes: Vec<String>,
    /// All of the token's claims; none of an API key.
    pub(crate) claims: Map<String, Value>,
}
