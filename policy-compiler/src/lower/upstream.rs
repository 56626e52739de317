//! Upstreams: origins, their order, TLS, retries, signatures.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde_bytes::ByteBuf;
use tidegate_shared::bundle::{self, RetryOn};
use tidegate_shared::spiffe::{InvalidSpiffeId, SpiffeId};
use tidegate_shared::units::Percent;

use super::{Context, caller, connector, expiry, signing};
use crate::diagnostic::Diagnostic;
use crate::source::Spanned;
use crate::syntax::Upstream;

const DEFAULT_TIMEOUT: u64 = 10_000;
/// The longest wait for an origin, here and on a route.
pub(super) const MAX_TIMEOUT: u64 = 300_000;
const MAX_ORIGINS: usize = 16;
const MAX_ATTEMPTS: u64 = 5;
const DEFAULT_BUDGET: Percent = Percent(20);

pub(super) fn lower(
    name: &str,
    upstream: &Spanned<Upstream>,
    cx: &mut Context<'_>,
) -> bundle::Upstream {
    let count = upstream.origins.entries.len();
    if count == 0 || count > MAX_ORIGINS {
        let message =
            format!("the upstream `{name}` has {count} origins: it needs 1 to {MAX_ORIGINS}");
        cx.error("invalid-value", upstream.span, message);
    }
    cx.check_names("an origin", &upstream.origins);
    let mut origins: Vec<bundle::Origin> = upstream
        .origins
        .iter()
        .map(|(name, origin)| bundle::Origin {
            name: name.value.clone(),
            url: url(&origin.url, origin.tunnel.is_some(), cx),
            tunnel: origin.tunnel.as_ref().and_then(|id| tunnel(id, cx)),
        })
        .collect();
    if let Some(balance) = &upstream.balance {
        order(&mut origins, &balance.failover, upstream, cx);
    }
    let tls = upstream.tls.as_ref();
    let identity = tls.and_then(|tls| tls.identity.as_ref());
    if let Some(identity) = identity.filter(|identity| !super::is_name(identity)) {
        let message = format!(
            "`{}` is not the name of a client certificate",
            identity.value
        );
        cx.error("invalid-value", identity.span, message);
    }
    bundle::Upstream {
        name: name.to_owned(),
        retry: retry(upstream, cx),
        origins,
        identity: identity.map(|identity| identity.value.clone()),
        trust: tls
            .and_then(|tls| tls.trust.as_ref())
            .map_or_else(Vec::new, |file| trust(file, cx)),
        timeout: cx.time(upstream.timeout.as_ref(), DEFAULT_TIMEOUT, MAX_TIMEOUT),
        caller: upstream
            .caller
            .as_ref()
            .map(|facts| caller::lower(facts, cx))
            .unwrap_or_default(),
        sign: upstream
            .sign
            .as_ref()
            .map(|signing| signing::lower(signing, cx)),
        connector: upstream
            .connector
            .as_ref()
            .map(|rules| connector::lower(rules, upstream, cx)),
    }
}

/// The connector on whose connections an origin is reached.
fn tunnel(id: &Spanned<String>, cx: &mut Context<'_>) -> Option<SpiffeId> {
    let parsed = id.value.parse();
    let wrong = |error: InvalidSpiffeId| {
        cx.diagnostics.push(
            Diagnostic::error("invalid-value", id.span, error.to_string())
                .help("write the connector's SPIFFE ID, as `spiffe://bank.example/connector/dc1`"),
        );
    };
    parsed.map_err(wrong).ok()
}

/// Scheme, authority and base path, without a slash at the end. A tunnel encrypts whatever the
/// scheme says.
fn url(url: &Spanned<String>, tunnelled: bool, cx: &mut Context<'_>) -> String {
    let text = url.value.trim_end_matches('/').to_owned();
    let parsed = text.parse::<http::Uri>().ok();
    let host = parsed.as_ref().and_then(|uri| {
        let plain = uri.query().is_none() && !uri.authority()?.as_str().contains('@');
        let scheme = uri
            .scheme_str()
            .filter(|scheme| matches!(*scheme, "http" | "https"))?;
        plain.then_some((scheme, uri.host()?))
    });
    match host {
        None => cx.diagnostics.push(
            Diagnostic::error(
                "invalid-value",
                url.span,
                format!("`{}` is not an origin's URL", url.value),
            )
            .help("write `https://host:port`, with a path if all requests go below it"),
        ),
        Some(("http", host))
            if !tunnelled && !matches!(host, "localhost" | "127.0.0.1" | "[::1]") =>
        {
            cx.diagnostics.push(
                Diagnostic::warning(
                    "plaintext-origin",
                    url.span,
                    "requests to this origin are not encrypted",
                )
                .help("use `https://`"),
            )
        }
        Some(_) => {}
    }
    text
}

/// Sorts the origins as `failover` says, which names each exactly once.
fn order(
    origins: &mut Vec<bundle::Origin>,
    failover: &[Spanned<String>],
    upstream: &Spanned<Upstream>,
    cx: &mut Context<'_>,
) {
    let mut ordered: Vec<bundle::Origin> = Vec::new();
    for name in failover {
        if ordered.iter().any(|origin| origin.name == name.value) {
            cx.error(
                "invalid-value",
                name.span,
                format!("the origin `{}` stands twice", name.value),
            );
        } else if let Some(index) = cx.resolve("origin", name, &upstream.origins) {
            ordered.extend(
                usize::try_from(index)
                    .ok()
                    .and_then(|index| origins.get(index))
                    .cloned(),
            );
        }
    }
    let missing: Vec<&str> = origins
        .iter()
        .filter(|origin| !ordered.contains(origin))
        .map(|origin| origin.name.as_str())
        .collect();
    if let (Some(first), false) = (failover.first(), missing.is_empty()) {
        cx.diagnostics.push(
            Diagnostic::error(
                "invalid-value",
                first.span,
                "the failover order leaves origins out",
            )
            .help(format!("add `{}`", missing.join("`, `"))),
        );
    }
    *origins = ordered;
}

/// The certificates of a PEM file, in DER.
fn trust(file: &Spanned<String>, cx: &mut Context<'_>) -> Vec<ByteBuf> {
    let Some(content) = cx.read(file) else {
        return Vec::new();
    };
    let certificates: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_slice_iter(&content).collect();
    let certificates = certificates.unwrap_or_default();
    let valid = |der: &CertificateDer<'_>| x509_parser::parse_x509_certificate(der).is_ok();
    if certificates.is_empty() || !certificates.iter().all(valid) {
        let message = format!("`{}` is not a PEM file of certificates", file.value);
        cx.error("invalid-certificate", file.span, message);
    }
    for der in &certificates {
        expiry::of_certificate(der, file, cx);
    }
    certificates
        .into_iter()
        .map(|der| ByteBuf::from(der.to_vec()))
        .collect()
}

fn retry(upstream: &Spanned<Upstream>, cx: &mut Context<'_>) -> bundle::Retry {
    let retry = upstream.retry.as_ref();
    let default = upstream.origins.entries.len().min(MAX_ORIGINS) as u64;
    let attempts = match retry.and_then(|retry| retry.attempts.as_ref()) {
        None => default.clamp(1, MAX_ATTEMPTS),
        Some(attempts) => {
            if !(1..=MAX_ATTEMPTS).contains(&attempts.value) {
                cx.error(
                    "invalid-value",
                    attempts.span,
                    format!("`attempts` is 1 to {MAX_ATTEMPTS}"),
                );
            }
            attempts.value
        }
    };
    let on = retry.and_then(|retry| retry.on.as_ref());
    bundle::Retry {
        attempts: u8::try_from(attempts).unwrap_or(1),
        on: on.map_or_else(
            || vec![RetryOn::Connect],
            |on| on.iter().map(|cause| cause.0).collect(),
        ),
        budget: retry
            .and_then(|retry| retry.budget.as_ref())
            .map_or(DEFAULT_BUDGET, |budget| budget.value),
    }
}
