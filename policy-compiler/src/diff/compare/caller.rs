//! Who may call: which credentials, in which combination.

use std::mem::discriminant;

use super::super::change::{ChangeKind, Severity};
use super::{Difference, credential};
use crate::meaning::{Caller, Credential, Together};
use crate::words;

/// `named` says that it matters what consumers are called.
pub(super) fn compare(old: &Caller<'_>, new: &Caller<'_>, named: bool) -> Vec<Difference> {
    let switched =
        |kind, severity| Difference::new(kind, severity, words::caller(old), words::caller(new));
    let mut differences = match (old, new) {
        (Caller::Public, Caller::Public) => Vec::new(),
        (Caller::Holder { anonymous, .. }, Caller::Public) => {
            let severity = if *anonymous {
                Severity::Loosens
            } else {
                Severity::Exposes
            };
            return vec![switched(ChangeKind::BecamePublic, severity)];
        }
        (Caller::Public, Caller::Holder { .. }) => {
            return vec![switched(ChangeKind::CredentialRequired, Severity::Tightens)];
        }
        (
            Caller::Holder { alternatives, .. },
            Caller::Holder {
                alternatives: others,
                ..
            },
        ) => either(alternatives, others, named, old.is_open() && new.is_open()),
    };
    match (old.is_open(), new.is_open()) {
        (false, true) => differences.push(switched(ChangeKind::BecameAnonymous, Severity::Exposes)),
        (true, false) => {
            differences.push(switched(ChangeKind::CredentialRequired, Severity::Tightens))
        }
        (true, true) | (false, false) => {}
    }
    differences
}

/// Alternatives belong together by the kinds of their credentials. Where anonymous callers are let
/// in, a credential that is no longer looked at lets its bearers in as such.
fn either(old: &[Together<'_>], new: &[Together<'_>], named: bool, open: bool) -> Vec<Difference> {
    if let ([old], [new]) = (old, new) {
        return together(old, new, named);
    }
    let matched = Matched::of(
        old,
        new,
        |old, new| together(old, new, named).is_empty(),
        |old, new| old.len() == new.len() && old.iter().zip(new).all(|(old, new)| alike(old, new)),
    );
    let judged = |severity| if open { Severity::Changes } else { severity };
    let mut differences = matched.differences(
        (ChangeKind::AlternativeAdded, judged(Severity::Loosens)),
        (ChangeKind::AlternativeRemoved, judged(Severity::Tightens)),
        |alternative| words::together(alternative),
    );
    for (old, new) in &matched.pairs {
        differences.extend(together(old.1, new.1, named));
    }
    let list = |alternatives: &[Together<'_>]| {
        words::ordered(
            alternatives
                .iter()
                .map(|together| words::together(together)),
        )
    };
    if !matched.pairs.is_sorted_by_key(|(old, _)| old.0) {
        differences.push(Difference::new(
            ChangeKind::CredentialOrder,
            Severity::Changes,
            list(old),
            list(new),
        ));
    }
    differences
}

/// Credentials that must all hold.
fn together(old: &[Credential<'_>], new: &[Credential<'_>], named: bool) -> Vec<Difference> {
    if let ([old], [new]) = (old, new) {
        return credential::compare(old, new, named);
    }
    let matched = Matched::of(
        old,
        new,
        |old, new| credential::compare(old, new, named).is_empty(),
        alike,
    );
    let mut differences = matched.differences(
        (ChangeKind::CredentialAdded, Severity::Tightens),
        (ChangeKind::CredentialRemoved, Severity::Loosens),
        words::credential,
    );
    for (old, new) in &matched.pairs {
        differences.extend(credential::compare(old.1, new.1, named));
    }
    let same_caller = matched
        .pairs
        .iter()
        .any(|(old, new)| old.0 == 0 && new.0 == 0);
    if !same_caller {
        differences.push(Difference::new(
            ChangeKind::CredentialOrder,
            Severity::Changes,
            words::together(old),
            words::together(new),
        ));
    }
    differences
}

fn alike(old: &Credential<'_>, new: &Credential<'_>) -> bool {
    discriminant(old) == discriminant(new)
}

/// An item with its place in its list.
type Placed<'m, T> = (usize, &'m T);

/// Which items of two lists belong together.
struct Matched<'m, T> {
    pairs: Vec<(Placed<'m, T>, Placed<'m, T>)>,
    removed: Vec<&'m T>,
    added: Vec<&'m T>,
}

impl<'m, T> Matched<'m, T> {
    /// Equal items first, then such as are alike. The pairs are in the order of the new list.
    fn of(
        old: &'m [T],
        new: &'m [T],
        equal: impl Fn(&T, &T) -> bool,
        alike: impl Fn(&T, &T) -> bool,
    ) -> Self {
        let mut removed: Vec<(usize, &T)> = old.iter().enumerate().collect();
        let mut added: Vec<(usize, &T)> = new.iter().enumerate().collect();
        let mut pairs = Vec::new();
        for fits in [&equal as &dyn Fn(&T, &T) -> bool, &alike] {
            added.retain(|new| {
                let found = removed.iter().position(|old| fits(old.1, new.1));
                pairs.extend(found.map(|place| (removed.remove(place), *new)));
                found.is_none()
            });
        }
        pairs.sort_by_key(|(_, new)| new.0);
        Self {
            pairs,
            removed: removed.into_iter().map(|(_, item)| item).collect(),
            added: added.into_iter().map(|(_, item)| item).collect(),
        }
    }

    fn differences(
        &self,
        added: (ChangeKind, Severity),
        removed: (ChangeKind, Severity),
        words: impl Fn(&T) -> String,
    ) -> Vec<Difference> {
        let gone = self.removed.iter().map(|item| Difference {
            kind: removed.0,
            severity: removed.1,
            before: Some(words(item)),
            after: None,
        });
        let come = self.added.iter().map(|item| Difference {
            kind: added.0,
            severity: added.1,
            before: None,
            after: Some(words(item)),
        });
        gone.chain(come).collect()
    }
}
