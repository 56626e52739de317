//! Rings of API keys.

use std::str::FromStr;

use tidegate_shared::api_key::ApiKeyPrefix;
use tidegate_shared::digest::Digest;
use tidegate_shared::units::Span as TimeSpan;

use crate::decode::{Named, OneOrMany, Parsed, record};
use crate::source::Spanned;

record! {
    /// Consumers with API keys.
    struct ApiKeys {
        /// The header that carries the key; `x-api-key` if absent.
        header: Option<Parsed<http::HeaderName>>,
        /// Where the key is in `Authorization`: the word before it, `ApiKey` or `Bearer`.
        scheme: Option<Parsed<KeyScheme>>,
        /// What the keys begin with, before a `_`. Where it is absent, keys may be any text; those
        /// of a store then begin with `tdg_`.
        prefix: Option<Parsed<ApiKeyPrefix>>,
        /// The consumers, where the digests of their keys are in the policy.
        consumers: Named<Consumer>,
        /// The key-value store of the platform that knows the keys, by its name.
        store: Option<Spanned<String>>,
        /// How old what is known of a key of the store may be; 60s if absent.
        refresh: Option<Parsed<TimeSpan>>,
        /// How old it may be while the store cannot be reached; 10m if absent.
        keep: Option<Parsed<TimeSpan>>,
    }
}

record! {
    /// A consumer.
    struct Consumer {
        /// The SHA-256 of its key, or of each of its keys; never a key itself.
        sha256: OneOrMany<Parsed<Digest>>,
        /// What its keys may do, where routes ask for scopes.
        scopes: Vec<Spanned<String>>,
        /// The plan that it is on.
        plan: Option<Spanned<String>>,
    }
}

/// The word before a key in `Authorization`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum KeyScheme {
    ApiKey,
    Bearer,
}

impl FromStr for KeyScheme {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("apikey") {
            Ok(Self::ApiKey)
        } else if text.eq_ignore_ascii_case("bearer") {
            Ok(Self::Bearer)
        } else {
            Err(format!(
                "`{text}` is no scheme of API keys: write `ApiKey` or `Bearer`"
            ))
        }
    }
}
