//! The decision about a request.

use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use js_sys::futures::future_to_promise;
use tidegate_edge::{Decision, End, Gateway, LateRecord, Outcome, Ports, problem_reply};
use tidegate_shared::problem::Problem;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response;

use crate::attempt::Attempt;
use crate::head::IncomingHead;
use crate::isolate::Isolate;
use crate::shadow::Question;
use crate::{fields, log};

/// Decides about a request, given its head as `heads.js` writes it, the request itself and its
/// context: a [`Response`], an [`Attempt`], or the promise of either.
///
/// # Errors
/// Where the runtime refuses what it is given; the request must then be refused.
#[wasm_bindgen]
pub fn decide(head: String, request: JsValue, ctx: JsValue) -> Result<JsValue, JsValue> {
    let Some((isolate, gateway)) = Isolate::current() else {
        return refuse(Problem::NotReady);
    };
    let Some(head) = IncomingHead::new(head, request) else {
        return refuse(Problem::HostInvalid);
    };
    soon(async move {
        let decision = gateway.decide(&isolate.state, &isolate.ports, &head).await;
        let question = Question::about(&decision, &isolate);
        let late = question.as_ref().map(Question::late);
        let step = act(decision, Rc::clone(&isolate), gateway, &head, late);
        if let Some(question) = question {
            question.ask(isolate, head, &ctx);
        }
        step
    })
}

/// What comes of a future: at once, where it does not wait, else the promise of it.
pub(crate) fn soon(
    future: impl Future<Output = Result<JsValue, JsValue>> + 'static,
) -> Result<JsValue, JsValue> {
    let mut future = Box::pin(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(outcome) => outcome,
        // Polled again at once, with a waker that counts.
        Poll::Pending => Ok(future_to_promise(future).into()),
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
    late: Option<Rc<LateRecord>>,
) -> Result<JsValue, JsValue> {
    match decision {
        Decision::Respond(reply, exchange) => {
            let outcome = Outcome {
                status: reply.status,
                plan: None,
                end: End::Complete,
                now: isolate.ports.now(),
            };
            LateRecord::finish(late, gateway.finish(exchange, &outcome), log::record);
            fields::reply(&reply).map(JsValue::from)
        }
        Decision::Forward(forward) => Attempt::first(forward, isolate, gateway, head, late),
    }
}
