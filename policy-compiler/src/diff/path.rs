//! Compares what serves one path before and after.

use std::collections::{BTreeMap, HashMap};

use tidegate_shared::bundle::PathEntry;
use tidegate_shared::host::HostPattern;
use tidegate_shared::method::MethodSet;

use super::change::{Change, ChangeKind, Place, Severity};
use super::compare::{Difference, meanings};
use super::precedence;
use super::rule::{Conditions, Rule, reachable};
use super::side::Host;
use super::taker::taker;
use crate::words;

/// The places of two rules that take the same requests; one is missing where nothing does.
type Pair = (Option<usize>, Option<usize>);

pub(super) fn compare<'s>(
    host: &HostPattern,
    sides: [Option<Host<'s>>; 2],
    entries: [Option<&'s PathEntry>; 2],
) -> Vec<Change> {
    let [old_side, new_side] = sides;
    let [old_entry, new_entry] = entries;
    let old = Rule::all(old_side, old_entry);
    let new = Rule::all(new_side, new_entry);
    let mut changes = Vec::new();
    for ((before, after), methods) in pair(&old, &new) {
        let rule = |rules: &'_ [Rule<'s>], place: Option<usize>| rules.get(place?).cloned();
        match (rule(&old, before), rule(&new, after)) {
            (Some(old), Some(new)) => {
                let place = place(host, methods, &new);
                let differences = meanings(&old.meaning, &new.meaning).into_iter();
                changes.extend(differences.map(|difference| difference.at(place.clone())));
            }
            (None, Some(new)) => {
                let takers = by_taker(old_side, host, methods, &new);
                changes.extend(takers.into_iter().map(|(methods, taker)| {
                    added(place(host, methods, &new), &new, taker.as_ref())
                }));
            }
            (Some(old), None) => {
                let takers = by_taker(new_side, host, methods, &old);
                changes.extend(takers.into_iter().map(|(methods, taker)| {
                    removed(place(host, methods, &old), &old, taker.as_ref())
                }));
            }
            (None, None) => {}
        }
    }
    changes.extend(precedence::compare(host, &old, &new));
    changes
}

/// Pairs the rules of both sides, method by method; each pair with its methods.
fn pair(old: &[Rule<'_>], new: &[Rule<'_>]) -> BTreeMap<Pair, MethodSet> {
    let mut pairs: BTreeMap<Pair, MethodSet> = BTreeMap::new();
    for method in MethodSet::ANY.members() {
        let mut before: HashMap<&Conditions<'_>, usize> = HashMap::new();
        for place in reachable(old, method) {
            before.extend(old.get(place).map(|rule| (&rule.conditions, place)));
        }
        let mut add = |pair| {
            let methods = pairs.entry(pair).or_default();
            *methods = methods.union(method);
        };
        for place in reachable(new, method) {
            let same = new
                .get(place)
                .and_then(|rule| before.remove(&rule.conditions));
            add((same, Some(place)));
        }
        before
            .into_values()
            .for_each(|place| add((Some(place), None)));
    }
    pairs
}

/// Splits methods by the rule of a side that takes their requests.
fn by_taker<'s>(
    side: Option<Host<'s>>,
    host: &HostPattern,
    methods: MethodSet,
    rule: &Rule<'_>,
) -> Vec<(MethodSet, Option<Rule<'s>>)> {
    let mut takers: BTreeMap<Option<u32>, (MethodSet, Option<Rule<'s>>)> = BTreeMap::new();
    for method in methods.members() {
        let found = side.and_then(|side| taker(&side, host, method, rule));
        let (index, taker) = found.unzip();
        let (methods, _) = takers.entry(index).or_insert((MethodSet::EMPTY, taker));
        *methods = methods.union(method);
    }
    takers.into_values().collect()
}

fn place(host: &HostPattern, methods: MethodSet, rule: &Rule<'_>) -> Place {
    Place {
        hosts: vec![host.clone()],
        methods,
        path: rule.meaning.pattern.clone(),
        conditions: rule.conditions.words(),
        route: rule.name.to_owned(),
    }
}

fn added(place: Place, rule: &Rule<'_>, taker: Option<&Rule<'_>>) -> Change {
    let nothing = if rule.meaning.caller.is_open() {
        Severity::Exposes
    } else {
        Severity::Loosens
    };
    Change {
        kind: ChangeKind::RouteAdded,
        severity: taker.map_or(nothing, |taker| {
            Difference::worst(&meanings(&taker.meaning, &rule.meaning))
        }),
        place: Some(place),
        before: taker.map(Rule::taken_by),
        after: Some(words::summary(&rule.meaning)),
    }
}

fn removed(place: Place, rule: &Rule<'_>, taker: Option<&Rule<'_>>) -> Change {
    Change {
        kind: ChangeKind::RouteRemoved,
        severity: taker.map_or(Severity::Tightens, |taker| {
            Difference::worst(&meanings(&rule.meaning, &taker.meaning))
        }),
        place: Some(place),
        before: Some(words::summary(&rule.meaning)),
        after: taker.map(Rule::taken_by),
    }
}
