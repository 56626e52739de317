//! A route, prepared: header names parsed, regular expressions loaded.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use regex_automata::dfa::{Automaton, sparse};
use regex_automata::{Anchored, Input};
use tidegate_shared::bundle::{self, Auth, FieldPredicate, FieldTest, PathTemplate, PlanLimits};
use tidegate_shared::method::MethodSet;
use tidegate_shared::units::Span;

use super::candidate::Mismatch;
use super::once::Once;
use super::table::Question;
use crate::decision::{HeadEdits, Reply};

/// A route of the bundle, ready for use. Among thousands, most of what finding one costs is
/// waiting for memory: so a route is one cache line, and what many have alike is there once.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Route {
    pub(crate) name: Box<str>,
    pub(crate) methods: MethodSet,
    pub(crate) target: Target,
    pub(crate) rules: Arc<Rules>,
    predicates: Option<Box<Predicates>>,
}

/// What a route does with a request, but for who answers it.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) auth: Auth,
    pub(crate) conditions: Vec<u32>,
    pub(crate) shadow_conditions: Vec<u32>,
    pub(crate) limits: Vec<u32>,
    pub(crate) plans: Vec<PlanLimits>,
    pub(crate) anonymous_plan: Option<String>,
    pub(crate) cors: Option<u32>,
    pub(crate) rewrite: Option<PathTemplate>,
    pub(crate) timeout: Option<Span>,
    pub(crate) request: Option<HeadEdits>,
    pub(crate) response: Option<HeadEdits>,
}

const _: () = assert!(size_of::<Route>() == 64);

/// Who answers.
#[derive(Debug)]
pub(crate) enum Target {
    Reply(Arc<Reply>),
    Upstream(u32),
}

/// What must hold of a request beside its path and method.
#[derive(Debug)]
struct Predicates {
    headers: Vec<(HeaderName, Test)>,
    query: Vec<(String, Test)>,
}

impl Route {
    pub(super) fn prepare(route: bundle::Route, parts: &mut Parts) -> Result<Self, String> {
        let bundle::Route {
            name,
            methods,
            headers,
            query,
            auth,
            conditions,
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
        let stated = StatedRules {
            auth,
            conditions,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors,
            rewrite,
            timeout,
            request_headers,
            response_headers,
        };
        Ok(Self {
            name: name.into(),
            methods,
            target: match target {
                bundle::Target::Reply(reply) => {
                    Target::Reply(parts.replies.prepare(reply, prepare_reply)?)
                }
                bundle::Target::Upstream(index) => Target::Upstream(index),
            },
            rules: parts.rules.prepare(stated, Rules::prepare)?,
            predicates: predicates(headers, query)?,
        })
    }

    /// The first thing about a request that the route does not take; `None` where it takes it.
    pub(super) fn mismatch(&self, question: &Question<'_>) -> Option<Mismatch<&HeaderName, &str>> {
        if !self.methods.contains(question.method) {
            return Some(Mismatch::Method);
        }
        self.predicates.as_ref()?.mismatch(question)
    }
}

/// What routes of a host share.
#[derive(Debug)]
pub(super) struct Parts {
    replies: Once<bundle::Reply, Reply>,
    rules: Once<StatedRules, Rules>,
}

impl Parts {
    pub(super) fn new() -> Self {
        Self {
            replies: Once::new(),
            rules: Once::new(),
        }
    }
}

/// [`Rules`] as the bundle has them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct StatedRules {
    auth: Auth,
    conditions: Vec<u32>,
    shadow_conditions: Vec<u32>,
    limits: Vec<u32>,
    plans: Vec<PlanLimits>,
    anonymous_plan: Option<String>,
    cors: Option<u32>,
    rewrite: Option<PathTemplate>,
    timeout: Option<Span>,
    request_headers: bundle::HeaderEdits,
    response_headers: bundle::HeaderEdits,
}

impl Rules {
    fn prepare(stated: &StatedRules) -> Result<Self, String> {
        let StatedRules {
            auth,
            conditions,
            shadow_conditions,
            limits,
            plans,
            anonymous_plan,
            cors,
            rewrite,
            timeout,
            request_headers,
            response_headers,
        } = stated;
        Ok(Self {
            auth: auth.clone(),
            conditions: conditions.clone(),
            shadow_conditions: shadow_conditions.clone(),
            limits: limits.clone(),
            plans: plans.clone(),
            anonymous_plan: anonymous_plan.clone(),
            cors: *cors,
            rewrite: rewrite.clone(),
            timeout: *timeout,
            request: edits(request_headers)?,
            response: edits(response_headers)?,
        })
    }
}

fn prepare_reply(reply: &bundle::Reply) -> Result<Reply, String> {
    Ok(Reply {
        status: reply.status,
        headers: fields(&reply.headers)?,
        body: Bytes::copy_from_slice(&reply.body),
    })
}

impl Predicates {
    fn mismatch(&self, question: &Question<'_>) -> Option<Mismatch<&HeaderName, &str>> {
        let header = self
            .headers
            .iter()
            .find(|(name, test)| !test.holds((question.header)(name).as_deref()));
        if let Some((name, _)) = header {
            return Some(Mismatch::Header(name));
        }
        let query = self.query.iter().find(|(name, test)| {
            let mut pairs = form_urlencoded::parse(question.query.unwrap_or_default().as_bytes());
            let value = pairs.find(|(key, _)| key == name).map(|(_, value)| value);
            !test.holds(value.as_deref())
        });
        query.map(|(name, _)| Mismatch::Query(name.as_str()))
    }
}

#[derive(Debug)]
enum Test {
    Present,
    Exact(String),
    Matches(Box<sparse::DFA<Vec<u8>>>),
}

impl Test {
    fn prepare(test: FieldTest) -> Result<Self, String> {
        Ok(match test {
            FieldTest::Present => Self::Present,
            FieldTest::Exact(value) => Self::Exact(value),
            FieldTest::Matches(octets) => {
                let (automaton, _) =
                    sparse::DFA::from_bytes(&octets).map_err(|error| error.to_string())?;
                Self::Matches(Box::new(automaton.to_owned()))
            }
        })
    }

    fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return false };
        match self {
            Self::Present => true,
            Self::Exact(expected) => value == expected,
            Self::Matches(automaton) => {
                let input = Input::new(value).anchored(Anchored::Yes);
                let end = automaton
                    .try_search_fwd(&input)
                    .ok()
                    .flatten()
                    .map(|half| half.offset());
                end == Some(value.len())
            }
        }
    }
}

fn predicates(
    headers: Vec<FieldPredicate>,
    query: Vec<FieldPredicate>,
) -> Result<Option<Box<Predicates>>, String> {
    if headers.is_empty() && query.is_empty() {
        return Ok(None);
    }
    let headers = headers
        .into_iter()
        .map(|FieldPredicate { name, test }| Ok((header_name(&name)?, Test::prepare(test)?)));
    let query = query
        .into_iter()
        .map(|FieldPredicate { name, test }| Ok((name, Test::prepare(test)?)));
    Ok(Some(Box::new(Predicates {
        headers: headers.collect::<Result<_, String>>()?,
        query: query.collect::<Result<_, String>>()?,
    })))
}

fn edits(edits: &bundle::HeaderEdits) -> Result<Option<HeadEdits>, String> {
    let bundle::HeaderEdits { remove, set, add } = edits;
    if remove.is_empty() && set.is_empty() && add.is_empty() {
        return Ok(None);
    }
    let remove = remove.iter().map(|name| header_name(name));
    Ok(Some(HeadEdits {
        remove: remove.collect::<Result<_, String>>()?,
        set: fields(set)?,
        add: fields(add)?,
    }))
}

fn fields(fields: &[(String, String)]) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let field = |(name, text): &(String, String)| {
        let value =
            HeaderValue::from_str(text).map_err(|_| format!("`{text}` is no header value"))?;
        Ok((header_name(name)?, value))
    };
    fields.iter().map(field).collect()
}

fn header_name(text: &str) -> Result<HeaderName, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is no header name"))
}
