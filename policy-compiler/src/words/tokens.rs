//! Tokens, and who vouches for them.

use std::collections::BTreeSet;

use tidegate_shared::bundle::{
    Binding, ClaimRule, ClaimTest, ClaimValue, ClientMethod, IntrospectionClient, KeyLocation,
    PublicKey, RemoteKeys, TokenSource, TokenType,
};
use tidegate_shared::digest::Digest;

use super::{code, list, short};

pub(crate) fn introspection_client(client: &IntrospectionClient) -> String {
    let IntrospectionClient { id, secret, method } = client;
    let method = match method {
        ClientMethod::Basic => "in a header field",
        ClientMethod::Post => "in the body",
    };
    format!("{} with the secret {} {method}", code(id), code(secret))
}

pub(crate) fn public_key(key: &PublicKey) -> String {
    let PublicKey {
        id,
        algorithm,
        material,
    } = key;
    let digest = Digest::of(format!("{material:?}").as_bytes());
    let algorithm = algorithm.map(|algorithm| format!(" for {}", algorithm.name()));
    format!(
        "key {}{} ({})",
        id.as_deref()
            .map_or_else(|| "without an id".to_owned(), code),
        algorithm.unwrap_or_default(),
        short(&digest)
    )
}

pub(crate) fn token_source(source: &TokenSource) -> String {
    match source {
        TokenSource::Authorization => "`Authorization: Bearer`".to_owned(),
        TokenSource::Header(name) => format!("the header {}", code(name)),
        TokenSource::Cookie(name) => format!("the cookie {}", code(name)),
        TokenSource::Query(name) => format!("the query parameter {}", code(name)),
    }
}

pub(crate) fn binding(binding: Option<Binding>) -> &'static str {
    match binding {
        None => "whoever holds the token",
        Some(Binding::Dpop) => "whoever proves to have the token's key",
        Some(Binding::Certificate) => "whoever has the token's certificate",
        Some(Binding::Any) => "whoever proves to have the token's key or certificate",
    }
}

pub(crate) fn proof_nonce(secret: Option<&str>) -> String {
    secret.map_or("no nonce".to_owned(), |name| {
        format!("a nonce by the secret {}", code(name))
    })
}

pub(crate) fn key_source(remote: Option<&RemoteKeys>) -> String {
    let Some(remote) = remote else {
        return "the policy alone".to_owned();
    };
    let RemoteKeys {
        location,
        refresh,
        keep,
    } = remote;
    let place = match location {
        KeyLocation::Set(url) => code(url),
        KeyLocation::Configuration(url) => format!("what {} names", code(url)),
    };
    format!("{place}, every {refresh}, kept for {keep}")
}

pub(crate) fn token_type(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::Any => "any type",
        TokenType::Jwt => "`JWT`",
        TokenType::AccessToken => "`at+jwt`",
    }
}

pub(crate) fn claim_rule(rule: &ClaimRule) -> String {
    let ClaimRule { name, test } = rule;
    match test {
        ClaimTest::Present => format!("{} present", code(name)),
        ClaimTest::OneOf(values) => {
            let values: BTreeSet<String> = values
                .iter()
                .map(|value| match value {
                    ClaimValue::Text(text) => format!("{text:?}"),
                    ClaimValue::Integer(number) => number.to_string(),
                    ClaimValue::Bool(bool) => bool.to_string(),
                })
                .collect();
            format!("{} one of {}", code(name), list(values))
        }
    }
}
