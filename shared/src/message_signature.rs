//! HTTP Message Signatures (RFC 9421): what a signature covers, what is signed, how both stand in
//! the fields `Signature-Input` and `Signature`.
//!
//! Nothing here reads a clock or a key store: whoever verifies says what time it is, and which
//! key belongs to the `keyid`. A message gives its components lazily, through [`Message`].

mod algorithm;
mod base;
mod component;
mod coverage;
mod field;
mod fields;
mod key;
mod message;
mod parameters;
mod query;
mod sign;
mod validity;

pub use algorithm::{SignatureAlgorithm, UnknownSignatureAlgorithm};
pub use base::MissingComponent;
pub use component::{Component, FieldForm, InvalidComponent};
pub use coverage::{TooLittle, fixes_request};
pub use fields::{InvalidSignature, Signature, SignatureFields, bounds};
pub use key::{InvalidSecret, SigningSecret, VerifyingKey};
pub use message::Message;
pub use parameters::Parameters;
pub use sign::{SignedFields, sign};
pub use validity::{Outdated, Validity};

#[cfg(test)]
mod tests;
