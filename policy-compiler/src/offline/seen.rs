//! What comes of a request.

use std::borrow::Cow;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderName, HeaderValue};
use tidegate_edge::{AccessRecord, Decision, End, Gateway, Outcome, ResponseHead, State};

use super::request::Request;
use super::world::World;
use super::{OfflineError, failed};
use crate::TestExpectation;

/// What came of a request.
pub(crate) struct Seen {
    pub(crate) record: AccessRecord,
    /// The status of the gateway's own answer.
    pub(crate) status: Option<u16>,
    /// Path and query for the origin, where the request is passed on.
    pub(crate) path: Option<String>,
    /// Header fields of the gateway's own answer, or that it sets in the origin's.
    pub(crate) headers: Vec<(HeaderName, String)>,
}

pub(super) fn observe(
    gateway: &Gateway,
    state: &State,
    world: &World,
    request: &Request<'_>,
) -> Result<Seen, OfflineError> {
    let mut decision = pin!(gateway.decide(state, world, request));
    let Poll::Ready(decision) = decision
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    else {
        return Err(failed(
            "the gateway waits for something that is not there offline",
        ));
    };
    let outcome = |status, plan| Outcome {
        status,
        plan,
        end: End::Complete,
        now: world.now,
    };
    let text = |(name, value): &(HeaderName, HeaderValue)| {
        (
            name.clone(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    };
    Ok(match decision {
        Decision::Respond(reply, exchange) => Seen {
            record: gateway.finish(exchange, &outcome(reply.status, None)),
            status: Some(reply.status),
            path: None,
            headers: reply.headers.iter().map(text).collect(),
        },
        Decision::Forward(forward) => {
            let edits = gateway.respond(&forward.exchange, &NoHead);
            Seen {
                record: gateway.finish(forward.exchange, &outcome(0, Some(&forward.plan))),
                status: None,
                path: Some(forward.path_and_query),
                headers: edits.set.iter().chain(&edits.add).map(text).collect(),
            }
        }
    })
}

impl Seen {
    pub(super) fn differences(&self, expect: &TestExpectation) -> Vec<String> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, expected: Option<String>, found: Option<String>| {
            if expected.is_some() && expected != found {
                let show = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
                differences.push(format!(
                    "{what}: expected {}, found {}",
                    show(expected),
                    show(found)
                ));
            }
        };
        compare(
            "status",
            expect.status.map(|status| status.to_string()),
            self.status.map(|s| s.to_string()),
        );
        compare(
            "problem",
            expect.problem.map(|problem| problem.to_string()),
            self.record.problem.map(str::to_owned),
        );
        compare("to", expect.to.clone(), self.record.upstream.clone());
        compare("path", expect.path.clone(), self.path.clone());
        compare("route", expect.route.clone(), self.record.route.clone());
        for (name, value) in &expect.headers {
            let found = self
                .headers
                .iter()
                .find(|(own, _)| own == name)
                .map(|(_, value)| value.clone());
            compare(name.as_str(), Some(value.clone()), found);
        }
        if let Some(reason) = self
            .record
            .reason
            .as_ref()
            .filter(|_| !differences.is_empty())
        {
            differences.push(format!("refused because: {reason}"));
        }
        differences
    }
}

/// An answer of which nothing is known.
struct NoHead;

impl ResponseHead for NoHead {
    fn status(&self) -> u16 {
        200
    }

    fn header(&self, _: &HeaderName) -> Option<Cow<'_, str>> {
        None
    }
}
