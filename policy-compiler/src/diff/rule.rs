//! A route where it serves one path.

use tidegate_shared::bundle::{FieldPredicate, PathEntry};
use tidegate_shared::method::MethodSet;

use super::side::Host;
use crate::lower;
use crate::meaning::Meaning;
use crate::words;

/// A route of a path, with what it asks of a request and what it means.
#[derive(Clone, Debug)]
pub(super) struct Rule<'s> {
    pub(super) name: &'s str,
    pub(super) methods: MethodSet,
    pub(super) conditions: Conditions<'s>,
    pub(super) meaning: Meaning<'s>,
}

/// Predicates on headers and query. Invariant: sorted, so that their order tells nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Conditions<'s> {
    pub(super) headers: Vec<&'s FieldPredicate>,
    pub(super) query: Vec<&'s FieldPredicate>,
}

impl<'s> Conditions<'s> {
    fn new(headers: &'s [FieldPredicate], query: &'s [FieldPredicate]) -> Self {
        let sorted = |predicates: &'s [FieldPredicate]| {
            let mut sorted: Vec<_> = predicates.iter().collect();
            sorted.sort();
            sorted
        };
        Self {
            headers: sorted(headers),
            query: sorted(query),
        }
    }

    /// In words; empty for none.
    pub(super) fn words(&self) -> String {
        let headers = self
            .headers
            .iter()
            .map(|test| words::predicate("header", test));
        let query = self
            .query
            .iter()
            .map(|test| words::predicate("query", test));
        headers.chain(query).collect::<Vec<_>>().join(", ")
    }

    /// Whether every request that meets these meets the others too.
    pub(super) fn imply(&self, others: &Self) -> bool {
        lower::follow(&self.headers, &others.headers) && lower::follow(&self.query, &others.query)
    }
}

impl<'s> Rule<'s> {
    /// The rule that an index of the host's routes stands for.
    pub(super) fn of(host: &Host<'s>, entry: &'s PathEntry, index: u32) -> Option<Self> {
        let route = host.routes().routes.get(usize::try_from(index).ok()?)?;
        Some(Self {
            name: &route.name,
            methods: route.methods,
            conditions: Conditions::new(&route.headers, &route.query),
            meaning: Meaning::of(&entry.pattern, route, host.tables())?,
        })
    }

    /// That requests are taken by it, in words.
    pub(super) fn taken_by(&self) -> String {
        let summary = words::summary(&self.meaning);
        format!("taken by {}: {summary}", words::code(self.name))
    }

    /// The rules of a path, in the order in which they are tried.
    pub(super) fn all(host: Option<Host<'s>>, entry: Option<&'s PathEntry>) -> Vec<Self> {
        let both = host.zip(entry).into_iter();
        both.flat_map(|(host, entry)| {
            let indices = entry.routes.iter();
            indices.filter_map(move |index| Self::of(&host, entry, *index))
        })
        .collect()
    }
}

/// The places, among the rules of a path, of those that take requests of a method: not where an
/// earlier one takes them all.
pub(super) fn reachable(rules: &[Rule<'_>], method: MethodSet) -> Vec<usize> {
    let mut reachable: Vec<(usize, &Rule<'_>)> = Vec::new();
    for (place, rule) in rules.iter().enumerate() {
        let shadowed =
            |(_, earlier): &(usize, &Rule<'_>)| rule.conditions.imply(&earlier.conditions);
        if !rule.methods.intersection(method).is_empty() && !reachable.iter().any(shadowed) {
            reachable.push((place, rule));
        }
    }
    reachable.into_iter().map(|(place, _)| place).collect()
}
