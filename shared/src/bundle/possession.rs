//! Proof of possession: a token that its thief cannot use.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

/// What whoever sends a token must prove. A token that says that it is bound (`cnf`, RFC 7800
/// §3.1) is held to it, whatever stands here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Possession {
    /// How every token must be bound; `None` where one need not be.
    pub binding: Option<Binding>,
    /// The name under which the platform's secret store has the secret that makes the nonces of
    /// DPoP proofs (RFC 9449 §9); `None` where a proof needs none.
    pub nonce: Option<String>,
}

/// To what a token is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Binding {
    /// A key, of which each request has a proof (RFC 9449).
    Dpop,
    /// A client certificate (RFC 8705 §3).
    Certificate,
    /// One of them.
    Any,
}

/// No binding has that name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a binding of tokens: use dpop, certificate or any")]
pub struct UnknownBinding(String);

impl FromStr for Binding {
    type Err = UnknownBinding;

    fn from_str(name: &str) -> Result<Self, UnknownBinding> {
        match name {
            "dpop" => Ok(Self::Dpop),
            "certificate" => Ok(Self::Certificate),
            "any" => Ok(Self::Any),
            _ => Err(UnknownBinding(name.to_owned())),
        }
    }
}
