//! Rings of API keys.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use tidegate_shared::api_key::ApiKeyPrefix;
use tidegate_shared::bundle::{ApiKeyRing, ApiKeySource, PinnedKeys, RingKeys, StoredKeys};

use super::{Context, auth, is_name, plan};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{ApiKeys, KeyScheme, Policy};

/// Milliseconds that what is known of a stored key may be old.
const REFRESH: u64 = 60_000;
const MAX_REFRESH: u64 = 60 * 60_000;
/// The same while the store cannot be reached.
const KEEP: u64 = 10 * 60_000;
const MAX_KEEP: u64 = 24 * 60 * 60_000;

pub(super) fn lower(
    name: &str,
    ring: &ApiKeys,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> ApiKeyRing {
    ApiKeyRing {
        name: name.to_owned(),
        source: source(ring, cx),
        prefix: prefix(ring),
        keys: match &ring.store {
            None => {
                let plans = plan::of_consumers(ring, policy, cx);
                let scopes = scopes(ring, cx);
                RingKeys::Pinned(pinned(ring, cx).on_plans(plans).with_scopes(scopes))
            }
            Some(store) => RingKeys::Stored(stored(store, ring, cx)),
        },
    }
}

/// The consumers whose keys have scopes, and which.
fn scopes(ring: &ApiKeys, cx: &mut Context<'_>) -> Vec<(String, Vec<String>)> {
    let scoped = ring
        .consumers
        .iter()
        .filter(|(_, own)| !own.scopes.is_empty());
    let scoped = scoped.map(|(name, own)| (name.value.clone(), auth::scopes(&own.scopes, cx)));
    scoped.collect()
}

/// Keys of a store are made by `tidegate credentials`, so that they have a prefix.
fn prefix(ring: &ApiKeys) -> Option<ApiKeyPrefix> {
    let given = ring.prefix.as_ref().map(|prefix| prefix.value.clone());
    given.or_else(|| ring.store.is_some().then(ApiKeyPrefix::default))
}

fn stored(store: &Spanned<String>, ring: &ApiKeys, cx: &mut Context<'_>) -> StoredKeys {
    if !is_name(store) {
        let message = format!("`{}` is not a name for a store", store.value);
        cx.error("invalid-value", store.span, message);
    }
    if let Some((consumer, _)) = ring.consumers.iter().next() {
        let message = "the keys of a ring are in the policy or in a store, not in both";
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", consumer.span, message)
                .related(store.span, "the store")
                .help("make a second ring, and let routes take either"),
        );
    }
    let refresh = cx.time(ring.refresh.as_ref(), REFRESH, MAX_REFRESH);
    let keep = cx.time(ring.keep.as_ref(), KEEP.max(refresh.0), MAX_KEEP);
    if let Some(given) = ring.keep.as_ref().filter(|_| keep < refresh) {
        let message = format!("`keep` is shorter than `refresh`, which is {refresh}");
        cx.error("invalid-value", given.span, message);
    }
    StoredKeys {
        store: store.value.clone(),
        refresh,
        keep,
    }
}

fn source(ring: &ApiKeys, cx: &mut Context<'_>) -> ApiKeySource {
    let scheme = match (&ring.header, &ring.scheme) {
        (None, None) => return ApiKeySource::Header("x-api-key".to_owned()),
        (Some(header), None) => {
            if header.value == AUTHORIZATION {
                let message = "the field `authorization` has more than a key";
                let diagnostic = Diagnostic::error("invalid-value", header.span, message);
                let help = "write `scheme: ApiKey` or `scheme: Bearer` in its place";
                cx.diagnostics.push(diagnostic.help(help));
            }
            return ApiKeySource::Header(header.value.as_str().to_owned());
        }
        (None, Some(scheme)) => scheme,
        (Some(header), Some(scheme)) => {
            let message = "a key with a scheme is in `authorization`, and in no other field";
            cx.diagnostics.push(
                Diagnostic::error("invalid-value", header.span, message)
                    .related(scheme.span, "the scheme")
                    .help("leave one of them out"),
            );
            scheme
        }
    };
    match scheme.value {
        KeyScheme::ApiKey => ApiKeySource::ApiKey,
        KeyScheme::Bearer => ApiKeySource::Bearer,
    }
}

/// The digests in the policy. A key says whose it is: no two consumers may have one.
fn pinned(ring: &ApiKeys, cx: &mut Context<'_>) -> PinnedKeys {
    for time in [&ring.refresh, &ring.keep].into_iter().flatten() {
        let message = "what is in the bundle does not grow old";
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", time.span, message)
                .help("it is for a ring with a `store`"),
        );
    }
    let mut seen = BTreeMap::new();
    for (name, consumer) in ring.consumers.iter() {
        for digest in &consumer.sha256.0 {
            let (earlier, span) = *seen.entry(digest.value).or_insert((name, digest.span));
            if earlier.value != name.value {
                let message = format!("this key is that of `{}`", earlier.value);
                cx.diagnostics.push(
                    Diagnostic::error("duplicate-definition", digest.span, message)
                        .label("again here")
                        .related(span, "first here"),
                );
            }
        }
    }
    PinnedKeys::new(ring.consumers.iter().map(|(name, consumer)| {
        let digests = consumer.sha256.0.iter().map(|digest| digest.value);
        (name.value.clone(), digests)
    }))
}
