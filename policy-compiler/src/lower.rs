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
mod cors;
mod expiry;
mod headers;
mod introspection;
pub(crate) mod ir;
mod issuer;
mod limit;
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
use std::path::{Path, PathBuf};

use tidegate_shared::bundle::Tables;
use tidegate_shared::units::Span as TimeSpan;

use crate::decode::{Named, Parsed};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::source::{self, Source, Span, Spanned};
use crate::syntax::{Policy, Version};
pub(crate) use arrange::follow;
use ir::{Expiry, Ir};

/// What lowering needs everywhere.
pub(crate) struct Context<'c> {
    sources: &'c [Source],
    pub(crate) diagnostics: &'c mut Diagnostics,
    /// Definitions that something refers to, by kind and place: the others are unused.
    used: BTreeSet<(&'static str, usize)>,
    expiries: Vec<Expiry>,
}

impl Context<'_> {
    pub(crate) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.diagnostics
            .push(Diagnostic::error(code, span, message));
    }

    /// The index of a definition.
    fn resolve<T>(
        &mut self,
        kind: &'static str,
        name: &Spanned<String>,
        definitions: &Named<T>,
    ) -> Option<u32> {
        let found = definitions.position(name);
        if found.is_none() && !definitions.is_broken(name) {
            let message = format!("there is no {kind} `{}`", name.value);
            let diagnostic = Diagnostic::error("unknown-reference", name.span, message);
            self.diagnostics
                .push(diagnostic.suggest(name, definitions.names()));
        }
        let found = found?;
        self.used.insert((kind, found));
        u32::try_from(found).ok()
    }

    /// Warns of what nothing refers to; not beside errors, which a reference may hide behind.
    fn warn_unused<T>(&mut self, kind: &'static str, definitions: &Named<T>) {
        if self.diagnostics.has_errors() {
            return;
        }
        for (place, (name, _)) in definitions.iter().enumerate() {
            if !self.used.contains(&(kind, place)) {
                let message = format!("the {kind} `{}` is never used", name.value);
                self.diagnostics
                    .push(Diagnostic::warning("unused-definition", name.span, message));
            }
        }
    }

    /// Names go into records, file names and variables: they are kept simple.
    fn check_names<T>(&mut self, kind: &str, definitions: &Named<T>) {
        for (name, _) in definitions.iter() {
            if !is_name(name) {
                let message = format!("`{}` is not a name for {kind}", name.value);
                self.diagnostics
                    .push(Diagnostic::error("invalid-value", name.span, message).help(
                        "use a small letter, then small letters, digits and `-`, at most 64 in all",
                    ));
            }
        }
    }

    /// Reads a file that a policy names, relative to that policy file.
    fn read(&mut self, name: &Spanned<String>) -> Option<Vec<u8>> {
        let policy = self
            .sources
            .get(name.span.file())
            .map_or(Path::new(""), |source| &source.path);
        let path: PathBuf = policy.parent().unwrap_or(Path::new("")).join(&name.value);
        let too_large =
            std::fs::metadata(&path).is_ok_and(|data| data.len() > source::MAX_FILE as u64);
        if too_large {
            self.error(
                "file-too-large",
                name.span,
                format!("`{}` is larger than 1 MiB", path.display()),
            );
            return None;
        }
        match std::fs::read(&path) {
            Ok(content) => Some(content),
            Err(error) => {
                let message = format!("cannot read `{}`: {error}", path.display());
                self.error("file-not-found", name.span, message);
                None
            }
        }
    }

    /// A span of time within bounds, or the default.
    fn time(&mut self, value: Option<&Parsed<TimeSpan>>, default: u64, most: u64) -> TimeSpan {
        let Some(value) = value else {
            return TimeSpan(default);
        };
        if value.value.0 == 0 || value.value.0 > most {
            let message = format!(
                "`{}` is out of range: at least 1ms, at most {}",
                value.value,
                TimeSpan(most)
            );
            self.error("invalid-value", value.span, message);
        }
        value.value
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

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

/// One policy of all files.
fn merge(files: Vec<Spanned<Policy>>, cx: &mut Context<'_>) -> Option<Spanned<Policy>> {
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
