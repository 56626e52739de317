//! The decision about a request.

use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::futures::future_to_promise;
use tidegate_edge::{Decision, End, Gateway, Outcome, Ports, problem_reply};
use tidegate_shared::problem::Problem;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response;

use crate::attempt::Attempt;
use crate::head::IncomingHead;
use crate::isolate::Isolate;
use crate::{fields, log};

/// Decides about a request, given its head as `heads.js` writes it, and the request itself: a
/// [`Response`], an [`Attempt`], or the promise of either.
///
/// # Errors
/// Where the runtime refuses what it is given; the request must then be refused.
#[wasm_bindgen]
pub fn decide(head: String, request: JsValue) -> Result<JsValue, JsValue> {
    let Some((isolate, gateway)) = Isolate::current() else {
        return refuse(Problem::NotReady);
    };
    let Some(head) = IncomingHead::new(head, request) else {
        return refuse(Problem::HostInvalid);
    };
    let mut decision = Box::pin(async move {
        let decision = gateway.decide(&isolate.state, &isolate.ports, &head).await;
        act(decision, isolate, gateway, &head)
    });
    match decision
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(step) => step,
        // Polled again at once, with a waker that counts.
        Poll::Pending => Ok(future_to_promise(decision).into()),
    }
}

/// The answer where deciding failed.
///
/// # Errors
/// Where the runtime refuses the response.
#[wasm_bindgen]
pub fn failed() -> Result<Response, JsValue> {
    fields::reply(&problem_reply(Problem::Internal, None))
}

fn refuse(problem: Problem) -> Result<JsValue, JsValue> {
    fields::reply(&problem_reply(problem, None)).map(JsValue::from)
}

fn act(
    decision: Decision,
    isolate: Rc<Isolate>,
    gateway: Rc<Gateway>,
    head: &IncomingHead,
) -> Result<JsValue, JsValue> {
    match decision {
        Decision::Respond(reply, exchange) => {
            let outcome = Outcome {
                status: reply.status,
                plan: None,
                end: End::Complete,
                now: isolate.ports.now(),
            };
            log::record(&gateway.finish(exchange, &outcome));
            fields::reply(&reply).map(JsValue::from)
        }
        Decision::Forward(forward) => Attempt::first(forward, isolate, gateway, head),
    }
}
