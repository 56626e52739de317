//! Callers with an API key.

use http::header::{AUTHORIZATION, HeaderName, WWW_AUTHENTICATE};
use serde_json::Map;
use tidegate_shared::bundle::{ApiKeyRing, ApiKeySource};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;

use super::{Incoming, definition, source};
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::refusal::Refusal;

pub(super) fn carried<H: RequestHead, P>(ring: u32, incoming: &Incoming<'_, H, P>) -> bool {
    let ring = definition(&incoming.tables.api_keys, ring);
    ring.is_ok_and(|ring| find(&ring.source, incoming.head).is_some())
}

pub(super) fn verify<H: RequestHead, P>(
    ring: u32,
    incoming: &Incoming<'_, H, P>,
) -> Result<Identity, Refusal> {
    let ring = definition(&incoming.tables.api_keys, ring)?;
    let realm = incoming.realm;
    let missing = || {
        Refusal::new(Problem::CredentialMissing, "no API key")
            .with(WWW_AUTHENTICATE, challenge(ring, realm))
    };
    let key = find(&ring.source, incoming.head).ok_or_else(missing)?;
    consumer(ring, &key).map_err(|cause| {
        let mut challenge = challenge(ring, realm);
        if ring.source == ApiKeySource::Bearer {
            challenge.push_str(", error=\"invalid_token\"");
        }
        Refusal::new(Problem::CredentialInvalid, cause).with(WWW_AUTHENTICATE, challenge)
    })
}

fn consumer(ring: &ApiKeyRing, key: &str) -> Result<Identity, String> {
    if let Some(prefix) = &ring.prefix {
        prefix.check(key).map_err(|error| error.to_string())?;
    }
    // Digests are compared, never keys: how long that takes says nothing of a key.
    let consumer = ring.keys.find(&Digest::of(key.as_bytes()));
    Ok(Identity {
        issuer: ring.name.clone(),
        subject: consumer.ok_or("no such API key")?.to_owned(),
        scopes: Vec::new(),
        claims: Map::new(),
    })
}

/// The key of a request.
fn find<H: RequestHead>(source: &ApiKeySource, head: &H) -> Option<String> {
    let scheme = match source {
        ApiKeySource::Header(name) => {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            return head.header(&name).map(|key| key.into_owned());
        }
        ApiKeySource::ApiKey => "apikey",
        ApiKeySource::Bearer => "bearer",
    };
    let field = head.header(&AUTHORIZATION)?;
    source::after_scheme(&field, scheme).map(str::to_owned)
}

/// `Bearer` is a scheme of RFC 6750. None is registered for keys in a field of their own: the
/// challenge names the field.
fn challenge(ring: &ApiKeyRing, realm: &str) -> String {
    match &ring.source {
        ApiKeySource::Header(name) => format!("ApiKey realm=\"{realm}\", header=\"{name}\""),
        ApiKeySource::ApiKey => format!("ApiKey realm=\"{realm}\""),
        ApiKeySource::Bearer => format!("Bearer realm=\"{realm}\""),
    }
}
