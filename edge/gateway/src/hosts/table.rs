//! The routing table of one host.
//!
//! Two `matchit` routers: one of complete patterns, asked first, one of prefixes. Each finds the
//! most specific pattern of its kind; the compiler has written beside each pattern which others
//! to try where none of its own routes takes the request.

use std::borrow::Cow;
use std::sync::Arc;

use http::{HeaderName, Method};
use matchit::Router;
use tidegate_shared::bundle::{HostRoutes, PathEntry};
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::PathPattern;

use super::Route;

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
    entries: Vec<PathEntry>,
    routes: Vec<Arc<Route>>,
}

impl Table {
    pub(crate) fn build(routes: HostRoutes) -> Result<Self, String> {
        let HostRoutes {
            paths: entries,
            routes,
        } = routes;
        let (mut complete, mut prefixes) = (Router::new(), Router::new());
        for (entry, index) in entries.iter().zip(0_u32..) {
            let router = if entry.pattern.is_prefix() {
                &mut prefixes
            } else {
                &mut complete
            };
            for path in entry.pattern.router_paths() {
                router
                    .insert(path, index)
                    .map_err(|error| format!("path `{}`: {error}", entry.pattern))?;
            }
        }
        let routes = routes
            .into_iter()
            .map(|route| Route::prepare(route).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            complete,
            prefixes,
            entries,
            routes,
        })
    }

    /// The most specific route whose predicates all hold, and the pattern that led to it.
    pub(crate) fn find(
        &self,
        question: &Question<'_>,
    ) -> Result<(Arc<Route>, &PathPattern), NoRoute> {
        let found = self
            .complete
            .at(question.path)
            .or_else(|_| self.prefixes.at(question.path));
        let entry = found
            .ok()
            .and_then(|found| self.entry(*found.value))
            .ok_or(NoRoute::Path)?;
        let mut methods = MethodSet::EMPTY;
        if let Some(route) = self.choose(entry, question, &mut methods) {
            return Ok((Arc::clone(route), &entry.pattern));
        }
        for other in entry
            .otherwise
            .iter()
            .filter_map(|index| self.entry(*index))
        {
            if other.pattern.captures(question.path).is_some()
                && let Some(route) = self.choose(other, question, &mut methods)
            {
                return Ok((Arc::clone(route), &other.pattern));
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
    fn choose(
        &self,
        entry: &PathEntry,
        question: &Question<'_>,
        methods: &mut MethodSet,
    ) -> Option<&Arc<Route>> {
        let mut routes = entry
            .routes
            .iter()
            .filter_map(|index| self.routes.get(usize::try_from(*index).ok()?));
        routes.find(|route| {
            *methods = methods.union(route.rules.methods);
            route.rules.methods.contains(question.method) && route.holds(question)
        })
    }

    fn entry(&self, index: u32) -> Option<&PathEntry> {
        self.entries.get(usize::try_from(index).ok()?)
    }
}
