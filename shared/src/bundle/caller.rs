//! What origins are told of the caller.

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::units::Span;

/// What origins are told of the caller, beside what every request tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct CallerFacts {
    /// Request fields, in lower case, and what each says. A client's own are always removed.
    pub headers: Vec<(String, CallerFact)>,
    /// A token of the gateway's own, for a mesh that trusts no plain field.
    pub token: Option<CallerToken>,
    /// Whether the client's own credential stays with the gateway.
    pub remove_credential: bool,
}

/// Something about the caller.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CallerFact {
    /// The token's subject, or the consumer.
    Subject,
    /// The name of the token's issuer, or of the ring of API keys, in the policy.
    Issuer,
    /// The token's scopes, with spaces between.
    Scopes,
    /// The name of the plan that the caller is on.
    Plan,
    /// A claim of the token: a text as it is, anything else as JSON.
    Claim(String),
    /// What the client certificate says, by the same names as in conditions: a text as it is,
    /// anything else as JSON.
    Certificate(String),
}

/// A JWT that the gateway signs with HS256 for each request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct CallerToken {
    /// The request field, in lower case.
    pub header: String,
    /// The name under which the platform's secret store has the key.
    pub secret: String,
    /// `aud`.
    pub audience: String,
    /// From `iat` to `exp`.
    pub lifetime: Span,
}
