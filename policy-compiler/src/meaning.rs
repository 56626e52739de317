//! What a route means: its references followed, its defaults filled in.

use tidegate_shared::bundle::{
    ApiKeyRing, Auth, CallerFacts, Cors, HeaderEdits, Issuer, JwtAuth, Limit, PathTemplate, Reply,
    Route, Tables, Target, Upstream,
};
use tidegate_shared::condition::{Condition, Node, Variable};
use tidegate_shared::pattern::PathPattern;
use tidegate_shared::units::Span;

/// What becomes of the requests of a route.
#[derive(Clone, Debug)]
pub(crate) struct Meaning<'s> {
    /// The pattern that names the parameters.
    pub(crate) pattern: &'s PathPattern,
    pub(crate) caller: Caller<'s>,
    /// What must hold besides.
    pub(crate) conditions: Vec<&'s Condition>,
    pub(crate) limits: Vec<&'s Limit>,
    pub(crate) cors: Option<&'s Cors>,
    pub(crate) answer: Answer<'s>,
    pub(crate) response_headers: &'s HeaderEdits,
}

/// Who may call.
#[derive(Clone, Debug)]
pub(crate) enum Caller<'s> {
    Public,
    Jwt(Vec<&'s Issuer>, &'s [String]),
    ApiKey(&'s ApiKeyRing),
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'s> {
    Reply(&'s Reply),
    Forward(Forward<'s>),
}

/// How a request is passed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Forward<'s> {
    pub(crate) upstream: &'s Upstream,
    pub(crate) timeout: Span,
    pub(crate) rewrite: Option<&'s PathTemplate>,
    pub(crate) request_headers: &'s HeaderEdits,
}

impl<'s> Meaning<'s> {
    /// `None` where a reference leads nowhere, which no decoded bundle has.
    pub(crate) fn of(
        pattern: &'s PathPattern,
        route: &'s Route,
        tables: &'s Tables,
    ) -> Option<Self> {
        let Route {
            // In records alone.
            name: _,
            // Where the route stands, and not what it means.
            methods: _,
            headers: _,
            query: _,
            auth,
            conditions,
            limits,
            cors,
            target,
            rewrite,
            timeout,
            request_headers,
            response_headers,
        } = route;
        let caller = match auth {
            Auth::Public => Caller::Public,
            Auth::Jwt(JwtAuth { issuers, scopes }) => {
                let issuers = issuers.iter().map(|index| at(&tables.issuers, *index));
                Caller::Jwt(issuers.collect::<Option<_>>()?, scopes)
            }
            Auth::ApiKey(ring) => Caller::ApiKey(at(&tables.api_keys, *ring)?),
        };
        let answer = match target {
            Target::Reply(reply) => Answer::Reply(reply),
            Target::Upstream(index) => {
                let upstream = at(&tables.upstreams, *index)?;
                Answer::Forward(Forward {
                    upstream,
                    timeout: timeout.unwrap_or(upstream.timeout),
                    rewrite: rewrite.as_ref(),
                    request_headers,
                })
            }
        };
        Some(Self {
            pattern,
            caller,
            conditions: conditions
                .iter()
                .filter_map(|condition| at(&tables.conditions, *condition))
                .collect(),
            limits: limits
                .iter()
                .filter_map(|limit| at(&tables.limits, *limit))
                .collect(),
            cors: cors.and_then(|cors| at(&tables.cors, cors)),
            answer,
            response_headers,
        })
    }
}

impl Meaning<'_> {
    pub(crate) fn is_public(&self) -> bool {
        matches!(self.caller, Caller::Public)
    }

    /// Whether something depends on what the policy calls its consumers: a condition, or what the
    /// origin is told.
    pub(crate) fn names_consumers(&self) -> bool {
        let subject = Node::Variable(Variable::Subject);
        let mut conditions = self.conditions.iter();
        let told = match self.answer {
            Answer::Reply(_) => false,
            Answer::Forward(forward) => forward.upstream.caller != CallerFacts::default(),
        };
        told || conditions.any(|condition| condition.nodes().contains(&subject))
    }
}

fn at<T>(table: &[T], index: u32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}
