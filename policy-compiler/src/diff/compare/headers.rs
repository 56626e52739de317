//! Changes to header fields.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_shared::bundle::HeaderEdits;

use super::super::change::{ChangeKind, Severity};
use super::Difference;
use crate::words;

pub(super) fn compare(
    kind: ChangeKind,
    old: &HeaderEdits,
    new: &HeaderEdits,
) -> Option<Difference> {
    (Effect::of(old) != Effect::of(new)).then(|| {
        Difference::new(
            kind,
            Severity::Changes,
            words::header_edits(old),
            words::header_edits(new),
        )
    })
}

/// What changes come to: the last value that is set stands, and nothing is removed that is set.
#[derive(PartialEq, Eq)]
struct Effect<'s> {
    remove: BTreeSet<&'s str>,
    set: BTreeMap<&'s str, &'s str>,
    add: BTreeMap<&'s str, Vec<&'s str>>,
}

impl<'s> Effect<'s> {
    fn of(edits: &'s HeaderEdits) -> Self {
        let HeaderEdits { remove, set, add } = edits;
        let set: BTreeMap<&str, &str> = set
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let remove = remove.iter().map(String::as_str);
        let mut added: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in add {
            added.entry(name).or_default().push(value);
        }
        Self {
            remove: remove.filter(|name| !set.contains_key(name)).collect(),
            set,
            add: added,
        }
    }
}
