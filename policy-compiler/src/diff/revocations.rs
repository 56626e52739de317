//! Which list of revocations callers are held against.

use tidegate_shared::bundle::WhenStale;

use super::side::Side;
use super::{Change, ChangeKind, Severity};
use crate::words;

/// Without a list, and with one whose absence refuses nobody, more callers are let in.
pub(super) fn compare(old: &Side, new: &Side) -> Option<Change> {
    let (before, after) = (old.revocations(), new.revocations());
    let stale = (
        before.map(|rules| rules.when_stale),
        after.map(|rules| rules.when_stale),
    );
    let severity = match stale {
        (Some(_), None) | (Some(WhenStale::Refuse), Some(WhenStale::Allow)) => Severity::Loosens,
        (None, Some(_)) | (Some(WhenStale::Allow), Some(WhenStale::Refuse)) => Severity::Tightens,
        (None, None) | (Some(_), Some(_)) => Severity::Changes,
    };
    (before != after).then(|| Change {
        kind: ChangeKind::Revocations,
        severity,
        place: None,
        before: before.map(words::revocations),
        after: after.map(words::revocations),
    })
}
