//! API keys.

use tidegate_shared::api_key::ApiKeyPrefix;
use tidegate_shared::bundle::ApiKeySource;
use tidegate_shared::digest::Digest;

use super::{code, short};

/// Where a request has its key.
pub(crate) fn key_place(source: &ApiKeySource) -> String {
    match source {
        ApiKeySource::Header(name) => code(name),
        ApiKeySource::ApiKey => code("authorization: ApiKey"),
        ApiKeySource::Bearer => code("authorization: Bearer"),
    }
}

/// What a text must look like to be a key.
pub(crate) fn key_form(prefix: Option<&ApiKeyPrefix>) -> String {
    prefix.map_or("any text".to_owned(), |prefix| {
        format!("{} and a checksum", code(&format!("{prefix}_")))
    })
}

/// A key of a consumer.
pub(crate) fn api_key(consumer: &str, digest: &Digest) -> String {
    format!("key {} of {}", short(digest), code(consumer))
}
