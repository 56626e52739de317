//! From the language to the [`Ir`]: references resolved, inheritance applied, everything
//! checked. Errors accumulate; what is broken is left out.

mod api_keys;
mod arrange;
mod auth;
mod authority;
mod caller;
mod certificates;
mod condition;
mod connector;
mod context;
mod cors;
mod expiry;
mod headers;
mod introspection;
pub(crate) mod ir;
mod issuer;
mod limit;
mod merge;
mod places;
mod plan;
mod possession;
mod predicate;
mod revocations;
mod rewrite;
mod route;
mod signatures;
mod signing;
mod test;
mod token_source;
mod upstream;

use std::collections::BTreeSet;

use tidegate_shared::bundle::Tables;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{self, Source, Spanned};
use crate::syntax::Policy;
pub(crate) use arrange::follow;
pub(crate) use context::Context;
use context::is_name;
use ir::Ir;
use merge::merge;

/// Lowers the files of a policy.
pub(crate) fn lower(
    files: Vec<Spanned<Policy>>,
    sources: &[Source],
    diagnostics: &mut Diagnostics,
) -> Option<Ir> {
    let mut context = Context {
        sources,
        diagnostics,
        used: BTreeSet::new(),
        expiries: Vec::new(),
    };
    let cx = &mut context;
    let mut policy = merge(files, cx)?;
    cx.check_names("an issuer", &policy.issuers);
    cx.check_names("a ring of API keys", &policy.api_keys);
    cx.check_names("an introspection", &policy.introspections);
    cx.check_names("signatures", &policy.signatures);
    cx.check_names("certificates", &policy.certificates);
    cx.check_names("an upstream", &policy.upstreams);
    cx.check_names("a limit", &policy.limits);
    cx.check_names("a plan", &policy.plans);
    cx.check_names("an API", &policy.apis);
    let name = policy_name(&policy, cx);
    let mut tables = Tables {
        issuers: policy
            .issuers
            .iter()
            .map(|(name, issuer)| issuer::lower(name, issuer, &policy, cx))
            .collect(),
        api_keys: policy
            .api_keys
            .iter()
            .map(|(name, ring)| api_keys::lower(name, ring, &policy, cx))
            .collect(),
        introspections: policy
            .introspections
            .iter()
            .map(|(name, asked)| introspection::lower(name, asked, &policy, cx))
            .collect(),
        signatures: policy
            .signatures
            .iter()
            .map(|(name, signatures)| signatures::lower(name, signatures, &policy, cx))
            .collect(),
        certificates: policy
            .certificates
            .iter()
            .map(|(name, certificates)| certificates::lower(name, certificates, &policy, cx))
            .collect(),
        upstreams: policy
            .upstreams
            .iter()
            .map(|(name, upstream)| upstream::lower(name, upstream, cx))
            .collect(),
        limits: Vec::new(),
        calendars: Vec::new(),
        cors: Vec::new(),
        conditions: Vec::new(),
        plans: policy.plans.names().map(str::to_owned).collect(),
        revocations: policy
            .revocations
            .as_ref()
            .and_then(|list| revocations::lower(list, cx)),
    };
    for (name, limit) in policy.limits.iter() {
        limit::check(name, limit, cx);
    }
    let apis = std::mem::take(&mut policy.value.apis);
    let (hosts, places) = route::lower(apis, &policy, &mut tables, cx);
    let tests = test::lower(&policy, cx);
    cx.warn_unused("issuer", &policy.issuers);
    cx.warn_unused("ring of API keys", &policy.api_keys);
    cx.warn_unused("introspection", &policy.introspections);
    cx.warn_unused("signatures", &policy.signatures);
    cx.warn_unused("certificates", &policy.certificates);
    cx.warn_unused("upstream", &policy.upstreams);
    cx.warn_unused("limit", &policy.limits);
    cx.warn_unused("plan", &policy.plans);
    Some(Ir {
        name,
        source: source::digest(sources),
        tables,
        hosts,
        places,
        limits: policy
            .limits
            .iter()
            .map(|(name, _)| (name.value.clone(), name.span))
            .collect(),
        expiries: context.expiries,
        tests,
    })
}

fn policy_name(policy: &Spanned<Policy>, cx: &mut Context<'_>) -> String {
    let Some(name) = &policy.name else {
        cx.diagnostics.push(
            Diagnostic::error("missing-field", policy.span, "the policy has no `name`")
                .help("add `name: …`"),
        );
        return String::new();
    };
    if !is_name(name) {
        cx.diagnostics.push(
            Diagnostic::error(
                "invalid-value",
                name.span,
                format!("`{}` is not a name for a policy", name.value),
            )
            .help("use a small letter, then small letters, digits and `-`, at most 64 in all"),
        );
    }
    name.value.clone()
}
