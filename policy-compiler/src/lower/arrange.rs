//! A host's routes by path: in the order of their specificity, with what to try next where none
//! of a path's own routes takes a request. The gateway has nothing left to work out.

mod overlap;

use std::borrow::Borrow;
use std::cmp::Reverse;

use http::Method;
use matchit::Router;
use smallvec::SmallVec;
use tidegate_shared::bundle::{
    FieldPredicate, FieldTest, HostRoutes, KeyPart, Limit, PathEntry, Route, Tables, TemplatePart,
};
use tidegate_shared::method::MethodSet;
use tidegate_shared::pattern::{PathPattern, Segment};

use super::Context;
use crate::diagnostic::Diagnostic;
use crate::source::Span;

/// Conflicts that are reported for a host: each asks for a search of the paths.
const MAX_CONFLICTS: usize = 50;

/// A route and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) pattern: PathPattern,
    pub(super) route: Route,
    pub(super) span: Span,
}

pub(super) fn arrange(
    routes: Vec<Placed>,
    tables: &mut Tables,
    cx: &mut Context<'_>,
) -> HostRoutes {
    // Patterns that differ only in their parameters' names are one path. Routes are large: places
    // are sorted in their stead, and in the end decide between equals.
    let skeletons = routes.iter().map(|placed| placed.pattern.skeleton());
    let skeletons: Vec<String> = skeletons.collect();
    let common = common_beginning(skeletons.iter().map(String::as_str));
    let mut order: Vec<_> = routes
        .iter()
        .zip(&skeletons)
        .enumerate()
        .map(|(place, (placed, skeleton))| {
            let beyond = beyond(skeleton, common);
            (beyond, skeleton.as_str(), rank(&placed.route), place)
        })
        .collect();
    order.sort_unstable();
    let mut routes: Vec<Option<Placed>> = routes.into_iter().map(Some).collect();
    let mut arranged = HostRoutes {
        paths: Vec::new(),
        routes: Vec::with_capacity(routes.len()),
    };
    let mut spans = Vec::new();
    for of_path in order.chunk_by(|(_, one, ..), (_, other, ..)| one == other) {
        let places = of_path.iter().map(|(.., place)| *place);
        let placed: SmallVec<[&Placed; 4]> = places
            .clone()
            .filter_map(|place| routes.get(place)?.as_ref())
            .collect();
        check_shadows(&placed, cx);
        let first = placed.first();
        let Some((pattern, span)) = first.map(|first| (first.pattern.clone(), first.span)) else {
            continue;
        };
        drop(placed);
        spans.push(span);
        let mut indexes = Vec::with_capacity(of_path.len());
        for place in places {
            let Some(mut placed) = routes.get_mut(place).and_then(Option::take) else {
                continue;
            };
            rename_parameters(&mut placed, &pattern, tables);
            indexes.extend(u32::try_from(arranged.routes.len()).ok());
            arranged.routes.push(placed.route);
        }
        arranged.paths.push(PathEntry {
            pattern,
            routes: indexes,
            otherwise: Vec::new(),
        });
    }
    check_router(&arranged, &spans, cx);
    overlap::link(&mut arranged, &spans, cx);
    arranged
}

/// How many octets all of some texts begin with, the same in each.
fn common_beginning<'t>(texts: impl Iterator<Item = &'t str>) -> usize {
    let common = |one: &'t str, other: &str| {
        let pairs = one.bytes().zip(other.bytes());
        let common = pairs.take_while(|(one, other)| one == other).count();
        one.get(..common).unwrap_or_default()
    };
    texts.reduce(common).map_or(0, str::len)
}

/// What follows there, as a number that is in the order of the texts: most of the comparisons of a
/// sort need no more.
fn beyond(text: &str, common: usize) -> u64 {
    let mut octets = [0; 8];
    let rest = text.bytes().skip(common);
    octets
        .iter_mut()
        .zip(rest)
        .for_each(|(own, octet)| *own = octet);
    u64::from_be_bytes(octets)
}

/// Most specific first (Gateway API, `HTTPRouteRule`): an explicit method before any, an explicit
/// HEAD before the one that comes with GET, then the more header matches, then the more query
/// matches. Of equals the first in the file goes first.
fn rank(route: &Route) -> (bool, bool, Reverse<usize>, Reverse<usize>) {
    let head_only = route.methods == MethodSet::of(&Method::HEAD);
    (
        route.methods == MethodSet::ANY,
        !head_only,
        Reverse(route.headers.len()),
        Reverse(route.query.len()),
    )
}

/// Finds routes of one path that another, which is tried before, leaves nothing for.
fn check_shadows(placed: &[&Placed], cx: &mut Context<'_>) {
    for (index, later) in placed.iter().enumerate() {
        let before = placed.iter().take(index);
        let wider = |earlier: &&&Placed| {
            follow(&later.route.headers, &earlier.route.headers)
                && follow(&later.route.query, &earlier.route.query)
        };
        let same_tests = |earlier: &Placed| {
            follow(&earlier.route.headers, &later.route.headers)
                && follow(&earlier.route.query, &later.route.query)
        };
        let (mut left, mut takers) = (later.route.methods, Vec::new());
        for earlier in before.filter(wider) {
            let common =
                explicit(earlier.route.methods).intersection(explicit(later.route.methods));
            let both_any =
                earlier.route.methods == MethodSet::ANY && later.route.methods == MethodSet::ANY;
            let later_any = later.route.methods == MethodSet::ANY;
            if same_tests(earlier) && (both_any || !later_any && !common.is_empty()) {
                let message = format!("two routes serve `{}` with the same methods", later.pattern);
                cx.diagnostics.push(
                    Diagnostic::error("duplicate-route", later.span, message)
                        .label("again here")
                        .related(earlier.span, "first here"),
                );
                break;
            }
            if left.intersection(earlier.route.methods).is_empty() {
                continue;
            }
            left = left.without(earlier.route.methods);
            takers.push(earlier.span);
            if left.is_empty() {
                cx.diagnostics.push(unreachable_route(later, &takers));
                break;
            }
        }
    }
}

fn unreachable_route(route: &Placed, takers: &[Span]) -> Diagnostic {
    let (label, others) = match takers {
        [_] => ("this one takes all of its requests", "the other"),
        _ => ("this one takes a part of its requests", "the others"),
    };
    let message = format!("the route `{}` can never match", route.route.name);
    let diagnostic = Diagnostic::error("unreachable-route", route.span, message).help(format!(
        "put it before {others}: of routes that are equally specific the first wins"
    ));
    takers.iter().fold(diagnostic, |diagnostic, taker| {
        diagnostic.related(*taker, label)
    })
}

/// Whether a request that passes the tests `given` passes the tests `wanted`.
pub(crate) fn follow<P: Borrow<FieldPredicate>>(given: &[P], wanted: &[P]) -> bool {
    wanted.iter().all(|wanted| {
        let wanted = wanted.borrow();
        given.iter().map(P::borrow).any(|given| {
            given == wanted || given.name == wanted.name && wanted.test == FieldTest::Present
        })
    })
}

/// The methods without the HEAD that comes with GET.
fn explicit(methods: MethodSet) -> MethodSet {
    let get = MethodSet::of(&Method::GET);
    if methods.intersection(get).is_empty() {
        methods
    } else {
        methods.without(MethodSet::of(&Method::HEAD))
    }
}

/// Gives a route the parameters' names of the path's first route, by their places.
fn rename_parameters(placed: &mut Placed, pattern: &PathPattern, tables: &mut Tables) {
    let Placed {
        pattern: own,
        route,
        span: _,
    } = placed;
    let rename = |name: &mut String| {
        let place = own.parameters().position(|parameter| parameter == name);
        if let Some(new) = place.and_then(|place| pattern.parameters().nth(place)) {
            new.clone_into(name);
        }
    };
    for part in route
        .rewrite
        .iter_mut()
        .flat_map(|template| &mut template.0)
    {
        if let TemplatePart::Parameter(name) = part {
            rename(name);
        }
    }
    for index in &mut route.limits {
        let limit = usize::try_from(*index)
            .ok()
            .and_then(|at| tables.limits.get(at));
        let by_path = |limit: &&Limit| {
            let mut parts = limit.key.iter();
            parts.any(|part| matches!(part, KeyPart::PathParameter(_)))
        };
        let mut renamed = limit.filter(by_path).cloned();
        for part in renamed.iter_mut().flat_map(|limit| &mut limit.key) {
            if let KeyPart::PathParameter(name) = part {
                rename(name);
            }
        }
        // A copy of one name counts in the same buckets.
        if let Some(renamed) = renamed.filter(|renamed| Some(renamed) != limit) {
            let known = tables.limits.iter().position(|other| *other == renamed);
            let place = known.unwrap_or(tables.limits.len());
            if known.is_none() {
                tables.limits.push(renamed);
            }
            *index = u32::try_from(place).unwrap_or(*index);
        }
    }
}

/// Puts every path into the routers that the gateway will build, to see that they take it.
///
/// It takes any number of complete paths that differ in their skeletons, where each parameter is a
/// whole segment.
fn check_router(arranged: &HostRoutes, spans: &[Span], cx: &mut Context<'_>) {
    let (mut complete, mut prefixes) = (Router::new(), Router::new());
    let all_whole = arranged.paths.iter().all(|entry| is_whole(&entry.pattern));
    let mut conflicts = 0_usize;
    for (index, (entry, span)) in arranged.paths.iter().zip(spans).enumerate() {
        if conflicts == MAX_CONFLICTS {
            break;
        }
        if all_whole && !entry.pattern.is_prefix() {
            continue;
        }
        let router = if entry.pattern.is_prefix() {
            &mut prefixes
        } else {
            &mut complete
        };
        let paths = entry.pattern.router_paths();
        // The error names a branch of the router, which need not be the other path.
        if paths
            .into_iter()
            .all(|path| router.insert(path, ()).is_ok())
        {
            continue;
        }
        conflicts = conflicts.saturating_add(1);
        let message = format!("`{}` cannot stand beside another path", entry.pattern);
        let diagnostic = Diagnostic::error("conflicting-path", *span, message)
            .help("at one place stand either a parameter or the end of a prefix, and parameters with one kind of literal part");
        let other = arranged
            .paths
            .iter()
            .zip(spans)
            .take(index)
            .find(|(other, _)| conflict(&other.pattern, &entry.pattern));
        cx.diagnostics.push(match other {
            Some((_, other)) => diagnostic.related(*other, "the other path"),
            None => diagnostic,
        });
    }
}

/// Whether every parameter is a whole segment.
fn is_whole(pattern: &PathPattern) -> bool {
    let mut segments = pattern.segments();
    segments.all(|segment| match segment {
        Segment::Literal(_) => true,
        Segment::Parameter { before, after, .. } => before.is_empty() && after.is_empty(),
    })
}

/// Whether a router that holds nothing else refuses two paths.
fn conflict(a: &PathPattern, b: &PathPattern) -> bool {
    let mut router = Router::new();
    let mut paths = a.router_paths().into_iter().chain(b.router_paths());
    a.is_prefix() == b.is_prefix() && paths.any(|path| router.insert(path, ()).is_err())
}
