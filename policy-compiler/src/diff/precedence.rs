//! Finds routes of one path that changed places: a request that both would take meets another.

use std::collections::{BTreeMap, HashMap};

use tidegate_shared::bundle::{FieldPredicate, FieldTest};
use tidegate_shared::host::HostPattern;
use tidegate_shared::method::MethodSet;

use super::change::{Change, ChangeKind, Place};
use super::compare::{Difference, meanings};
use super::rule::{Conditions, Rule, reachable};

/// Compares the order of every two routes of a path that are on both sides.
pub(super) fn compare(host: &HostPattern, old: &[Rule<'_>], new: &[Rule<'_>]) -> Vec<Change> {
    let mut swapped: BTreeMap<(usize, usize), MethodSet> = BTreeMap::new();
    for method in MethodSet::ANY.members() {
        let before: HashMap<&Conditions<'_>, usize> = reachable(old, method)
            .into_iter()
            .filter_map(|place| Some((&old.get(place)?.conditions, place)))
            .collect();
        let common: Vec<(usize, &Rule<'_>, usize)> = reachable(new, method)
            .into_iter()
            .filter_map(|place| {
                let rule = new.get(place)?;
                Some((place, rule, *before.get(&rule.conditions)?))
            })
            .collect();
        if common.is_sorted_by_key(|(.., before)| before) {
            continue;
        }
        for (index, (later_place, later, later_before)) in common.iter().enumerate() {
            for (place, earlier, before) in common.iter().take(index) {
                if later_before < before
                    && !exclude(&earlier.conditions, &later.conditions)
                    && !meanings(&later.meaning, &earlier.meaning).is_empty()
                {
                    let methods = swapped.entry((*place, *later_place)).or_default();
                    *methods = methods.union(method);
                }
            }
        }
    }
    let change = |((first, second), methods): ((usize, usize), MethodSet)| {
        let (first, second) = (new.get(first)?, new.get(second)?);
        let both = [&first.conditions, &second.conditions].map(Conditions::words);
        Some(Change {
            kind: ChangeKind::Precedence,
            severity: Difference::worst(&meanings(&second.meaning, &first.meaning)),
            place: Some(Place {
                hosts: vec![host.clone()],
                methods,
                path: first.meaning.pattern.clone(),
                conditions: both.join(" and "),
                route: first.name.to_owned(),
            }),
            before: Some(second.taken_by()),
            after: Some(first.taken_by()),
        })
    };
    swapped.into_iter().filter_map(change).collect()
}

/// Whether no request can meet both: each wants another value of one field.
fn exclude(a: &Conditions<'_>, b: &Conditions<'_>) -> bool {
    let differ = |a: &FieldPredicate, b: &FieldPredicate| match (&a.test, &b.test) {
        (FieldTest::Exact(one), FieldTest::Exact(other)) => a.name == b.name && one != other,
        (FieldTest::Present | FieldTest::Exact(_) | FieldTest::Matches(_), _) => false,
    };
    let some = |a: &[&FieldPredicate], b: &[&FieldPredicate]| {
        a.iter().any(|a| b.iter().any(|b| differ(a, b)))
    };
    some(&a.headers, &b.headers) || some(&a.query, &b.query)
}
