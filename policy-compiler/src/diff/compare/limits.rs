//! How much may be called.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use tidegate_shared::bundle::{
    Accuracy, Allowance, Calendar, Cost, KeyPart, Limit, Tables, Unreachable,
};
use tidegate_shared::units::Rate;

use super::super::change::{ChangeKind, Severity};
use super::expression::Asked;
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
                before: Some(old.words()),
                after: None,
            },
        });
    }
    differences.extend(after.values().map(|new| Difference {
        kind: ChangeKind::LimitAdded,
        severity: Severity::Tightens,
        before: None,
        after: Some(new.words()),
    }));
    differences
}

fn by_name<'s>(meaning: &Meaning<'s>) -> BTreeMap<&'s str, Counted<'s>> {
    let limits = meaning.limits.iter();
    limits
        .map(|limit| (limit.name.as_str(), Counted::of(limit, meaning)))
        .collect()
}

/// What a limit counts.
struct Counted<'s> {
    limit: &'s Limit,
    tables: &'s Tables,
    /// Parts of the key; a path parameter by its place, so that its name tells nothing.
    key: BTreeSet<Part<'s>>,
    cost: Units<'s>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'s> {
    Parameter(Option<usize>, String),
    Expression(Option<Asked<'s>>),
    Word(String),
}

#[derive(PartialEq, Eq)]
enum Units<'s> {
    Fixed(u32),
    Expression(Option<Asked<'s>>),
}

impl<'s> Counted<'s> {
    fn of(limit: &'s Limit, meaning: &Meaning<'s>) -> Self {
        let pattern = meaning.pattern;
        let expressions = meaning.tables.conditions.as_slice();
        let asked = |index: u32| {
            let expression = expressions.get(usize::try_from(index).ok()?)?;
            Some(Asked::of(expression, meaning))
        };
        let part = |part: &KeyPart| match part {
            KeyPart::PathParameter(name) => {
                let place = pattern.parameters().position(|own| own == name);
                Part::Parameter(place, pattern.skeleton())
            }
            KeyPart::Value(index) => Part::Expression(asked(*index)),
            KeyPart::Subject | KeyPart::Issuer | KeyPart::Address | KeyPart::Header(_) => {
                Part::Word(words::key_part(part, expressions))
            }
        };
        Self {
            limit,
            tables: meaning.tables,
            key: limit.key.iter().map(part).collect(),
            cost: match limit.cost {
                Cost::Fixed(units) => Units::Fixed(units),
                Cost::Value(index) => Units::Expression(asked(index)),
            },
        }
    }

    fn allows(&self) -> Allowed<'s> {
        match self.limit.allows {
            Allowance::Rate { rate, burst } => Allowed::Rate(rate, burst),
            Allowance::AtOnce(units) => Allowed::AtOnce(units),
            Allowance::Quota { units, calendar } => {
                let calendar = usize::try_from(calendar).ok();
                let calendar = calendar.and_then(|index| self.tables.calendars.get(index));
                Allowed::Quota(units, calendar)
            }
        }
    }

    fn words(&self) -> String {
        words::limit(self.limit, self.tables)
    }

    /// Whether both are equal but for the name.
    fn is_like(&self, other: &Self) -> bool {
        let Limit {
            name: _,
            allows: _,
            key: _,
            cost: _,
            scope: _,
            accuracy,
            shadow,
        } = self.limit;
        self.allows() == other.allows()
            && *accuracy == other.limit.accuracy
            && *shadow == other.limit.shadow
            && self.counts_like(other)
    }

    /// Whether both count the same things, each apart from the same others.
    fn counts_like(&self, other: &Self) -> bool {
        // The names of API and route tell nothing.
        let scope = |counted: &Self| std::mem::discriminant(&counted.limit.scope);
        self.key == other.key && self.cost == other.cost && scope(self) == scope(other)
    }

    fn difference(&self, new: &Self) -> Option<Difference> {
        if self.is_like(new) {
            return None;
        }
        let [much, most] = self.allows().more_than(&new.allows());
        let beyond = beyond(self.limit.accuracy).cmp(&beyond(new.limit.accuracy));
        let shadow = self.limit.shadow.cmp(&new.limit.shadow);
        let orders = [much, most, Some(beyond), Some(shadow)];
        let known = orders
            .into_iter()
            .map(|order| order.unwrap_or(Ordering::Equal));
        let order = known.fold(Ordering::Equal, Ordering::then);
        let agrees = |own: Option<Ordering>| own.is_some_and(|own| own.is_eq() || own == order);
        let comparable = self.counts_like(new) && orders.into_iter().all(agrees);
        Some(Difference::new(
            ChangeKind::LimitChanged,
            sets::severity(comparable.then_some(order)),
            self.words(),
            new.words(),
        ))
    }
}

/// What a limit allows, with its calendar in place of the reference to it.
#[derive(PartialEq, Eq)]
enum Allowed<'s> {
    Rate(Rate, u32),
    Quota(u32, Option<&'s Calendar>),
    AtOnce(u32),
}

impl Allowed<'_> {
    /// Whether it allows more than another: in the long run, and at once. `None` for what cannot be
    /// compared.
    fn more_than(&self, other: &Self) -> [Option<Ordering>; 2] {
        match (self, other) {
            (Self::Rate(old, burst), Self::Rate(new, other)) => {
                let rate = in_both_periods(old, new).cmp(&in_both_periods(new, old));
                [Some(rate), Some(burst.cmp(other))]
            }
            (Self::Quota(old, before), Self::Quota(new, after)) if before == after => {
                [Some(old.cmp(new)); 2]
            }
            (Self::AtOnce(old), Self::AtOnce(new)) => [Some(old.cmp(new)); 2],
            (Self::Rate(..) | Self::Quota(..) | Self::AtOnce(_), _) => [None; 2],
        }
    }
}

/// What a rate admits in as many seconds as the product of both periods.
pub(super) fn in_both_periods(rate: &Rate, other: &Rate) -> u64 {
    u64::from(rate.count) * u64::from(other.period)
}

/// How far a limit may admit more than it says.
fn beyond(accuracy: Accuracy) -> u8 {
    match accuracy {
        Accuracy::Leased(Unreachable::Refuse)
        | Accuracy::Strict(Unreachable::Refuse | Unreachable::Local) => 0,
        Accuracy::Leased(Unreachable::Local) => 1,
        Accuracy::Leased(Unreachable::Allow) | Accuracy::Strict(Unreachable::Allow) => 2,
        Accuracy::Local => 3,
    }
}
