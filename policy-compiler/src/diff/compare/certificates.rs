//! Which client certificates are accepted.

use tidegate_shared::bundle::Certificates;

use super::super::change::{ChangeKind, Severity};
use super::{Difference, sets};
use crate::words;

pub(super) fn compare(old: &Certificates, new: &Certificates) -> Vec<Difference> {
    let Certificates {
        // Names the buckets of limits by caller, as one of them or another.
        name: _,
        issuers,
        holders,
    } = old;
    let issuers = sets::allowed(
        ChangeKind::CertificateIssuers,
        issuers,
        &new.issuers,
        |name| words::distinguished_name(name),
    );
    let anyone = |issuers: &[_]| {
        let anyone = || "whomever the platform trusts".to_owned();
        issuers.is_empty().then(anyone)
    };
    // None is whomever the platform trusts.
    let issuers = issuers.map(|difference| Difference {
        severity: match (old.issuers.is_empty(), new.issuers.is_empty()) {
            (true, false) => Severity::Tightens,
            (false, true) => Severity::Loosens,
            _ => difference.severity,
        },
        before: anyone(&old.issuers).or(difference.before),
        after: anyone(&new.issuers).or(difference.after),
        ..difference
    });
    let holders = sets::allowed(
        ChangeKind::CertificateHolders,
        holders,
        &new.holders,
        |holder| words::certificate_holder(holder),
    );
    [issuers, holders].into_iter().flatten().collect()
}
