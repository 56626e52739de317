//! API keys.

use tidegate_shared::api_key::ApiKeyPrefix;
use tidegate_shared::bundle::{ApiKeySource, RingKeys, StoredKeys};
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

/// Where keys are known that are not in the bundle.
pub(crate) fn key_store(keys: &RingKeys) -> String {
    match keys {
        RingKeys::Pinned(_) => "in the bundle".to_owned(),
        RingKeys::Stored(StoredKeys {
            store,
            refresh,
            keep,
        }) => format!(
            "in the store {}, asked every {refresh}, kept for {keep} where it fails",
            code(store)
        ),
    }
}

/// A key of a consumer.
pub(crate) fn api_key(consumer: &str, digest: &Digest) -> String {
    format!("key {} of {}", short(digest), code(consumer))
}
