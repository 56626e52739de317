//! What a route means: its references followed, its defaults filled in.

use tidegate_shared::bundle::{
    ApiKeyRing, Auth, Cors, HeaderEdits, Issuer, JwtAuth, Limit, PathTemplate, Reply, Route,
    Tables, Target, Upstream,
};
use tidegate_shared::pattern::PathPattern;
use tidegate_shared::units::Span;

/// What becomes of the requests of a route.
#[derive(Clone, Debug)]
pub(super) struct Meaning<'s> {
    /// The pattern that names the parameters.
    pub(super) pattern: &'s PathPattern,
    pub(super) caller: Caller<'s>,
    pub(super) limits: Vec<&'s Limit>,
    pub(super) cors: Option<&'s Cors>,
    pub(super) answer: Answer<'s>,
    pub(super) response_headers: &'s HeaderEdits,
}

/// Who may call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Caller<'s> {
    Public,
    Jwt(&'s Issuer, &'s [String]),
    ApiKey(&'s ApiKeyRing),
}

/// Who answers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer<'s> {
    Reply(&'s Reply),
    Forward(Forward<'s>),
}

/// How a request is passed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Forward<'s> {
    pub(super) upstream: &'s Upstream,
    pub(super) timeout: Span,
    pub(super) rewrite: Option<&'s PathTemplate>,
    pub(super) request_headers: &'s HeaderEdits,
}

impl<'s> Meaning<'s> {
    /// `None` where a reference leads nowhere, which no decoded bundle has.
    pub(super) fn of(
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
            Auth::Jwt(JwtAuth { issuer, scopes }) => {
                Caller::Jwt(at(&tables.issuers, *issuer)?, scopes)
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
    pub(super) fn is_public(&self) -> bool {
        matches!(self.caller, Caller::Public)
    }
}

fn at<T>(table: &[T], index: u32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}
