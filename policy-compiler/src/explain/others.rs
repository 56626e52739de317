//! Routes that do not take a request: those that the core looked at before another or in vain,
//! and where it looked at none, those that a mistyped path or host may have been meant for.

use tidegate_edge::{Candidate, Mismatch, Routing};
use tidegate_shared::bundle::{FieldPredicate, PathEntry};
use tidegate_shared::pattern::{PathPattern, Segment};

use super::{Host, Other, Served, View};
use crate::offline::Seen;
use crate::{TestRequest, words};

/// The most routes that are guessed.
const GUESSES: usize = 3;

pub(super) fn of(
    view: &View<'_>,
    request: &TestRequest,
    seen: &Seen,
    routing: Option<&Routing>,
) -> Vec<Other> {
    let path = seen.record.path.as_deref();
    match (routing, path) {
        (_, None) => Vec::new(),
        (None, Some(path)) => {
            let why = format!(
                "it serves another host than {}",
                words::code(&request.authority)
            );
            guesses(view, view.ir.hosts.iter(), path, &why)
        }
        (Some(routing), Some(path)) => {
            let host = Served::host(view.ir, &routing.host);
            let looked_at = |candidate| mismatch(view, host?, candidate);
            let mut others: Vec<Other> = routing.candidates.iter().filter_map(looked_at).collect();
            if routing.candidates.is_empty() {
                others.extend(guesses(view, host, path, "its path is another"));
            }
            others
        }
    }
}

fn mismatch(view: &View<'_>, host: Host<'_>, candidate: &Candidate) -> Option<Other> {
    let served = Served::at(host, candidate.path, candidate.route)?;
    let predicate = |of: &str, predicates: &[FieldPredicate], name: &str| {
        let found = predicates.iter().find(|predicate| predicate.name == name);
        format!(
            "it asks for {}",
            found.map_or_else(String::new, |found| words::predicate(of, found))
        )
    };
    let why = match candidate.mismatch.as_ref()? {
        Mismatch::Method => format!("it serves {} only", words::methods(served.route.methods)),
        Mismatch::Header(name) => predicate("header", &served.route.headers, name.as_str()),
        Mismatch::Query(name) => predicate("query", &served.route.query, name),
    };
    Some(other(view, &served, why))
}

fn other(view: &View<'_>, served: &Served<'_>, why: String) -> Other {
    let places = view.places(served.route);
    Other {
        route: served.route.name.clone(),
        serves: served.serves(),
        why,
        place: places.map(|places| places.path.place(view.sources)),
    }
}

/// The first route of each path that looks most like the one that was asked for.
fn guesses<'i>(
    view: &View<'_>,
    hosts: impl IntoIterator<Item = Host<'i>>,
    path: &str,
    why: &str,
) -> Vec<Other> {
    let tolerance = path.len().div_ceil(3).max(3);
    let paths = hosts.into_iter().flat_map(|host| {
        let indices = host.1.paths.iter().zip(0..);
        indices.map(move |(entry, index)| (host, entry, index))
    });
    let mut near: Vec<(usize, Served<'i>)> = paths
        .filter_map(|(host, entry, index): (Host<'i>, &PathEntry, u32)| {
            let distance = strsim::damerau_levenshtein(path, &filled(&entry.pattern, path));
            let served = Served::at(host, index, *entry.routes.first()?)?;
            (distance <= tolerance).then_some((distance, served))
        })
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    near.truncate(GUESSES);
    near.iter()
        .map(|(_, served)| other(view, served, why.to_owned()))
        .collect()
}

/// The pattern with what a path has in the places of its parameters, and under a prefix.
fn filled(pattern: &PathPattern, path: &str) -> String {
    let mut given = path.split('/').skip(1);
    let mut filled: String = pattern
        .segments()
        .map(|segment| match (segment, given.next()) {
            (Segment::Literal(literal), _) => format!("/{literal}"),
            (
                Segment::Parameter {
                    before: "",
                    after: "",
                    ..
                },
                Some(given),
            ) => format!("/{given}"),
            (
                Segment::Parameter {
                    before,
                    name,
                    after,
                },
                _,
            ) => format!("/{before}{name}{after}"),
        })
        .collect();
    if pattern.is_prefix() {
        filled.extend(given.map(|given| format!("/{given}")));
    }
    filled
}
