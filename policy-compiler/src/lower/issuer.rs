//! Issuers and their key sets (RFC 7517).

mod rules;

use serde::Deserialize;
use tidegate_edge::jwk::{self, InvalidJwk};
use tidegate_shared::bundle::{self, Algorithm, IssuerKeys, PublicKey, TokenSource};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::Issuer;

const DEFAULT_LEEWAY: u64 = 30_000;
const MAX_LEEWAY: u64 = 300_000;
/// More keys than this are a mistake, and each costs memory at every location.
const MAX_KEYS: usize = 64;

pub(super) fn lower(name: &str, issuer: &Spanned<Issuer>, cx: &mut Context<'_>) -> bundle::Issuer {
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
    bundle::Issuer {
        name: name.to_owned(),
        issuer: issuer.issuer.value.clone(),
        audiences: issuer
            .audiences
            .iter()
            .map(|audience| audience.value.clone())
            .collect(),
        keys: keys(name, issuer, &algorithms, cx),
        algorithms,
        leeway,
        rules: rules::lower(issuer, cx),
        source: source(issuer, cx),
    }
}

fn source(issuer: &Issuer, cx: &mut Context<'_>) -> TokenSource {
    let Some(from) = &issuer.from else {
        return TokenSource::default();
    };
    if matches!(from.source, TokenSource::Query(_)) {
        cx.diagnostics.push(
            Diagnostic::warning("token-in-query", from.span, "a token in the address")
                .label("histories and logs keep it (RFC 6750 §5.3)")
                .help("where clients can do otherwise, let them send it in a header"),
        );
    }
    from.source.clone()
}

fn keys(
    name: &str,
    issuer: &Spanned<Issuer>,
    algorithms: &[Algorithm],
    cx: &mut Context<'_>,
) -> IssuerKeys {
    let symmetric = algorithms.contains(&Algorithm::HS256);
    match (&issuer.keys, &issuer.secret) {
        (Some(file), None) => {
            if symmetric {
                cx.diagnostics.push(
                    Diagnostic::error(
                        "key-confusion",
                        file.span,
                        "HS256 with a set of public keys",
                    )
                    .label("whoever knows a public key could sign tokens with it")
                    .help("give HS256 tokens an issuer of their own, with `secret: NAME`"),
                );
            }
            IssuerKeys::Pinned(key_set(file, algorithms, cx))
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
                let message = format!("`{}` is not the name of a secret", secret.value);
                cx.diagnostics.push(
                    Diagnostic::error("secret-in-policy", secret.span, message).help(
                        "write the name under which the platform holds it, never the secret itself",
                    ),
                );
            }
            IssuerKeys::Secret(secret.value.clone())
        }
        (None, None) | (Some(_), Some(_)) => {
            let message =
                format!("the issuer `{name}` needs either `keys: FILE` or `secret: NAME`");
            cx.error("missing-field", issuer.span, message);
            IssuerKeys::Pinned(Vec::new())
        }
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

fn key_set(
    file: &Spanned<String>,
    algorithms: &[Algorithm],
    cx: &mut Context<'_>,
) -> Vec<PublicKey> {
    let Some(content) = cx.read(file) else {
        return Vec::new();
    };
    let set: KeySet = match serde_json::from_slice(&content) {
        Ok(set) => set,
        Err(error) => {
            cx.error(
                "invalid-key-set",
                file.span,
                format!("`{}` is no JWK set: {error}", file.value),
            );
            return Vec::new();
        }
    };
    if set.keys.len() > MAX_KEYS {
        cx.error(
            "invalid-key-set",
            file.span,
            format!("`{}` has more than {MAX_KEYS} keys", file.value),
        );
        return Vec::new();
    }
    let mut keys = Vec::new();
    for (value, number) in set.keys.into_iter().zip(1..) {
        match jwk::parse(value) {
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(InvalidJwk::Secret) => cx.diagnostics.push(
                Diagnostic::error(
                    "secret-in-policy",
                    file.span,
                    format!("key {number} of `{}` is secret", file.value),
                )
                .help("a key set holds public keys only; for HS256 use `secret: NAME`"),
            ),
            Err(InvalidJwk::Unusable(why)) => {
                let message = format!("key {number} of `{}` cannot be used: {why}", file.value);
                cx.error("invalid-key-set", file.span, message);
            }
        }
    }
    let fits = |key: &PublicKey| {
        let own = |algorithm: &Algorithm| {
            key.material.fits(*algorithm) && key.algorithm.is_none_or(|only| only == *algorithm)
        };
        algorithms.iter().any(own)
    };
    if !algorithms.contains(&Algorithm::HS256) && !keys.iter().any(fits) {
        let message = format!("no key of `{}` is for one of the algorithms", file.value);
        cx.error("invalid-key-set", file.span, message);
    }
    keys
}
