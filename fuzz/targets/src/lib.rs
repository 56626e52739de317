//! Everything that reads octets from outside, and what must hold of it. A target panics where it
//! does not hold.

pub mod api_key;
pub mod api_key_record;
pub mod authority;
pub mod certificate;
pub mod channel;
pub mod claims;
pub mod condition;
pub mod envelope;
pub mod expression;
mod gateway;
pub mod introspection;
pub mod jwk;
pub mod limit_message;
pub mod path;
pub mod pattern;
pub mod payload;
pub mod policy;
pub mod proof;
pub mod revocations;
pub mod section;
pub mod signature;
pub mod token;

/// Something to fuzz.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The name of its module.
    pub name: &'static str,
    /// Tries one input.
    pub run: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

macro_rules! targets {
    ($($name:ident),+) => {
        /// Every target.
        pub const TARGETS: &[Target] = &[$(Target {
            name: stringify!($name),
            run: $name::run,
            seeds: $name::seeds,
        }),+];
    };
}

targets!(
    api_key,
    api_key_record,
    authority,
    certificate,
    channel,
    claims,
    condition,
    envelope,
    expression,
    introspection,
    jwk,
    limit_message,
    path,
    pattern,
    payload,
    policy,
    proof,
    revocations,
    section,
    signature,
    token
);

/// Texts as inputs.
fn texts<const N: usize>(texts: [&str; N]) -> Vec<Vec<u8>> {
    texts.map(|text| text.as_bytes().to_vec()).into()
}
