//! Issuers.

pub(super) mod key_set;
mod remote;
mod rules;

use tidegate_shared::bundle::{self, Algorithm, IssuerKeys, RemoteKeys};

use super::caller::refuse_secret;
use super::possession::{self, Stated};
use super::{Context, plan, token_source};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::{Issuer, KeySource, Policy};

const DEFAULT_LEEWAY: u64 = 30_000;
const MAX_LEEWAY: u64 = 300_000;

pub(super) fn lower(
    name: &str,
    issuer: &Spanned<Issuer>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> bundle::Issuer {
    let algorithms: Vec<Algorithm> = issuer
        .algorithms
        .iter()
        .map(|algorithm| algorithm.value)
        .collect();
    for (field, empty) in [
        ("audiences", issuer.audiences.is_empty()),
        ("algorithms", algorithms.is_empty()),
    ] {
        if empty {
            let message =
                format!("the issuer `{name}` has no `{field}`: every token would be refused");
            cx.error("missing-field", issuer.span, message);
        }
    }
    let leeway = match &issuer.leeway {
        Some(leeway) if leeway.value.0 == 0 => leeway.value,
        leeway => cx.time(leeway.as_ref(), DEFAULT_LEEWAY, MAX_LEEWAY),
    };
    let (keys, remote) = keys(name, issuer, &algorithms, cx);
    bundle::Issuer {
        name: name.to_owned(),
        issuer: issuer.issuer.value.clone(),
        audiences: issuer
            .audiences
            .iter()
            .map(|audience| audience.value.clone())
            .collect(),
        keys,
        remote,
        algorithms,
        leeway,
        rules: rules::lower(issuer, cx),
        source: token_source::lower(issuer.from.as_ref(), cx),
        possession: possession::lower(&Stated::of_issuer(issuer), cx),
        plan: plan::of_token(issuer.plan.as_ref(), policy, cx),
    }
}

fn keys(
    name: &str,
    issuer: &Spanned<Issuer>,
    algorithms: &[Algorithm],
    cx: &mut Context<'_>,
) -> (IssuerKeys, Option<RemoteKeys>) {
    match (&issuer.keys, &issuer.secret) {
        (Some(KeySource::File(file)), None) => {
            refuse_symmetric(algorithms, file.span, cx);
            (
                IssuerKeys::Pinned(key_set::read(file, algorithms, cx)),
                None,
            )
        }
        (Some(KeySource::Remote(remote)), None) => {
            refuse_symmetric(algorithms, remote.span, cx);
            let start = remote.start.as_ref();
            let start = start.map(|file| key_set::read(file, algorithms, cx));
            let remote = remote::lower(remote, &issuer.issuer, cx);
            (IssuerKeys::Pinned(start.unwrap_or_default()), remote)
        }
        (None, Some(secret)) => {
            if algorithms
                .iter()
                .any(|algorithm| *algorithm != Algorithm::HS256)
            {
                cx.diagnostics.push(
                    Diagnostic::error(
                        "key-confusion",
                        secret.span,
                        "a `secret` with algorithms of public keys",
                    )
                    .help("allow HS256 alone, or give a key set with `keys: FILE`"),
                );
            }
            if !super::is_name(secret) {
                refuse_secret(secret, cx);
            }
            (IssuerKeys::Secret(secret.value.clone()), None)
        }
        (None, None) | (Some(_), Some(_)) => {
            let message =
                format!("the issuer `{name}` needs either `keys: FILE` or `secret: NAME`");
            cx.error("missing-field", issuer.span, message);
            (IssuerKeys::Pinned(Vec::new()), None)
        }
    }
}

fn refuse_symmetric(algorithms: &[Algorithm], span: Span, cx: &mut Context<'_>) {
    if algorithms.contains(&Algorithm::HS256) {
        cx.diagnostics.push(
            Diagnostic::error("key-confusion", span, "HS256 with a set of public keys")
                .label("whoever knows a public key could sign tokens with it")
                .help("give HS256 tokens an issuer of their own, with `secret: NAME`"),
        );
    }
}
