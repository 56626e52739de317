//! Client certificates to try a policy with. Where no connection is, none is proven: what one says
//! is enough.

use tidegate_shared::bundle::Certificates;
use tidegate_shared::certificate::{ClientCertificate, DistinguishedName, NameKind};
use tidegate_shared::digest::Digest;

/// A certificate as one of a consumer's is like; `None` where there is no such consumer.
pub fn like(certificates: &Certificates, consumer: &str) -> Option<ClientCertificate> {
    let mut holders = certificates.holders.iter();
    let holder = holders.find(|own| own.consumer == consumer)?;
    let first = |names: &[DistinguishedName]| names.first().cloned().unwrap_or_default();
    let names = |kind: NameKind| {
        let pattern = holder.patterns(kind).next();
        pattern.map(|pattern| pattern.example())
    };
    let pinned = holder.pins.first().copied();
    Some(ClientCertificate {
        sha256: pinned.unwrap_or_else(|| Digest::of(consumer.as_bytes())),
        serial: "01".to_owned(),
        issuer: first(&certificates.issuers),
        subject: first(&holder.subjects),
        not_before: 0,
        not_after: u64::MAX,
        spiffe: names(NameKind::Spiffe).and_then(|id| id.parse().ok()),
        uris: names(NameKind::Uri).into_iter().collect(),
        dns: names(NameKind::Dns).into_iter().collect(),
        emails: names(NameKind::Email).into_iter().collect(),
    })
}
