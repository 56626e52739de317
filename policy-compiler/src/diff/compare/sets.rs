//! Compares sets of what is allowed, or asked for.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::super::change::{ChangeKind, Severity};
use super::Difference;
use crate::words;

/// A difference between two sets of which a larger one allows more.
pub(super) fn allowed<T: Ord>(
    kind: ChangeKind,
    old: impl IntoIterator<Item = T>,
    new: impl IntoIterator<Item = T>,
    words: impl Fn(&T) -> String,
) -> Option<Difference> {
    let (old, new) = (BTreeSet::from_iter(old), BTreeSet::from_iter(new));
    let order = if old.is_subset(&new) {
        Some(Ordering::Less)
    } else {
        old.is_superset(&new).then_some(Ordering::Greater)
    };
    let list = |set: &BTreeSet<T>| words::list(set.iter().map(&words));
    (old != new).then(|| Difference::new(kind, severity(order), list(&old), list(&new)))
}

/// A difference between two sets of which a larger one asks for more.
pub(super) fn required<T: Ord>(
    kind: ChangeKind,
    old: impl IntoIterator<Item = T>,
    new: impl IntoIterator<Item = T>,
    words: impl Fn(&T) -> String,
) -> Option<Difference> {
    let difference = allowed(kind, old, new, words)?;
    Some(Difference {
        severity: match difference.severity {
            Severity::Loosens => Severity::Tightens,
            Severity::Tightens => Severity::Loosens,
            Severity::Exposes | Severity::Changes => difference.severity,
        },
        ..difference
    })
}

/// A difference between two amounts of which a larger one allows more.
pub(super) fn amount<T: Ord>(
    kind: ChangeKind,
    old: &T,
    new: &T,
    words: impl Fn(&T) -> String,
) -> Option<Difference> {
    let severity = severity(Some(old.cmp(new)));
    (old != new).then(|| Difference::new(kind, severity, words(old), words(new)))
}

/// How the way from less to greater is judged; of what cannot be compared, neither.
pub(super) fn severity(order: Option<Ordering>) -> Severity {
    match order {
        Some(Ordering::Less) => Severity::Loosens,
        Some(Ordering::Greater) => Severity::Tightens,
        Some(Ordering::Equal) | None => Severity::Changes,
    }
}
