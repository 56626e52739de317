//! How much may be called.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_shared::bundle::{KeyPart, Limit};
use tidegate_shared::pattern::PathPattern;
use tidegate_shared::units::Rate;

use super::super::change::{ChangeKind, Severity};
use super::{Difference, sets};
use crate::meaning::Meaning;
use crate::words;

/// Limits belong together by name, which the answer's fields show and which names their buckets;
/// of the others, those that are equal but for the name.
pub(super) fn compare(old: &Meaning<'_>, new: &Meaning<'_>) -> Vec<Difference> {
    let (mut before, mut after) = (by_name(old), by_name(new));
    let mut differences = Vec::new();
    for (name, old) in &before {
        differences.extend(after.get(name).and_then(|new| old.difference(new)));
    }
    let common: BTreeSet<&str> = before
        .keys()
        .filter(|name| after.contains_key(*name))
        .copied()
        .collect();
    before.retain(|name, _| !common.contains(name));
    after.retain(|name, _| !common.contains(name));
    for (name, old) in before {
        let renamed = after.iter().find(|(_, new)| new.is_like(&old));
        differences.push(match renamed.map(|(new, _)| *new) {
            Some(new) => {
                after.remove(new);
                let [before, after] = [name, new].map(words::code);
                Difference::new(ChangeKind::LimitRenamed, Severity::Changes, before, after)
            }
            None => Difference {
                kind: ChangeKind::LimitRemoved,
                severity: Severity::Loosens,
                before: Some(words::limit(old.limit)),
                after: None,
            },
        });
    }
    differences.extend(after.values().map(|new| Difference {
        kind: ChangeKind::LimitAdded,
        severity: Severity::Tightens,
        before: None,
        after: Some(words::limit(new.limit)),
    }));
    differences
}

fn by_name<'s>(meaning: &Meaning<'s>) -> BTreeMap<&'s str, Counted<'s>> {
    let limits = meaning.limits.iter();
    limits
        .map(|limit| (limit.name.as_str(), Counted::of(limit, meaning.pattern)))
        .collect()
}

/// What a limit counts.
struct Counted<'s> {
    limit: &'s Limit,
    /// Parts of the key; a path parameter by its place, so that its name tells nothing.
    key: BTreeSet<String>,
}

impl<'s> Counted<'s> {
    fn of(limit: &'s Limit, pattern: &PathPattern) -> Self {
        let part = |part: &KeyPart| match part {
            KeyPart::PathParameter(name) => {
                let place = pattern.parameters().position(|own| own == name);
                format!("{place:?} of {}", pattern.skeleton())
            }
            KeyPart::Subject | KeyPart::Issuer | KeyPart::Address | KeyPart::Header(_) => {
                words::key_part(part)
            }
        };
        Self {
            limit,
            key: limit.key.iter().map(part).collect(),
        }
    }

    /// Whether both are equal but for the name.
    fn is_like(&self, other: &Self) -> bool {
        let Limit {
            name: _,
            rate,
            burst,
            key: _,
        } = self.limit;
        *rate == other.limit.rate && *burst == other.limit.burst && self.key == other.key
    }

    fn difference(&self, new: &Self) -> Option<Difference> {
        if self.is_like(new) {
            return None;
        }
        let (old_rate, new_rate) = (self.limit.rate, new.limit.rate);
        let scaled = |rate: Rate, other: Rate| u64::from(rate.count) * u64::from(other.period);
        let rate = scaled(old_rate, new_rate).cmp(&scaled(new_rate, old_rate));
        let burst = self.limit.burst.cmp(&new.limit.burst);
        let comparable = self.key == new.key && (rate == burst || rate.is_eq() || burst.is_eq());
        Some(Difference::new(
            ChangeKind::LimitChanged,
            sets::severity(comparable.then(|| rate.then(burst))),
            words::limit(self.limit),
            words::limit(new.limit),
        ))
    }
}
