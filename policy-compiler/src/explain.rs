//! A request's way through a policy, phase by phase: what decided, and where the policy says so.
//!
//! The request is sent through the gateway's own core, with credentials made for the occasion;
//! which routes were looked at is asked of it too. Only which route a mistyped path was meant for
//! is guessed here.

mod others;
mod show;
mod steps;

use serde::Serialize;
use tidegate_shared::bundle::{PathEntry, Route};
use tidegate_shared::host::HostPattern;

use crate::meaning::Meaning;
use crate::offline::{Offline, OfflineError, Seen};
use crate::source::{Place, Source};
use crate::{Ir, RoutePlaces, TestRequest, words};

pub use show::render_human;

/// What becomes of a request, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The request.
    pub request: String,
    /// What becomes of it.
    pub outcome: String,
    /// The status of the gateway's own answer.
    pub status: Option<u16>,
    /// The problem that it is refused with.
    pub problem: Option<&'static str>,
    /// The route that takes it.
    pub route: Option<String>,
    /// The phases, in their order.
    pub steps: Vec<Step>,
    /// Routes that do not take it, the nearest first.
    pub others: Vec<Other>,
}

/// A phase.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its name.
    pub phase: &'static str,
    /// What came of it.
    pub state: State,
    /// What the policy says there, and what was found.
    pub text: String,
    /// Where the policy says so.
    pub places: Vec<Place>,
}

/// What came of a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The request went on.
    Passed,
    /// It was answered here, as the policy says.
    Answered,
    /// It was refused here.
    Refused,
    /// It did not come so far.
    NotReached,
}

/// A route that does not take the request.
#[derive(Clone, Debug, Serialize)]
pub struct Other {
    /// Its name.
    pub route: String,
    /// What it serves.
    pub serves: String,
    /// Why it does not take the request.
    pub why: String,
    /// Where it stands.
    pub place: Option<Place>,
}

/// Sends a request through a policy, and says what happened.
///
/// # Errors
/// [`OfflineError`] where the policy cannot be loaded, or the caller's credential cannot be made.
pub fn explain(
    ir: &Ir,
    sources: &[Source],
    request: &TestRequest,
) -> Result<Explanation, OfflineError> {
    let offline = Offline::new(ir, std::iter::once(request))?;
    let seen = offline.send(request, 1)?;
    let routing = offline.routing(request)?;
    let taken = routing.as_ref().and_then(|routing| {
        let candidate = routing.candidates.last()?;
        let host = Served::host(ir, &routing.host)?;
        let taken = Served::at(host, candidate.path, candidate.route)?;
        candidate.mismatch.is_none().then_some(taken)
    });
    let view = View { ir, sources };
    let scheme = if request.https { "https" } else { "http" };
    Ok(Explanation {
        request: format!(
            "{} {scheme}://{}{}",
            request.method, request.authority, request.path_and_query
        ),
        outcome: outcome(&seen),
        status: seen.status,
        problem: seen.record.problem,
        route: taken.map(|taken| taken.route.name.clone()),
        steps: steps::of(&view, &seen, taken.as_ref()),
        others: others::of(&view, request, &seen, routing.as_ref()),
    })
}

/// What becomes of a request, in words.
pub(crate) fn outcome(seen: &Seen) -> String {
    let status = seen.status.unwrap_or_default();
    match (seen.record.problem, &seen.record.upstream) {
        (Some(problem), _) => format!("refused with {status} {}", words::code(problem)),
        (None, Some(upstream)) => format!("goes to {}", words::code(upstream)),
        (None, None) => format!("answered with {status}"),
    }
}

/// A policy and its text.
struct View<'i> {
    ir: &'i Ir,
    sources: &'i [Source],
}

impl View<'_> {
    fn places(&self, route: &Route) -> Option<&RoutePlaces> {
        self.ir.places.get(&route.name)
    }
}

/// A route where it serves one path of one host.
#[derive(Clone, Copy)]
struct Served<'i> {
    host: &'i HostPattern,
    entry: &'i PathEntry,
    route: &'i Route,
}

/// A host with its routes.
type Host<'i> = &'i (HostPattern, tidegate_shared::bundle::HostRoutes);

impl<'i> Served<'i> {
    fn host(ir: &'i Ir, pattern: &HostPattern) -> Option<Host<'i>> {
        ir.hosts.iter().find(|(own, _)| own == pattern)
    }

    fn at((host, routes): Host<'i>, path: u32, route: u32) -> Option<Self> {
        Some(Self {
            host,
            entry: routes.paths.get(usize::try_from(path).ok()?)?,
            route: routes.routes.get(usize::try_from(route).ok()?)?,
        })
    }

    /// Methods, host and path.
    fn serves(&self) -> String {
        let methods = words::methods(self.route.methods);
        format!("{methods} {}{}", self.host, self.entry.pattern)
    }

    fn meaning(&self, ir: &'i Ir) -> Option<Meaning<'i>> {
        Meaning::of(&self.entry.pattern, self.route, &ir.tables)
    }
}
