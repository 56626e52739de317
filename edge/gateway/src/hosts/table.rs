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

use super::reply::Replies;
use super::route::Route;

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
/// are named in the entry itself.
#[derive(Debug)]
struct Entry {
    pattern: PathPattern,
    routes: SmallVec<[u32; 4]>,
    otherwise: Box<[u32]>,
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
        let mut entries = Vec::with_capacity(paths.len());
        for (entry, index) in paths.into_iter().zip(0_u32..) {
            let PathEntry {
                pattern,
                routes,
                otherwise,
            } = entry;
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
            entries.push(Entry {
                pattern,
                routes: routes.into(),
                otherwise: otherwise.into(),
            });
        }
        let mut replies = Replies::default();
        let routes = routes
            .into_iter()
            .map(|route| Route::prepare(route, &mut replies))
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
        let found = self
            .complete
            .at(question.path)
            .or_else(|_| self.prefixes.at(question.path));
        let entry = found
            .ok()
            .and_then(|found| self.entry(*found.value))
            .ok_or(NoRoute::Path)?;
        let mut methods = MethodSet::EMPTY;
        if let Some(found) = self.choose(entry, question, &mut methods) {
            return Ok(found);
        }
        let others = entry
            .otherwise
            .iter()
            .filter_map(|index| self.entry(*index));
        for other in others {
            if other.pattern.captures(question.path).is_some()
                && let Some(found) = self.choose(other, question, &mut methods)
            {
                return Ok(found);
            }
        }
        if methods.is_empty() || methods.contains(question.method) {
            Err(NoRoute::Path)
        } else {
            Err(NoRoute::Method(methods))
        }
    }

    /// The first route of an entry that takes the request; collects the methods of those that
    /// would, but for the method.
    fn choose<'t>(
        &'t self,
        entry: &'t Entry,
        question: &Question<'_>,
        methods: &mut MethodSet,
    ) -> Option<Found<'t>> {
        entry.routes.iter().find_map(|index| {
            let route = self.route(*index)?;
            *methods = methods.union(route.methods);
            let takes = route.methods.contains(question.method) && route.holds(question);
            takes.then_some(Found {
                route,
                index: *index,
                pattern: &entry.pattern,
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
