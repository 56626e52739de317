//! Servers that say what a token is worth.

use tidegate_shared::bundle::{self, IntrospectionClient};
use tidegate_shared::units::Span as TimeSpan;

use super::caller::refuse_secret;
use super::possession::{self, Stated};
use super::{Context, authority, plan, token_source};
use crate::decode::Parsed;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::{Introspection, Policy};

const DEFAULT_CACHE: u64 = 30_000;
const MAX_CACHE: u64 = 3_600_000;
const DEFAULT_NEGATIVE: u64 = 5_000;
const MAX_NEGATIVE: u64 = 600_000;
const MAX_KEEP: u64 = 24 * 3_600_000;

pub(super) fn lower(
    name: &str,
    asked: &Spanned<Introspection>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> bundle::Introspection {
    let client = &asked.client;
    if !super::is_name(&client.secret) {
        refuse_secret(&client.secret, cx);
    }
    authority::check(&asked.url, "the worth of tokens", cx);
    if asked.audiences.is_none() {
        let message = format!("the introspection `{name}` has no `audiences`");
        cx.diagnostics.push(
            Diagnostic::error("missing-field", asked.span, message).help(
                "name whom tokens must be for, or write `audiences: []` where the server alone \
                 decides that",
            ),
        );
    }
    let audiences = asked.audiences.iter().flatten();
    bundle::Introspection {
        name: name.to_owned(),
        url: asked.url.value.clone(),
        client: IntrospectionClient {
            id: client.id.value.clone(),
            secret: client.secret.value.clone(),
            method: client.method.as_ref().map(|m| m.value).unwrap_or_default(),
        },
        audiences: audiences.map(|audience| audience.value.clone()).collect(),
        issuer: asked.issuer.as_ref().map(|issuer| issuer.value.clone()),
        cache: time(asked.cache.as_ref(), DEFAULT_CACHE, MAX_CACHE, cx),
        negative: time(asked.negative.as_ref(), DEFAULT_NEGATIVE, MAX_NEGATIVE, cx),
        keep: time(asked.keep.as_ref(), 0, MAX_KEEP, cx),
        source: token_source::lower(asked.from.as_ref(), cx),
        possession: possession::lower(&Stated::of_introspection(asked), cx),
        plan: plan::of_token(asked.plan.as_ref(), policy, cx),
    }
}

/// A span of time that may be none.
fn time(
    value: Option<&Parsed<TimeSpan>>,
    default: u64,
    most: u64,
    cx: &mut Context<'_>,
) -> TimeSpan {
    match value {
        Some(none) if none.value.0 == 0 => none.value,
        value => cx.time(value, default, most),
    }
}
