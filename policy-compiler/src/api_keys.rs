//! API keys in a store: made, listed, replaced and revoked. The store gets their digests; a key
//! itself is seen by whoever asked for it, once.

use tidegate_shared::api_key::{ApiKeyId, ApiKeyPrefix, ApiKeyRecord};
use tidegate_shared::cbor::InvalidCbor;
use tidegate_shared::digest::Digest;
use tidegate_shared::time::UnixMillis;
use tidegate_shared::units::Span;

use crate::publish::{Sink, SinkError, Stored};

/// The keys of a store.
#[derive(Debug)]
pub struct ApiKeys<S> {
    store: S,
    now: UnixMillis,
}

/// A key that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// The key: show it to its owner, and keep it nowhere.
    pub key: String,
    /// Its public name.
    pub id: ApiKeyId,
    /// What the store has of it.
    pub record: ApiKeyRecord,
}

impl std::fmt::Debug for Made {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Made({})", self.id)
    }
}

/// What a new key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The ring of the policy.
    pub ring: String,
    /// What its keys begin with.
    pub prefix: ApiKeyPrefix,
    /// Whose it is.
    pub consumer: String,
    /// The plan that the consumer is on.
    pub plan: Option<String>,
    /// What it may do.
    pub scopes: Vec<String>,
    /// How long until it is good; at once where it is absent.
    pub begins: Option<Span>,
    /// How long it is good, from now on.
    pub expires: Option<Span>,
}

/// Why a store's keys stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// The store does not do what it is asked.
    #[error(transparent)]
    Store(#[from] SinkError),
    /// What is asked for is more than a record may hold.
    #[error("the record of the key is too large: {0}")]
    TooLarge(InvalidCbor),
    /// A record was written by something else.
    #[error("the record of key `{0}` is malformed: {1}")]
    Malformed(ApiKeyId, InvalidCbor),
    /// No key has that id.
    #[error("the store has no key `{0}`")]
    Unknown(ApiKeyId),
    /// Two keys have that id.
    #[error("the store has several keys `{0}`")]
    Ambiguous(ApiKeyId),
    /// Nothing takes the place of a key that is no longer good.
    #[error("key `{0}` is revoked or has expired: make a new one")]
    Ended(ApiKeyId),
}

/// A record, and where it lies.
struct Found {
    place: String,
    stored: Stored,
    record: ApiKeyRecord,
}

impl<S: Sink> ApiKeys<S> {
    /// The keys of a store, as of now.
    pub fn new(store: S, now: UnixMillis) -> Self {
        Self { store, now }
    }

    /// Makes a key from 32 octets of entropy.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn create(&self, grant: Grant, entropy: [u8; 32]) -> Result<Made, ApiKeyError> {
        let now = self.now.seconds();
        let after = |span: Span| now.saturating_add(span.0 / 1000);
        let record = ApiKeyRecord {
            plan: grant.plan,
            scopes: grant.scopes,
            not_before: grant.begins.map_or(0, after),
            expires: grant.expires.map(after),
            ..ApiKeyRecord::new(grant.ring, grant.prefix, grant.consumer, now)
        };
        self.put(record, entropy).await
    }

    /// Every key of the store, sorted by ring, consumer and time.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn list(&self) -> Result<Vec<(ApiKeyId, ApiKeyRecord)>, ApiKeyError> {
        let mut keys = Vec::new();
        for place in self.store.list("").await? {
            let Some(digest) = ApiKeyRecord::stored_digest(&place) else {
                continue;
            };
            // One that vanishes meanwhile is not there.
            if let Some(stored) = self.store.read(&place).await? {
                keys.push((digest.into(), decode(digest.into(), &stored)?));
            }
        }
        keys.sort_by(|(_, a), (_, b)| {
            let key = |record: &ApiKeyRecord| (record.ring.clone(), record.consumer.clone());
            (key(a), a.created).cmp(&(key(b), b.created))
        });
        Ok(keys)
    }

    /// Makes a key that takes the place of another, which stays good for `overlap`. The new one is
    /// good for as long as the old one was made for, or for `expires`.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn rotate(
        &self,
        id: ApiKeyId,
        overlap: Span,
        expires: Option<Span>,
        entropy: [u8; 32],
    ) -> Result<Made, ApiKeyError> {
        let mut old = self.find(id).await?;
        let now = self.now.seconds();
        if old.record.revoked.is_some() || old.record.expires.is_some_and(|end| end <= now) {
            return Err(ApiKeyError::Ended(id));
        }
        let made_for = old
            .record
            .expires
            .map(|end| end.saturating_sub(old.record.created));
        let lifetime = expires.map(|span| span.0 / 1000).or(made_for);
        let new = ApiKeyRecord {
            created: now,
            not_before: 0,
            expires: lifetime.map(|lifetime| now.saturating_add(lifetime)),
            ..old.record.clone()
        };
        // The new one first: whatever fails, there is a good one.
        let made = self.put(new, entropy).await?;
        let end = now.saturating_add(overlap.0 / 1000);
        old.record.expires = Some(old.record.expires.map_or(end, |before| before.min(end)));
        self.replace(&old).await?;
        Ok(made)
    }

    /// Revokes a key; one that is revoked stays so.
    ///
    /// # Errors
    /// [`ApiKeyError`].
    pub async fn revoke(&self, id: ApiKeyId) -> Result<ApiKeyRecord, ApiKeyError> {
        let mut found = self.find(id).await?;
        if found.record.revoked.is_none() {
            found.record.revoked = Some(self.now.seconds());
            self.replace(&found).await?;
        }
        Ok(found.record)
    }

    async fn put(&self, record: ApiKeyRecord, entropy: [u8; 32]) -> Result<Made, ApiKeyError> {
        let key = record.prefix.mint(entropy);
        let digest = Digest::of(key.as_bytes());
        let octets = record.encode().map_err(ApiKeyError::TooLarge)?;
        let place = ApiKeyRecord::stored_at(&digest);
        self.store.create(&place, &octets).await?;
        Ok(Made {
            key,
            id: digest.into(),
            record,
        })
    }

    async fn replace(&self, found: &Found) -> Result<(), ApiKeyError> {
        let octets = found.record.encode().map_err(ApiKeyError::TooLarge)?;
        let version = Some(&found.stored.version);
        Ok(self.store.replace(&found.place, &octets, version).await?)
    }

    async fn find(&self, id: ApiKeyId) -> Result<Found, ApiKeyError> {
        let named = |place: &String| {
            let digest = ApiKeyRecord::stored_digest(place);
            digest.is_some_and(|digest| ApiKeyId::from(digest) == id)
        };
        let mut places = self.store.list("").await?.into_iter().filter(named);
        let place = places.next().ok_or(ApiKeyError::Unknown(id))?;
        if places.next().is_some() {
            return Err(ApiKeyError::Ambiguous(id));
        }
        let stored = self.store.read(&place).await?;
        let stored = stored.ok_or(ApiKeyError::Unknown(id))?;
        let record = decode(id, &stored)?;
        Ok(Found {
            place,
            stored,
            record,
        })
    }
}

fn decode(id: ApiKeyId, stored: &Stored) -> Result<ApiKeyRecord, ApiKeyError> {
    ApiKeyRecord::decode(&stored.octets).map_err(|error| ApiKeyError::Malformed(id, error))
}
