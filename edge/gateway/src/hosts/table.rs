//! The routing table of one host.
//!
//! Two `matchit` routers: one of complete patterns, asked first, one of prefixes. Each finds the
//! most specific pattern of its kind; the compiler has written beside each pattern which others
//! to try where none of its own routes takes the request.

use std::borrow::Cow;

use http::{HeaderName, Method};
use matchit::Router;
use smallvec::SmallVec;
use tidegate_shared::bundle::{HostRoutes, PathEntry};
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::PathPattern;

use super::candidate::{Candidate, Mismatch};
use super::route::{Parts, Route};

/// What routing asks of a request.
pub(crate) struct Question<'q> {
    pub(crate) method: &'q Method,
    /// In normal form.
    pub(crate) path: &'q str,
    pub(crate) query: Option<&'q str>,
    pub(crate) header: &'q dyn Fn(&HeaderName) -> Option<Cow<'q, str>>,
}

/// Why there is no route.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// Nothing at this path (with these headers and this query).
    Path,
    /// Routes, but for these methods.
    Method(MethodSet),
}

#[derive(Debug)]
pub(crate) struct Table {
    complete: Router<u32>,
    prefixes: Router<u32>,
    entries: Vec<Entry>,
    routes: Vec<Route>,
}

/// A [`PathEntry`], ready for use. Few have more routes than one for each of some methods: those
/// are named in the entry itself, which is one cache line, as a route is.
#[derive(Debug)]
#[repr(align(64))]
struct Entry {
    pattern: PathPattern,
    routes: SmallVec<[u32; 4]>,
    otherwise: Box<[u32]>,
}

const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    fn of(entry: PathEntry) -> Self {
        let PathEntry {
            pattern,
            routes,
            otherwise,
        } = entry;
        Self {
            pattern,
            routes: routes.into(),
            otherwise: otherwise.into(),
        }
    }
}

/// A route that takes a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'t> {
    pub(crate) route: &'t Route,
    /// The place of the route in its table.
    pub(crate) index: u32,
    /// The pattern that led to it.
    pub(crate) pattern: &'t PathPattern,
}

impl Table {
    pub(crate) fn build(routes: HostRoutes) -> Result<Self, String> {
        let HostRoutes { paths, routes } = routes;
        let (mut complete, mut prefixes) = (Router::new(), Router::new());
        for (PathEntry { pattern, .. }, index) in paths.iter().zip(0_u32..) {
            let router = if pattern.is_prefix() {
                &mut prefixes
            } else {
                &mut complete
            };
            for path in pattern.router_paths() {
                router
                    .insert(path, index)
                    .map_err(|error| format!("path `{pattern}`: {error}"))?;
            }
        }
        let entries = paths.into_iter().map(Entry::of).collect();
        let mut parts = Parts::new();
        let routes = routes
            .into_iter()
            .map(|route| Route::prepare(route, &mut parts))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            complete,
            prefixes,
            entries,
            routes,
        })
    }

    /// The most specific route whose predicates all hold.
    pub(crate) fn find(&self, question: &Question<'_>) -> Result<Found<'_>, NoRoute> {
        let mut methods = MethodSet::EMPTY;
        let found = self.visit(question.path, |_, found| {
            methods = methods.union(found.route.methods);
            found.route.mismatch(question).is_none().then_some(found)
        });
        found.ok_or({
            if methods.is_empty() || methods.contains(question.method) {
                NoRoute::Path
            } else {
                NoRoute::Method(methods)
            }
        })
    }

    /// What [`find`](Self::find) looks at, up to the route that takes the request.
    pub(crate) fn candidates(&self, question: &Question<'_>) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        self.visit(question.path, |path, found| {
            let mismatch = found.route.mismatch(question);
            candidates.push(Candidate {
                path,
                route: found.index,
                mismatch: mismatch.map(Mismatch::to_owned),
            });
            mismatch.is_none().then_some(())
        });
        candidates
    }

    /// Visits the routes of every pattern that matches a path, with the pattern's index, most
    /// specific first, until one visit gives something.
    fn visit<'t, T>(
        &'t self,
        path: &str,
        mut visit: impl FnMut(u32, Found<'t>) -> Option<T>,
    ) -> Option<T> {
        let found = self
            .complete
            .at(path)
            .or_else(|_| self.prefixes.at(path))
            .ok()?;
        let mut visit = |place: u32, entry: &'t Entry| {
            entry.routes.iter().find_map(|index| {
                let found = Found {
                    route: self.route(*index)?,
                    index: *index,
                    pattern: &entry.pattern,
                };
                visit(place, found)
            })
        };
        let first = self.entry(*found.value)?;
        visit(*found.value, first).or_else(|| {
            first.otherwise.iter().find_map(|place| {
                let other = self.entry(*place)?;
                other.pattern.captures(path)?;
                visit(*place, other)
            })
        })
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(usize::try_from(index).ok()?)
    }

    /// The route of that place.
    pub(crate) fn route(&self, index: u32) -> Option<&Route> {
        self.routes.get(usize::try_from(index).ok()?)
    }
}
