//! Routes that let in requests without a credential.

use std::collections::BTreeMap;

use tidegate_shared::bundle::{Auth, HostRoutes, PathEntry, Route};
use tidegate_shared::method::MethodSet;

use super::listed;
use crate::Ir;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Says at each `auth:` that lets everyone in which routes it opens. Those in shadow are warned of
/// where they are compiled.
pub(super) fn reachable(ir: &Ir) -> Vec<Diagnostic> {
    let routes = ir.hosts.iter().flat_map(|(_, host)| &host.routes);
    let open = routes.filter(|route| is_open(route) && !matches!(route.auth, Auth::Shadow(_)));
    let mut opened: BTreeMap<(usize, usize), (Span, Vec<&str>)> = BTreeMap::new();
    for route in open {
        let Some(span) = ir.places.get(&route.name).and_then(|places| places.auth) else {
            continue;
        };
        let (_, names) = opened
            .entry((span.file(), span.start()))
            .or_insert_with(|| (span, Vec::new()));
        // A route stands on each of its hosts.
        if !names.contains(&route.name.as_str()) {
            names.push(&route.name);
        }
    }
    let opened = opened.into_values();
    opened
        .map(|(span, names)| {
            let message = match names.len() {
                1 => "a route is reachable without credentials".to_owned(),
                many => format!("{many} routes are reachable without credentials"),
            };
            Diagnostic::note("open-route", span, message).label(listed(names))
        })
        .collect()
}

/// Says of each open route which paths it takes requests of that ask for a credential otherwise:
/// by other methods, or where no predicate holds.
pub(super) fn fallen_through(ir: &Ir) -> Vec<Diagnostic> {
    let mut takers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (_, host) in &ir.hosts {
        for entry in &host.paths {
            let routes = routes(host, entry);
            let Some(closed) = routes
                .first()
                .filter(|_| !routes.iter().any(|r| is_open(r)))
            else {
                continue;
            };
            if let Some(open) = open_taker(host, entry, &routes) {
                let closed_names = takers.entry(&open.name).or_default();
                if !closed_names.contains(&closed.name.as_str()) {
                    closed_names.push(&closed.name);
                }
            }
        }
    }
    let notes = takers.into_iter().filter_map(|(open, closed)| {
        let places = ir.places.get(open)?;
        let beside = ir.places.get(*closed.first()?)?;
        let message = format!(
            "`{open}` lets everyone in where {} not take a request",
            match closed.len() {
                1 => format!("{} does", listed(closed.iter().copied())),
                _ => format!("{} do", listed(closed.iter().copied())),
            }
        );
        let note = Diagnostic::note("open-beside-closed", places.path, message);
        Some(
            note.related(beside.path, "this path asks for a credential")
                .help("if nobody shall, let the path take `any` method, with its credential"),
        )
    });
    notes.collect()
}

/// The open route that takes what a path's own routes leave.
fn open_taker<'h>(host: &'h HostRoutes, entry: &PathEntry, own: &[&Route]) -> Option<&'h Route> {
    let mut left = own
        .iter()
        .fold(MethodSet::ANY, |left, route| without(left, route));
    for other in &entry.otherwise {
        let other = host.paths.get(usize::try_from(*other).ok()?)?;
        for route in routes(host, other) {
            if route.methods.intersection(left).is_empty() {
                continue;
            }
            if is_open(route) {
                return Some(route);
            }
            if other.pattern.covers(&entry.pattern) {
                left = without(left, route);
            }
        }
    }
    None
}

/// The methods that a route leaves to others.
fn without(methods: MethodSet, route: &Route) -> MethodSet {
    if route.headers.is_empty() && route.query.is_empty() {
        methods.without(route.methods)
    } else {
        methods
    }
}

fn routes<'h>(host: &'h HostRoutes, entry: &PathEntry) -> Vec<&'h Route> {
    let indices = entry.routes.iter();
    let routes = indices.filter_map(|index| host.routes.get(usize::try_from(*index).ok()?));
    routes.collect()
}

fn is_open(route: &Route) -> bool {
    route.auth.is_open()
}
