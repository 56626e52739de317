//! What a route means: its references followed, its defaults filled in.

use std::collections::BTreeMap;

use tidegate_shared::bundle::{
    ApiKeyAuth, ApiKeyRing, Auth, CallerFacts, Certificates, Cors, HeaderEdits, IntrospectAuth,
    Introspection, Issuer, JwtAuth, Limit, PathTemplate, PlanLimits, Reply, Route, Signers, Tables,
    Target, Upstream,
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
    /// What is watched, and refuses nobody.
    pub(crate) shadow: Shadow<'s>,
    pub(crate) limits: Vec<&'s Limit>,
    /// What the limits refer to: expressions and calendars.
    pub(crate) tables: &'s Tables,
    /// The limits of each plan that a caller can be on.
    pub(crate) plans: BTreeMap<&'s str, Vec<&'s Limit>>,
    pub(crate) anonymous_plan: Option<&'s str>,
    pub(crate) cors: Option<&'s Cors>,
    pub(crate) answer: Answer<'s>,
    pub(crate) response_headers: &'s HeaderEdits,
}

/// Rules in shadow.
#[derive(Clone, Debug)]
pub(crate) struct Shadow<'s> {
    /// Who might call if nothing were in shadow, where something is.
    pub(crate) caller: Option<Caller<'s>>,
    pub(crate) conditions: Vec<&'s Condition>,
}

/// Who may call.
#[derive(Clone, Debug)]
pub(crate) enum Caller<'s> {
    /// Everyone; credentials are not looked at.
    Public,
    /// Whoever holds one of these alternatives; the first that a request carries decides.
    Holder {
        alternatives: Vec<Together<'s>>,
        /// Whether whoever carries none of them may call, too.
        anonymous: bool,
    },
}

/// Credentials that must all hold; the first says who calls. Never empty.
pub(crate) type Together<'s> = Vec<Credential<'s>>;

/// One credential.
#[derive(Clone, Debug)]
pub(crate) enum Credential<'s> {
    /// A token of one of the issuers, with all of the scopes.
    Jwt(Vec<&'s Issuer>, &'s [String]),
    /// An API key of the ring, with all of the scopes.
    ApiKey(&'s ApiKeyRing, &'s [String]),
    /// A token that the server vouches for, with all of the scopes.
    Introspect(&'s Introspection, &'s [String]),
    /// A signature over the request.
    Signature(&'s Signers),
    /// A client certificate.
    Certificate(&'s Certificates),
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
            conditions: stated,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors,
            target,
            rewrite,
            timeout,
            request_headers,
            response_headers,
        } = route;
        let caller = Caller::of(auth, tables, Watched::No)?;
        let conditions = |indices: &'s [u32]| {
            let indices = indices.iter();
            indices
                .filter_map(|index| at(&tables.conditions, *index))
                .collect()
        };
        let named = |limits: &[u32]| {
            let limits = limits.iter();
            limits
                .filter_map(|index| at(&tables.limits, *index))
                .collect()
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
            conditions: conditions(stated),
            shadow: Shadow {
                caller: if has_shadow(auth) {
                    Some(Caller::of(auth, tables, Watched::Too)?)
                } else {
                    None
                },
                conditions: conditions(shadow_conditions),
            },
            limits: named(limits),
            plans: plans
                .iter()
                .map(|PlanLimits { plan, limits }| (plan.as_str(), named(limits)))
                .collect(),
            tables,
            anonymous_plan: anonymous_plan.as_deref(),
            cors: cors.and_then(|cors| at(&tables.cors, cors)),
            answer,
            response_headers,
        })
    }
}

/// Whether what is in shadow counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watched {
    No,
    Too,
}

fn has_shadow(auth: &Auth) -> bool {
    let in_shadow = |auth: &Auth| matches!(auth, Auth::Shadow(_));
    let mut members = auth.alternatives().iter().flat_map(Auth::members);
    in_shadow(auth) || members.any(in_shadow)
}

impl<'s> Caller<'s> {
    fn of(auth: &'s Auth, tables: &'s Tables, watched: Watched) -> Option<Self> {
        let in_shadow = |auth: &Auth| matches!(auth, Auth::Shadow(_));
        if *auth == Auth::Public || watched == Watched::No && in_shadow(auth) {
            return Some(Self::Public);
        }
        let alternatives = auth.alternatives().iter();
        let holders = alternatives.filter(|auth| **auth != Auth::Anonymous);
        let together = |auth: &'s Auth| {
            let members = auth.members().iter();
            let counted = members.filter(|member| watched == Watched::Too || !in_shadow(member));
            counted
                .map(|member| Credential::of(member.rule(), tables))
                .collect()
        };
        Some(Self::Holder {
            alternatives: holders.map(together).collect::<Option<_>>()?,
            anonymous: auth.alternatives().contains(&Auth::Anonymous),
        })
    }

    /// Whether a request that carries no credential is let in.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Public => true,
            Self::Holder { anonymous, .. } => *anonymous,
        }
    }

    /// Every credential that may be asked for.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &Credential<'s>> {
        let alternatives = match self {
            Self::Public => &[],
            Self::Holder { alternatives, .. } => alternatives.as_slice(),
        };
        alternatives.iter().flatten()
    }
}

impl<'s> Credential<'s> {
    fn of(auth: &'s Auth, tables: &'s Tables) -> Option<Self> {
        match auth {
            Auth::Jwt(JwtAuth { issuers, scopes }) => {
                let issuers = issuers.iter().map(|index| at(&tables.issuers, *index));
                Some(Self::Jwt(issuers.collect::<Option<_>>()?, scopes))
            }
            Auth::ApiKey(ApiKeyAuth { ring, scopes }) => {
                Some(Self::ApiKey(at(&tables.api_keys, *ring)?, scopes))
            }
            Auth::Introspect(IntrospectAuth {
                introspection,
                scopes,
            }) => {
                let server = at(&tables.introspections, *introspection)?;
                Some(Self::Introspect(server, scopes))
            }
            Auth::Signature(signers) => Some(Self::Signature(at(&tables.signatures, *signers)?)),
            Auth::Certificate(own) => Some(Self::Certificate(at(&tables.certificates, *own)?)),
            Auth::Public | Auth::Anonymous | Auth::Any(_) | Auth::All(_) | Auth::Shadow(_) => None,
        }
    }
}

impl Meaning<'_> {
    /// The same with the limits of a plan alone; `None` where no caller can be on it.
    pub(crate) fn on_plan(&self, name: &str) -> Option<Self> {
        Some(Self {
            limits: self.plans.get(name)?.clone(),
            ..self.clone()
        })
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
        let counted = self.limits.iter().flat_map(|limit| limit.expressions());
        let mut counted = counted.filter_map(|index| at(&self.tables.conditions, index));
        told || conditions.any(|condition| condition.nodes().contains(&subject))
            || counted.any(|expression| expression.nodes().contains(&subject))
    }
}

fn at<T>(table: &[T], index: u32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}
