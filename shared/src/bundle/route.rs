//! The routes of a host.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_tuple::{Deserialize_tuple, Serialize_tuple};

use super::{Auth, PlanLimits, Tables};
use crate::method::MethodSet;
use crate::pattern::PathPattern;
use crate::units::Span;

/// The routes of a host, arranged by path so that the gateway has nothing to work out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostRoutes {
    /// Each path pattern once.
    pub paths: Vec<PathEntry>,
    /// The routes that the entries refer to.
    pub routes: Vec<Route>,
}

impl HostRoutes {
    /// Whether every index refers to something.
    pub(super) fn refers_within(&self, tables: &Tables) -> bool {
        let has =
            |index: u32, length: usize| usize::try_from(index).is_ok_and(|index| index < length);
        let entry = |entry: &PathEntry| {
            entry
                .routes
                .iter()
                .all(|route| has(*route, self.routes.len()))
                && entry
                    .otherwise
                    .iter()
                    .all(|path| has(*path, self.paths.len()))
        };
        let route = |route: &Route| {
            let target = match &route.target {
                Target::Reply(_) => true,
                Target::Upstream(upstream) => has(*upstream, tables.upstreams.len()),
            };
            route.auth.refers_within(tables)
                && target
                && [&route.conditions, &route.shadow_conditions]
                    .into_iter()
                    .flatten()
                    .all(|condition| has(*condition, tables.conditions.len()))
                && route
                    .limits
                    .iter()
                    .all(|limit| has(*limit, tables.limits.len()))
                && route
                    .anonymous_plan
                    .as_ref()
                    .is_none_or(|plan| tables.plan(plan).is_some())
                && route
                    .plans
                    .iter()
                    .flat_map(|plan| &plan.limits)
                    .all(|limit| has(*limit, tables.limits.len()))
                && route.cors.is_none_or(|cors| has(cors, tables.cors.len()))
        };
        self.paths.iter().all(entry) && self.routes.iter().all(route)
    }
}

/// A path pattern and what is served there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathEntry {
    /// The pattern.
    pub pattern: PathPattern,
    /// Routes of this very pattern, most specific first; the first whose predicates hold is
    /// taken.
    pub routes: Vec<u32>,
    /// Where none of them holds: the other entries that overlap this one and are less specific,
    /// most specific first. Empty where the last route takes every request.
    pub otherwise: Vec<u32>,
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The name in records, unique in the policy.
    pub name: String,
    /// The methods it serves.
    pub methods: MethodSet,
    /// What must hold of the headers.
    pub headers: Vec<FieldPredicate>,
    /// What must hold of the query's parameters.
    pub query: Vec<FieldPredicate>,
    /// Who may call.
    pub auth: Auth,
    /// Conditions that must all hold, by index.
    pub conditions: Vec<u32>,
    /// Conditions in shadow, by index: where one does not hold, that is recorded and refuses
    /// nobody.
    pub shadow_conditions: Vec<u32>,
    /// Limits, by index.
    pub limits: Vec<u32>,
    /// The limits of each plan that a caller can be on here.
    pub plans: Vec<PlanLimits>,
    /// The name of the plan of anonymous callers.
    pub anonymous_plan: Option<String>,
    /// CORS rules, by index.
    pub cors: Option<u32>,
    /// Who answers.
    pub target: Target,
    /// The path that the origin gets, where it is another.
    pub rewrite: Option<PathTemplate>,
    /// The time until the response head, where it is not the upstream's.
    pub timeout: Option<Span>,
    /// Changes to the request's headers.
    pub request_headers: HeaderEdits,
    /// Changes to the response's headers.
    pub response_headers: HeaderEdits,
}

impl Route {
    /// A route that serves every method, and asks for and changes nothing else.
    pub fn new(name: impl Into<String>, auth: Auth, target: Target) -> Self {
        Self {
            name: name.into(),
            methods: MethodSet::ANY,
            headers: Vec::new(),
            query: Vec::new(),
            auth,
            conditions: Vec::new(),
            shadow_conditions: Vec::new(),
            limits: Vec::new(),
            plans: Vec::new(),
            anonymous_plan: None,
            cors: None,
            target,
            rewrite: None,
            timeout: None,
            request_headers: HeaderEdits::default(),
            response_headers: HeaderEdits::default(),
        }
    }
}

impl Route {
    /// What it holds of text and other data, in octets.
    pub(super) fn octets(&self) -> usize {
        let Self {
            name,
            methods: _,
            headers,
            query,
            auth,
            conditions,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors: _,
            target,
            rewrite,
            timeout: _,
            request_headers,
            response_headers,
        } = self;
        let predicates = headers.iter().chain(query).map(|predicate| {
            let test = match &predicate.test {
                FieldTest::Present => 0,
                FieldTest::Exact(value) => value.len(),
                FieldTest::Matches(automaton) => automaton.len(),
            };
            predicate.name.len().saturating_add(test)
        });
        let scopes = auth.credentials().flat_map(Auth::scopes).map(String::len);
        let edits = [request_headers, response_headers];
        let removed = edits.iter().flat_map(|edits| &edits.remove);
        let written = edits
            .iter()
            .flat_map(|edits| edits.set.iter().chain(&edits.add));
        let (reply, body) = match target {
            Target::Reply(reply) => (reply.headers.as_slice(), reply.body.len()),
            Target::Upstream(_) => (Default::default(), 0),
        };
        let pair = |(name, value): &(String, String)| name.len().saturating_add(value.len());
        let rewrite = rewrite.iter().flat_map(|template| &template.0);
        let rewrite = rewrite.map(|part| match part {
            TemplatePart::Literal(text) | TemplatePart::Parameter(text) => text.len(),
            TemplatePart::Rest => 0,
        });
        let numbers = [conditions, shadow_conditions, limits].map(Vec::len);
        let plans = plans
            .iter()
            .map(|plan| plan.plan.len().saturating_add(plan.limits.len()));
        let single = [
            name.len(),
            body,
            anonymous_plan.as_ref().map_or(0, String::len),
        ];
        single
            .into_iter()
            .chain(numbers)
            .chain(plans)
            .chain(predicates)
            .chain(scopes)
            .chain(removed.map(String::len))
            .chain(written.chain(reply).map(pair))
            .chain(rewrite)
            .fold(0, usize::saturating_add)
    }
}

/// A predicate on a header or a query parameter.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct FieldPredicate {
    /// The name; of a header in lower case.
    pub name: String,
    /// What must hold.
    pub test: FieldTest,
}

/// What must hold of a header or query parameter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FieldTest {
    /// It is there.
    Present,
    /// It is exactly this.
    Exact(String),
    /// All of it matches the regular expression: a sparse DFA of `regex-automata`,
    /// little-endian, anchored at both ends.
    Matches(ByteBuf),
}

/// Who answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// The gateway itself.
    Reply(Reply),
    /// The upstream of this index.
    Upstream(u32),
}

/// A fixed reply.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Header fields, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; at most [`super::bounds::REPLY_BODY`] octets.
    pub body: ByteBuf,
}

/// Changes to header fields, in this order: remove, set, add. Names in lower case.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize_tuple, Deserialize_tuple,
)]
pub struct HeaderEdits {
    /// Fields to remove.
    pub remove: Vec<String>,
    /// Fields to set, whatever was there.
    pub set: Vec<(String, String)>,
    /// Fields to add to what is there.
    pub add: Vec<(String, String)>,
}

/// A path made of literal parts and of what the pattern captured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PathTemplate(pub Vec<TemplatePart>);

/// A part of a path template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TemplatePart {
    /// As it stands.
    Literal(String),
    /// The value of a path parameter.
    Parameter(String),
    /// What lies under a prefix.
    Rest,
}
