//! Rings of API keys.

use std::collections::BTreeMap;

use http::header::AUTHORIZATION;
use tidegate_shared::bundle::{ApiKeyRing, ApiKeySource, PinnedKeys};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::syntax::{ApiKeys, KeyScheme};

pub(super) fn lower(name: &str, ring: &ApiKeys, cx: &mut Context<'_>) -> ApiKeyRing {
    ApiKeyRing {
        name: name.to_owned(),
        source: source(ring, cx),
        prefix: ring.prefix.as_ref().map(|prefix| prefix.value.clone()),
        keys: pinned(ring, cx),
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

/// The digests of the ring. A key says whose it is: no two consumers may have one.
fn pinned(ring: &ApiKeys, cx: &mut Context<'_>) -> PinnedKeys {
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
