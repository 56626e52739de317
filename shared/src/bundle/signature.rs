//! Who signs requests (RFC 9421).

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::KeyMaterial;
use crate::message_signature::{Component, SignatureAlgorithm};
use crate::units::Span;

/// Consumers that sign their requests, and what a signature must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct Signers {
    /// The name in the policy.
    pub name: String,
    /// Their keys. Never empty; no two of one id.
    pub keys: Vec<SignerKey>,
    /// What every signature must cover: the method and all of the target at least.
    pub components: Vec<Component>,
    /// How old a signature may be, counted from `created`, which it must have.
    pub max_age: Span,
    /// How far clocks may differ.
    pub leeway: Span,
    /// The label that a signature must have, where there is one.
    pub label: Option<String>,
    /// The `tag` that a signature must have, where there is one.
    pub tag: Option<String>,
    /// Whether a signature must have a `nonce`. One that has it is taken once in any case.
    pub once: bool,
}

/// A key, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize_tuple, Deserialize_tuple)]
pub struct SignerKey {
    /// `keyid`.
    pub id: String,
    /// The consumer.
    pub consumer: String,
    /// The name of the plan that the consumer is on.
    pub plan: Option<String>,
    /// The only algorithm of the key (RFC 9421 §3.2).
    pub algorithm: SignatureAlgorithm,
    /// What verifies.
    pub material: SignerMaterial,
}

/// What verifies a consumer's signatures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SignerMaterial {
    /// A public key.
    Public(KeyMaterial),
    /// The name under which the platform's secret store has the shared secret.
    Secret(String),
}
