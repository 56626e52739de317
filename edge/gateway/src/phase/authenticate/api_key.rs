//! Callers with an API key.

use http::header::{AUTHORIZATION, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Map;
use tidegate_shared::api_key::{ApiKeyId, Ended, InvalidApiKey};
use tidegate_shared::bundle::{ApiKeyAuth, ApiKeyRing, ApiKeySource, RingKeys};
use tidegate_shared::digest::Digest;
use tidegate_shared::problem::Problem;

use super::{Incoming, definition, source};
use crate::head::RequestHead;
use crate::identity::Identity;
use crate::ports::Ports;
use crate::refusal::Refusal;
use crate::stored_keys::{self, StoreUnavailable};

/// Seconds after which a store may be there.
const RETRY_STORE: &str = "5";

pub(super) fn carried<H: RequestHead, P>(key: &ApiKeyAuth, incoming: &Incoming<'_, H, P>) -> bool {
    let ring = definition(&incoming.tables.api_keys, key.ring);
    ring.is_ok_and(|ring| find(&ring.source, incoming.head).is_some())
}

pub(super) async fn verify<H: RequestHead, P: Ports>(
    asked: &ApiKeyAuth,
    incoming: &Incoming<'_, H, P>,
) -> Result<Identity, Refusal> {
    let ring = definition(&incoming.tables.api_keys, asked.ring)?;
    let realm = incoming.realm;
    let missing = || {
        Refusal::new(Problem::CredentialMissing, "no API key")
            .with(WWW_AUTHENTICATE, challenge(ring, realm))
    };
    let key = find(&ring.source, incoming.head).ok_or_else(missing)?;
    let known = known(ring, &key, incoming).await;
    known.map_err(|error| {
        let refusal = Refusal::new(error.problem(), error.to_string());
        if let BadKey::Unavailable(_) = error {
            return refusal.with(RETRY_AFTER, RETRY_STORE);
        }
        refusal.with(WWW_AUTHENTICATE, rejected(ring, realm))
    })
}

/// The challenge where a key was sent, and is not taken.
pub(super) fn rejected(ring: &ApiKeyRing, realm: &str) -> String {
    let mut challenge = challenge(ring, realm);
    if ring.source == ApiKeySource::Bearer {
        challenge.push_str(", error=\"invalid_token\"");
    }
    challenge
}

/// The challenge where a key lacks a scope: `Bearer` alone has one (RFC 6750 §3.1).
pub(crate) fn insufficient(ring: &ApiKeyRing, realm: &str, scopes: &str) -> Option<String> {
    let bearer = ring.source == ApiKeySource::Bearer;
    let challenge = challenge(ring, realm);
    bearer.then(|| format!("{challenge}, error=\"insufficient_scope\", scope=\"{scopes}\""))
}

/// Why a key is not taken. Nothing of the key is repeated.
#[derive(Debug, thiserror::Error)]
enum BadKey {
    #[error(transparent)]
    Form(#[from] InvalidApiKey),
    #[error("no such API key")]
    Unknown,
    #[error(transparent)]
    Ended(#[from] Ended),
    #[error(transparent)]
    Unavailable(#[from] StoreUnavailable),
}

impl BadKey {
    fn problem(&self) -> Problem {
        match self {
            Self::Form(_) | Self::Unknown | Self::Ended(Ended::NotYet) => {
                Problem::CredentialInvalid
            }
            Self::Ended(Ended::Revoked) => Problem::CredentialRevoked,
            Self::Ended(Ended::Expired) => Problem::CredentialExpired,
            Self::Unavailable(_) => Problem::CredentialsUnavailable,
        }
    }
}

/// Whose key it is.
async fn known<H, P: Ports>(
    ring: &ApiKeyRing,
    key: &str,
    incoming: &Incoming<'_, H, P>,
) -> Result<Identity, BadKey> {
    if let Some(prefix) = &ring.prefix {
        prefix.check(key)?;
    }
    // Digests are compared, never keys: how long that takes says nothing of a key.
    let digest = Digest::of(key.as_bytes());
    let (subject, scopes, plan) = match &ring.keys {
        RingKeys::Pinned(keys) => {
            let consumer = keys.find(&digest).ok_or(BadKey::Unknown)?;
            let plan = keys.plan(consumer).map(str::to_owned);
            (consumer.to_owned(), keys.scopes(consumer).to_vec(), plan)
        }
        RingKeys::Stored(keys) => {
            let (state, ports) = (incoming.memory.state, incoming.ports);
            let record = stored_keys::find(keys, digest, state, ports).await?;
            let record = record
                .filter(|record| record.ring == ring.name)
                .ok_or(BadKey::Unknown)?;
            record.check(ports.now())?;
            (
                record.consumer.clone(),
                record.scopes.clone(),
                record.plan.clone(),
            )
        }
    };
    Ok(Identity {
        issuer: ring.name.clone(),
        subject,
        scopes,
        claims: Map::new(),
        certificate: Map::new(),
        plan,
        key: Some(ApiKeyId::from(digest).to_string()),
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
