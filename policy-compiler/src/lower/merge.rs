//! One policy of several files.

use super::Context;
use crate::decode::Parsed;
use crate::source::{Span, Spanned};
use crate::syntax::{Policy, Version};

/// One policy of all files.
pub(super) fn merge(files: Vec<Spanned<Policy>>, cx: &mut Context<'_>) -> Option<Spanned<Policy>> {
    let mut files = files.into_iter();
    let mut merged = files.next()?;
    let policy = &mut merged.value;
    for Spanned { value: file, span } in files {
        let Policy {
            version:
                Parsed(Spanned {
                    value: Version,
                    span: _,
                }),
            name,
            hosts,
            issuers,
            api_keys,
            introspections,
            signatures,
            certificates,
            revocations,
            upstreams,
            limits,
            plans,
            cors,
            headers,
            apis,
            tests,
        } = file;
        once(&mut policy.name, name, "name", |name| name.span, cx);
        once(&mut policy.hosts, hosts, "hosts", |_| span, cx);
        once(&mut policy.cors, cors, "cors", |_| span, cx);
        once(
            &mut policy.revocations,
            revocations,
            "revocations",
            |list| list.span,
            cx,
        );
        once(
            &mut policy.headers,
            headers,
            "headers",
            |headers| headers.span,
            cx,
        );
        policy.issuers.extend(issuers);
        policy.api_keys.extend(api_keys);
        policy.introspections.extend(introspections);
        policy.signatures.extend(signatures);
        policy.certificates.extend(certificates);
        policy.upstreams.extend(upstreams);
        policy.limits.extend(limits);
        policy.plans.extend(plans);
        policy.apis.extend(apis);
        policy.tests.extend(tests);
    }
    policy.issuers.keep_first("issuer", cx.diagnostics);
    policy
        .api_keys
        .keep_first("ring of API keys", cx.diagnostics);
    policy
        .introspections
        .keep_first("introspection", cx.diagnostics);
    policy.signatures.keep_first("signatures", cx.diagnostics);
    policy
        .certificates
        .keep_first("certificates", cx.diagnostics);
    policy.upstreams.keep_first("upstream", cx.diagnostics);
    policy.limits.keep_first("limit", cx.diagnostics);
    policy.plans.keep_first("plan", cx.diagnostics);
    policy.apis.keep_first("API", cx.diagnostics);
    Some(merged)
}

fn once<T>(
    own: &mut Option<T>,
    other: Option<T>,
    field: &str,
    span: impl Fn(&T) -> Span,
    cx: &mut Context<'_>,
) {
    match (&own, other) {
        (_, None) => {}
        (None, other) => *own = other,
        (Some(_), Some(other)) => {
            let message = format!("`{field}` stands in more than one file of the policy");
            cx.error("duplicate-definition", span(&other), message);
        }
    }
}
