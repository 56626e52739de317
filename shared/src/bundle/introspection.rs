//! Servers that say what a token is worth (RFC 7662).

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::{PlanClaim, Possession, TokenSource};
use crate::units::Span;

/// A server that says what a token is worth, and which of its answers are accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Introspection {
    /// The name in the policy.
    pub name: String,
    /// Where it is asked: over TLS, or on the same machine.
    pub url: String,
    /// As whom the gateway asks.
    pub client: IntrospectionClient,
    /// One of these must be in the answer's `aud`; empty where the server alone decides whom a
    /// token is for.
    pub audiences: Vec<String>,
    /// The exact value of the answer's `iss`, where it must have one.
    pub issuer: Option<String>,
    /// How long an answer is believed, and a token that is withdrawn is good.
    pub cache: Span,
    /// How long it is believed that a token is no good.
    pub negative: Span,
    /// How much longer an answer is believed while the server fails.
    pub keep: Span,
    /// Where in a request the tokens are.
    pub source: TokenSource,
    /// What whoever sends a token must prove.
    pub possession: Possession,
    /// How an answer says which plan the bearer is on.
    pub plan: Option<PlanClaim>,
}

/// A client of an authorisation server (RFC 6749 §2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct IntrospectionClient {
    /// `client_id`.
    pub id: String,
    /// The name under which the platform's secret store has its secret.
    pub secret: String,
    /// How it shows that it knows the secret.
    pub method: ClientMethod,
}

/// How a client shows that it knows its secret (RFC 6749 §2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClientMethod {
    /// In `Authorization: Basic`.
    #[default]
    Basic,
    /// In the request's body.
    Post,
}

/// No method has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a way to authenticate a client: use basic or post")]
pub struct UnknownClientMethod(String);

impl FromStr for ClientMethod {
    type Err = UnknownClientMethod;

    fn from_str(name: &str) -> Result<Self, UnknownClientMethod> {
        match name {
            "basic" => Ok(Self::Basic),
            "post" => Ok(Self::Post),
            _ => Err(UnknownClientMethod(name.to_owned())),
        }
    }
}
