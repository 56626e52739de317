//! One request, from its head to the head of its answer.

use std::rc::Rc;
use std::time::Duration;

use http::Method;
use http::header::{CONTENT_LENGTH, SEC_WEBSOCKET_KEY};
use spin_sdk::wasip3::http::types::{Request, Response};
use tidegate_edge::{
    Attempt, AttemptOutcome, AttemptPlan, Decision, End, Exchange, Forward, Gateway, LateRecord,
    Outcome, Reply, RequestHead as _, State, problem_reply,
};
use tidegate_shared::problem::Problem;

use crate::head::{IncomingHead, OriginHead};
use crate::origin::{self, Target};
use crate::ports::{self, SpinPorts};
use crate::splice::Body;
use crate::{fields, log, policy, reply, shadow};

/// Answers a request and delivers its record.
///
/// The record is written with the head of the answer: a spliced body ends
/// where the component cannot see it.
pub(crate) async fn handle(request: Request) -> Response {
    let Some(head) = IncomingHead::of(&request).map(Rc::new) else {
        let reply = problem_reply(Problem::MethodRefused, None);
        return reply::response(reply, &Method::GET);
    };
    let policy = match policy::current().await {
        Ok(policy) => policy,
        Err(error) => {
            log::warn(&error.to_string());
            let reply = problem_reply(Problem::NotReady, None);
            return reply::response(reply, head.method());
        }
    };
    let gateway = &policy.gateway;
    let state = policy::state();
    let ports = SpinPorts {
        needs: &policy.needs,
    };
    let decision = gateway.decide(&state, &ports, &*head).await;
    let late = shadow::watch(&policy, &state, &decision, &head);
    let (response, exchange, plan) = match decision {
        Decision::Respond(reply, exchange) => {
            (reply::response(reply, head.method()), exchange, None)
        }
        Decision::Forward(forward) => {
            let courier = Courier {
                gateway,
                state: &state,
                head: &head,
            };
            let (response, exchange, plan) = courier.forward(request, forward).await;
            (response, exchange, Some(plan))
        }
    };
    let now = ports::now();
    let outcome = Outcome {
        status: response.get_status_code(),
        plan: plan.as_ref(),
        end: End::Complete,
        now,
    };
    LateRecord::finish(late, gateway.finish(exchange, &outcome), log::record);
    policy::refresh(&policy, now);
    response
}

/// Carries a request to its origins.
struct Courier<'a> {
    gateway: &'a Gateway,
    state: &'a State,
    head: &'a IncomingHead,
}

impl Courier<'_> {
    async fn forward(
        &self,
        request: Request,
        forward: Forward,
    ) -> (Response, Exchange, AttemptPlan) {
        let Forward {
            mut plan,
            path_and_query,
            request: edits,
            // The host has taken `Upgrade` out of the head before anyone could see it.
            upgrade: _,
            mut exchange,
        } = forward;
        let refused = |exchange: &mut Exchange, problem, cause: &str| {
            let reply: Reply = self.gateway.refuse(exchange, problem, cause);
            reply::response(reply, self.head.method())
        };
        if self.head.header(&SEC_WEBSOCKET_KEY).is_some() {
            let response = refused(&mut exchange, Problem::UpgradeUnsupported, "a WebSocket");
            return (response, exchange, plan);
        }
        let headers = match fields::edited(self.head.headers(), &fields::SPIN, edits) {
            Ok(headers) => headers,
            Err(error) => {
                let cause = format!("a header field cannot be sent: {error}");
                let response = refused(&mut exchange, Problem::Internal, &cause);
                return (response, exchange, plan);
            }
        };

        let replayable = self.is_replayable();
        let mut body = Some(Body::of_request(request));
        let mut last = None;
        let mut answer = None;
        let mut cause = String::new();
        let response = loop {
            match plan.next(self.state, last, ports::now()) {
                Attempt::Send(destination, deadline) => {
                    let limit = Duration::from_millis(deadline.since(ports::now()));
                    // A request that is sent again has no body.
                    let body = body.take().unwrap_or_else(Body::empty);
                    let sent = match Target::new(destination.url(), &path_and_query) {
                        Ok(target) => {
                            let method = self.head.method();
                            match fields::with(&headers, destination.fields()) {
                                Ok(headers) => {
                                    origin::send(target, method, headers, body, limit).await
                                }
                                Err(error) => Err((AttemptOutcome::Failed, error.to_string())),
                            }
                        }
                        Err(error) => Err((AttemptOutcome::Failed, error.to_string())),
                    };
                    let outcome = match sent {
                        Ok(response) => {
                            let status = response.get_status_code();
                            answer = Some(response);
                            AttemptOutcome::Answered(status)
                        }
                        Err((outcome, error)) => {
                            cause = error;
                            outcome
                        }
                    };
                    last = Some((outcome, replayable));
                }
                Attempt::Deliver => match answer.take() {
                    Some(answer) => break self.deliver(answer, &mut exchange),
                    None => break refused(&mut exchange, Problem::Internal, "no answer"),
                },
                Attempt::GiveUp(problem) => break refused(&mut exchange, problem, &cause),
            }
        };
        (response, exchange, plan)
    }

    fn deliver(&self, answer: Response, exchange: &mut Exchange) -> Response {
        let head = OriginHead::of(&answer);
        let edits = self.gateway.respond(exchange, &head);
        // The host would miss the announced octets, and break off an HTTP/2 stream for it
        // (RFC 9110 §8.6 lets such a response go without the field).
        let without_content = self.head.method() == Method::HEAD || head.status == 304;
        let also: &[&str] = if without_content {
            &["content-length"]
        } else {
            &[]
        };
        match fields::edited(&head.headers, also, edits) {
            Ok(headers) => Body::of_response(answer).into_response(headers, head.status),
            Err(error) => {
                let cause = format!("a header field cannot be sent back: {error}");
                let reply = self.gateway.refuse(exchange, Problem::Internal, cause);
                reply::response(reply, self.head.method())
            }
        }
    }

    /// Whether the request can be sent once more. What the host was given of a
    /// body it does not give back, so there must be none: none is announced,
    /// or the method has no use for one.
    fn is_replayable(&self) -> bool {
        match self.head.header(&CONTENT_LENGTH) {
            Some(length) => length == "0",
            None => self.head.method().is_safe(),
        }
    }
}
