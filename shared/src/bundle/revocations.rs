//! Where the list of revocations is, and what happens without one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::units::Span;

/// How callers are held against a list of revocations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct RevocationRules {
    /// Where the list is.
    pub location: ListLocation,
    /// The keys that may sign it, as text.
    pub trust: String,
    /// How old the list may be; a revocation is in force that soon.
    pub refresh: Span,
    /// How old it may be while it cannot be had anew. After that it is stale.
    pub keep: Span,
    /// What happens then.
    pub when_stale: WhenStale,
}

/// Where a list is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListLocation {
    /// In a key-value store of the platform, by the platform's name of it.
    Store(String),
    /// At an address.
    Url(String),
}

/// What happens to callers while there is no list, or only a stale one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenStale {
    /// They are refused.
    Refuse,
    /// The last list stays in force; without any, they are let in.
    Allow,
}

/// Neither of the two.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `refuse` nor `allow`")]
pub struct UnknownWhenStale(String);

impl FromStr for WhenStale {
    type Err = UnknownWhenStale;

    fn from_str(text: &str) -> Result<Self, UnknownWhenStale> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "allow" => Ok(Self::Allow),
            _ => Err(UnknownWhenStale(text.to_owned())),
        }
    }
}
