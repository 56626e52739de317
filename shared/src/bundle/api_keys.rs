//! Consumers known by API keys.

use serde::{Deserialize, Serialize};
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use crate::api_key::ApiKeyPrefix;
use crate::digest::Digest;
use crate::units::Span;

/// Consumers known by API keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct ApiKeyRing {
    /// The name in the policy.
    pub name: String,
    /// Where a request has its key.
    pub source: ApiKeySource,
    /// What its keys begin with; what cannot be one of them is refused before any look-up. `None`
    /// where keys may be any text.
    pub prefix: Option<ApiKeyPrefix>,
    /// The keys.
    pub keys: RingKeys,
}

/// Where the keys of a ring are known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RingKeys {
    /// In the bundle.
    Pinned(PinnedKeys),
    /// In a key-value store of the platform.
    Stored(StoredKeys),
}

/// Keys that are given out and revoked while the gateway runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize_tuple, Deserialize_tuple)]
pub struct StoredKeys {
    /// The platform's name of the store.
    pub store: String,
    /// How old what is known of a key may be; a key that is revoked is good for no longer.
    pub refresh: Span,
    /// How old it may be while the store cannot be reached.
    pub keep: Span,
}

/// Where a request has its API key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiKeySource {
    /// The whole value of this header field; its name in lower case.
    Header(String),
    /// `Authorization: ApiKey KEY`.
    ApiKey,
    /// `Authorization: Bearer KEY`.
    Bearer,
}

impl ApiKeyRing {
    /// The consumers that the bundle puts on a plan, and its name.
    pub fn plans(&self) -> &[(String, String)] {
        match &self.keys {
            RingKeys::Pinned(keys) => keys.plans(),
            RingKeys::Stored(_) => &[],
        }
    }

    /// The plan that the bundle puts a consumer on.
    pub fn plan(&self, consumer: &str) -> Option<&str> {
        match &self.keys {
            RingKeys::Pinned(keys) => keys.plan(consumer),
            RingKeys::Stored(_) => None,
        }
    }

    /// The consumers whose keys are in the bundle.
    pub fn consumers(&self) -> impl Iterator<Item = &str> + Clone {
        let pinned = match &self.keys {
            RingKeys::Pinned(keys) => Some(keys),
            RingKeys::Stored(_) => None,
        };
        pinned.into_iter().flat_map(PinnedKeys::consumers)
    }
}

/// The digests of keys and whose they are; the keys themselves are in no bundle.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize_tuple, Deserialize)]
#[serde(try_from = "Parts")]
pub struct PinnedKeys {
    /// The names of the consumers in the policy.
    consumers: Vec<String>,
    /// The SHA-256 digest of each key, and its consumer by index. Invariant: sorted, no digest
    /// twice.
    keys: Vec<(Digest, u32)>,
    /// Consumers that are on a plan, and its name.
    plans: Vec<(String, String)>,
    /// Consumers whose keys have scopes, and which.
    scopes: Vec<(String, Vec<String>)>,
}

type Parts = (
    Vec<String>,
    Vec<(Digest, u32)>,
    Vec<(String, String)>,
    Vec<(String, Vec<String>)>,
);

/// The keys of a ring are not sorted, or refer to a consumer that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the API keys of a ring are not sorted, or one is of no consumer")]
pub struct InvalidPinnedKeys;

impl PinnedKeys {
    /// The keys of consumers. Of two consumers with one key, the first has it.
    pub fn new<K: IntoIterator<Item = Digest>>(
        consumers: impl IntoIterator<Item = (String, K)>,
    ) -> Self {
        let mut pinned = Self::default();
        for ((name, keys), index) in consumers.into_iter().zip(0..) {
            pinned.consumers.push(name);
            pinned
                .keys
                .extend(keys.into_iter().map(|digest| (digest, index)));
        }
        pinned.keys.sort_unstable();
        pinned.keys.dedup_by_key(|(digest, _)| *digest);
        pinned
    }

    /// The same keys, of consumers of which some are on a plan: each with its name.
    #[must_use]
    pub fn on_plans(self, plans: Vec<(String, String)>) -> Self {
        Self { plans, ..self }
    }

    /// The same keys, of consumers of which some have scopes.
    #[must_use]
    pub fn with_scopes(self, scopes: Vec<(String, Vec<String>)>) -> Self {
        Self { scopes, ..self }
    }

    /// The same consumers, each with one key of which this is the digest, or with none.
    #[must_use]
    pub fn with_keys(&self, key: impl Fn(&str) -> Option<Digest>) -> Self {
        let consumers = self.consumers();
        let pinned = Self::new(consumers.map(|consumer| (consumer.to_owned(), key(consumer))));
        pinned
            .on_plans(self.plans.clone())
            .with_scopes(self.scopes.clone())
    }

    /// The consumers that are on a plan, and its name.
    pub fn plans(&self) -> &[(String, String)] {
        &self.plans
    }

    /// What a consumer's keys may do, where routes ask for scopes.
    pub fn scopes(&self, consumer: &str) -> &[String] {
        let mut scopes = self.scopes.iter();
        let own = scopes.find(|(own, _)| own == consumer);
        own.map_or(&[], |(_, scopes)| scopes.as_slice())
    }

    /// The plan that a consumer is on.
    pub fn plan(&self, consumer: &str) -> Option<&str> {
        let mut plans = self.plans.iter();
        let (_, plan) = plans.find(|(own, _)| own == consumer)?;
        Some(plan)
    }

    /// Whose key has this digest.
    pub fn find(&self, digest: &Digest) -> Option<&str> {
        let at = self.keys.binary_search_by_key(digest, |(own, _)| *own);
        let (_, consumer) = self.keys.get(at.ok()?)?;
        self.consumer(*consumer)
    }

    /// The consumers, also those without a key.
    pub fn consumers(&self) -> impl Iterator<Item = &str> + Clone {
        self.consumers.iter().map(String::as_str)
    }

    /// Each key's digest and its consumer, sorted by digest.
    pub fn iter(&self) -> impl Iterator<Item = (&Digest, &str)> {
        self.keys
            .iter()
            .filter_map(|(digest, consumer)| Some((digest, self.consumer(*consumer)?)))
    }

    fn consumer(&self, index: u32) -> Option<&str> {
        let consumer = self.consumers.get(usize::try_from(index).ok()?)?;
        Some(consumer)
    }
}

impl TryFrom<Parts> for PinnedKeys {
    type Error = InvalidPinnedKeys;

    fn try_from((consumers, keys, plans, scopes): Parts) -> Result<Self, InvalidPinnedKeys> {
        let pinned = Self {
            consumers,
            keys,
            plans,
            scopes,
        };
        let sorted = pinned.keys.is_sorted_by(|(a, _), (b, _)| a < b);
        if sorted && pinned.iter().count() == pinned.keys.len() {
            Ok(pinned)
        } else {
            Err(InvalidPinnedKeys)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cbor;

    const BOUNDS: cbor::Bounds = cbor::Bounds {
        octets: 4096,
        items: 100,
    };

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    fn pinned() -> PinnedKeys {
        PinnedKeys::new([
            ("acme".to_owned(), vec![digest("old"), digest("new")]),
            ("idle".to_owned(), vec![]),
            ("other".to_owned(), vec![digest("third"), digest("new")]),
        ])
        .on_plans(vec![("acme".to_owned(), "gold".to_owned())])
        .with_scopes(vec![("acme".to_owned(), vec!["read".to_owned()])])
    }

    #[test]
    fn a_key_is_found_by_its_digest() {
        let pinned = pinned();
        for (key, consumer) in [
            ("old", Some("acme")),
            ("new", Some("acme")),
            ("third", Some("other")),
            ("none", None),
        ] {
            assert_eq!(pinned.find(&digest(key)), consumer, "{key}");
        }
        assert_eq!(pinned.consumers().count(), 3);
        assert_eq!(pinned.plan("acme"), Some("gold"));
        assert_eq!(pinned.plan("idle"), None);
        assert_eq!(pinned.scopes("acme"), ["read"]);
        assert!(pinned.scopes("other").is_empty());
        assert_eq!(pinned.iter().count(), 3);
        let renewed = pinned.with_keys(|consumer| (consumer == "acme").then(|| digest("fresh")));
        assert_eq!(renewed.find(&digest("fresh")), Some("acme"));
        assert_eq!(renewed.find(&digest("old")), None);
        assert_eq!(renewed.plan("acme"), Some("gold"));
        assert_eq!(renewed.scopes("acme"), ["read"]);
    }

    #[test]
    fn only_sorted_keys_of_consumers_are_read() {
        let octets = cbor::encode(&pinned());
        assert_eq!(cbor::decode(&octets, &BOUNDS), Ok(pinned()));
        let (low, high) = (Digest([1; 32]), Digest([2; 32]));
        for keys in [
            vec![(high, 0), (low, 0)],
            vec![(low, 0), (low, 0)],
            vec![(low, 1)],
        ] {
            let (plans, scopes) = (
                Vec::<(String, String)>::new(),
                Vec::<(String, String)>::new(),
            );
            let octets = cbor::encode(&(vec!["acme"], keys, plans, scopes));
            assert!(cbor::decode::<PinnedKeys>(&octets, &BOUNDS).is_err());
        }
    }
}
