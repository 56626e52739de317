//! Who is known by a client certificate.

use std::collections::BTreeMap;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tidegate_shared::bundle::{self, CertificateHolder as Holder};
use tidegate_shared::certificate::{ClientCertificate, DistinguishedName, NameKind, NamePattern};
use tidegate_shared::digest::Digest;

use super::{Context, expiry, plan};
use crate::decode::Parsed;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};
use crate::syntax::{CertificateHolder, Certificates, Policy};

pub(super) fn lower(
    name: &str,
    certificates: &Spanned<Certificates>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> bundle::Certificates {
    if certificates.consumers.entries.is_empty() {
        let message = format!("the certificates `{name}` have no consumers: nobody could call");
        cx.error("missing-field", certificates.span, message);
    }
    let issuers = certificates.issuer.as_ref();
    let issuers = issuers.map_or_else(Vec::new, |issuers| names(&issuers.0, cx));
    let mut pinned: BTreeMap<Digest, (String, Span)> = BTreeMap::new();
    let mut holders: Vec<(Holder, Span)> = Vec::new();
    for (name, stated) in certificates.consumers.iter() {
        let consumer = name.as_str();
        let (holder, pins) = holder(consumer, stated, policy, cx);
        if holder.pins.is_empty() && issuers.is_empty() {
            let message =
                format!("whoever the platform trusts could issue a certificate of `{consumer}`");
            cx.diagnostics.push(
                Diagnostic::error("certificate-of-anyone", stated.span, message)
                    .help("say who must have: `issuer: \"CN=…\"`, or pin it with `sha256`"),
            );
        }
        for (digest, span) in pins {
            let own = (consumer.to_owned(), span);
            let (earlier, first) = pinned.entry(digest).or_insert(own);
            if *earlier != consumer {
                let message = format!("this certificate is that of `{earlier}`");
                cx.diagnostics.push(
                    Diagnostic::error("duplicate-definition", span, message)
                        .label("again here")
                        .related(*first, "first here"),
                );
            }
        }
        if let Some((earlier, first)) = holders.iter().find(|(other, _)| overlap(other, &holder)) {
            let message = format!(
                "one certificate can be of `{}` and of `{consumer}`",
                earlier.consumer
            );
            cx.diagnostics.push(
                Diagnostic::error("ambiguous-consumer", stated.span, message)
                    .related(*first, "the other one")
                    .help("whoever shows it would be refused: let the rules exclude each other"),
            );
        }
        holders.push((holder, stated.span));
    }
    bundle::Certificates {
        name: name.to_owned(),
        issuers,
        holders: holders.into_iter().map(|(holder, _)| holder).collect(),
    }
}

/// What a consumer's certificates are like, and where each pin stands.
fn holder(
    consumer: &str,
    stated: &Spanned<CertificateHolder>,
    policy: &Policy,
    cx: &mut Context<'_>,
) -> (Holder, Vec<(Digest, Span)>) {
    let mut pins: Vec<(Digest, Span)> = Vec::new();
    if let Some(digests) = &stated.sha256 {
        pins.extend(digests.0.iter().map(|digest| (digest.value, digest.span)));
    }
    if let Some(file) = &stated.certificate {
        pins.extend(of_file(file, cx).into_iter().map(|one| (one, file.span)));
    }
    let subjects = stated.subject.as_ref();
    let subjects = subjects.map_or_else(Vec::new, |subjects| names(&subjects.0, cx));
    let mut patterns = Vec::new();
    for (kind, texts) in [
        (NameKind::Spiffe, &stated.spiffe),
        (NameKind::Uri, &stated.uri),
        (NameKind::Dns, &stated.dns),
        (NameKind::Email, &stated.email),
    ] {
        for text in texts.iter().flat_map(|texts| &texts.0) {
            match NamePattern::new(kind, text) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => cx.error("invalid-value", text.span, error.to_string()),
            }
        }
    }
    let says = stated.spiffe.is_some()
        || stated.uri.is_some()
        || stated.dns.is_some()
        || stated.email.is_some()
        || stated.subject.is_some();
    if !says && stated.sha256.is_none() && stated.certificate.is_none() {
        let message = format!("nothing says what certificates of `{consumer}` are like");
        cx.diagnostics.push(
            Diagnostic::error("missing-field", stated.span, message)
                .help("add `sha256`, `certificate`, `subject`, `spiffe`, `uri`, `dns` or `email`"),
        );
    }
    let plan = stated.plan.as_ref();
    let holder = Holder {
        consumer: consumer.to_owned(),
        plan: plan.and_then(|name| plan::named(name, policy, cx)),
        pins: pins.iter().map(|(digest, _)| *digest).collect(),
        subjects,
        names: patterns,
    };
    (holder, pins)
}

fn names(stated: &[Parsed<DistinguishedName>], cx: &mut Context<'_>) -> Vec<DistinguishedName> {
    for name in stated.iter().filter(|name| name.value.as_str().is_empty()) {
        cx.error("invalid-value", name.span, "an empty name is nobody's");
    }
    stated.iter().map(|name| name.value.clone()).collect()
}

/// The digests of the certificates of a PEM file.
fn of_file(file: &Spanned<String>, cx: &mut Context<'_>) -> Vec<Digest> {
    let Some(content) = cx.read(file) else {
        return Vec::new();
    };
    let certificates: Result<Vec<CertificateDer<'_>>, _> =
        CertificateDer::pem_slice_iter(&content).collect();
    let certificates = certificates.unwrap_or_default();
    if certificates.is_empty() {
        let message = format!("`{}` is not a PEM file of certificates", file.value);
        cx.error("invalid-certificate", file.span, message);
    }
    let mut digests = Vec::new();
    for der in &certificates {
        match ClientCertificate::read(der) {
            Ok(certificate) => {
                expiry::of_certificate(der, file, cx);
                digests.push(certificate.sha256);
            }
            Err(error) => {
                let message = format!("a certificate of `{}` is of no client: {error}", file.value);
                cx.error("invalid-certificate", file.span, message);
            }
        }
    }
    digests
}

/// Whether the rules of two consumers plainly let one certificate be of both. Where they speak of
/// different kinds of names, nobody can tell.
fn overlap(one: &Holder, other: &Holder) -> bool {
    if !one.pins.is_empty() || !other.pins.is_empty() {
        return false;
    }
    let of_kind = |kind: NameKind| {
        let (own, others) = (one.patterns(kind), other.patterns(kind));
        let (own, others): (Vec<_>, Vec<_>) = (own.collect(), others.collect());
        match (own.is_empty(), others.is_empty()) {
            (true, true) => true,
            (false, false) => own
                .iter()
                .any(|own| others.iter().any(|other| own.meets(other))),
            _ => false,
        }
    };
    let subjects = match (one.subjects.is_empty(), other.subjects.is_empty()) {
        (true, true) => true,
        (false, false) => one.subjects.iter().any(|own| other.subjects.contains(own)),
        _ => false,
    };
    // Without any rule there is another error.
    let ruled = |holder: &Holder| !holder.subjects.is_empty() || !holder.names.is_empty();
    ruled(one) && ruled(other) && subjects && NameKind::ALL.into_iter().all(of_kind)
}
