//! An attempt at an origin, and what comes of it.

use std::rc::Rc;

use http::header;
use tidegate_edge::{
    Attempt as Next, AttemptOutcome, Destination, End, Forward, Gateway, LateRecord, Outcome,
    Ports, RequestHead, ResponseHead,
};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::Response;

use crate::fields::Changes;
use crate::head::{AnswerHead, IncomingHead};
use crate::isolate::Isolate;
use crate::{fields, log, tunnels};

/// A request to send, and a way back.
///
/// JavaScript sends it and calls [`Attempt::answered`] or [`Attempt::failed`], which end it. An
/// attempt that is dropped without either is one whose client went away.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Attempt {
    passage: Option<Passage>,
    head: String,
    service: JsValue,
    timeout: u32,
}

#[wasm_bindgen]
impl Attempt {
    /// The address, and a line for each change to the client's fields, as `heads.js` reads them.
    #[wasm_bindgen(getter)]
    pub fn head(&self) -> String {
        self.head.clone()
    }

    /// The binding that sends it, with the upstream's client certificate; `undefined` where it
    /// needs none.
    #[wasm_bindgen(getter)]
    pub fn service(&self) -> JsValue {
        self.service.clone()
    }

    /// Milliseconds until the response head must have come.
    #[wasm_bindgen(getter)]
    pub fn timeout(&self) -> u32 {
        self.timeout
    }

    /// The origin answered: the response for the client, or another attempt. `body` tells whether
    /// the request had one, which went with this attempt.
    ///
    /// # Errors
    /// Where the runtime refuses what it is given.
    pub fn answered(mut self, response: Response, body: bool) -> Result<JsValue, JsValue> {
        match self.passage.take() {
            Some(passage) => passage.answered(&response, body),
            None => Ok(response.into()),
        }
    }

    /// No answer came: another attempt, or a problem for the client. `timed_out` where the time
    /// was over, else `cause` is the runtime's word.
    ///
    /// # Errors
    /// Where the runtime refuses what it is given.
    pub fn failed(mut self, timed_out: bool, cause: &str, body: bool) -> Result<JsValue, JsValue> {
        match self.passage.take() {
            Some(passage) => passage.failed(timed_out, cause, body),
            None => Err(JsValue::UNDEFINED),
        }
    }
}

impl Attempt {
    /// The first attempt, or the answer where there is none to make.
    pub(crate) fn first(
        forward: Forward,
        isolate: Rc<Isolate>,
        gateway: Rc<Gateway>,
        head: &IncomingHead,
        late: Option<Rc<LateRecord>>,
    ) -> Result<JsValue, JsValue> {
        let mut changes = Changes::default();
        head.strip(&mut changes);
        changes.extend(&forward.request);
        let passage = Passage {
            forward,
            changes,
            isolate,
            gateway,
            late,
            idempotent: head.method().is_idempotent(),
            upgrade: head.header(&header::UPGRADE).is_some(),
        };
        passage.proceed(None, "")
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(passage) = self.passage.take() {
            passage.finish(CLIENT_CLOSED_REQUEST, End::ClientGone);
        }
    }
}

/// The status in the record where nobody was there to get one.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// A request on its way, over all its attempts.
#[derive(Debug)]
struct Passage {
    forward: Forward,
    /// What the request's head becomes.
    changes: Changes,
    isolate: Rc<Isolate>,
    gateway: Rc<Gateway>,
    /// The record, where it waits for a bundle in shadow.
    late: Option<Rc<LateRecord>>,
    idempotent: bool,
    /// Whether the client asks for another protocol.
    upgrade: bool,
}

impl Passage {
    fn answered(mut self, response: &Response, body: bool) -> Result<JsValue, JsValue> {
        let head = AnswerHead(response.status());
        let outcome = AttemptOutcome::Answered(head.status());
        match self.next(Some((outcome, !body))) {
            Next::Send(destination, deadline) => {
                if let Some(body) = response.body() {
                    // Nobody waits for it, and a failure to cancel changes nothing.
                    let _ = body.cancel();
                }
                self.send(&destination, deadline)
            }
            Next::Deliver => {
                let mut changes = Changes::default();
                changes.extend(&self.gateway.respond(&self.forward.exchange, &head));
                let answer = fields::answer(response, changes.as_str());
                self.finish(head.status(), End::Complete);
                answer.map(JsValue::from)
            }
            Next::GiveUp(problem) => self.give_up(problem, "the origin's answer is not wanted"),
        }
    }

    /// The runtime tells a broken connection from a refused one as little as a failed TLS
    /// handshake from an unknown host. All count as no connection, but only what does no harm
    /// twice is sent again.
    fn failed(self, timed_out: bool, cause: &str, body: bool) -> Result<JsValue, JsValue> {
        let (outcome, cause) = if timed_out {
            (AttemptOutcome::TimedOut, "no response head in time")
        } else {
            (AttemptOutcome::ConnectFailed, cause)
        };
        let replayable = self.idempotent && !body;
        self.proceed(Some((outcome, replayable)), cause)
    }

    fn proceed(
        mut self,
        last: Option<(AttemptOutcome, bool)>,
        cause: &str,
    ) -> Result<JsValue, JsValue> {
        match self.next(last) {
            Next::Send(destination, deadline) => self.send(&destination, deadline),
            Next::Deliver => self.give_up(Problem::Internal, "there is no answer to deliver"),
            Next::GiveUp(problem) => self.give_up(problem, cause),
        }
    }

    fn next(&mut self, last: Option<(AttemptOutcome, bool)>) -> Next {
        let now = self.isolate.ports.now();
        self.forward.plan.next(&self.isolate.state, last, now)
    }

    fn send(self, destination: &Destination, deadline: UnixMillis) -> Result<JsValue, JsValue> {
        let (url, path) = (destination.url(), &self.forward.path_and_query);
        let mut head = format!("{url}{path}\n{}", self.changes.as_str());
        for (name, value) in destination.fields() {
            fields::set(&mut head, name, value);
        }
        if let Some(connector) = destination.tunnel() {
            if self.upgrade {
                let cause = "on this runtime no protocols are switched over tunnels";
                return self.give_up(Problem::UpgradeUnsupported, cause);
            }
            // A signature is good for one arrival.
            let again = self.idempotent && destination.fields().next().is_none();
            let objects = self.isolate.ports.tunnels();
            return match objects.and_then(|objects| tunnels::object(&objects, connector).ok()) {
                Some(object) => {
                    tunnels::send(&mut head, again);
                    Ok(self.attempt(head, object, deadline))
                }
                None => self.give_up(Problem::Internal, "there are no tunnels"),
            };
        }
        let service = match destination.upstream().identity.as_deref() {
            None => JsValue::UNDEFINED,
            Some(identity) => match self.isolate.ports.binding(identity) {
                Some(service) => service,
                None => {
                    let cause = format!("no binding for the client certificate `{identity}`");
                    return self.give_up(Problem::Internal, &cause);
                }
            },
        };
        Ok(self.attempt(head, service, deadline))
    }

    fn attempt(self, head: String, service: JsValue, deadline: UnixMillis) -> JsValue {
        let timeout = deadline.since(self.isolate.ports.now());
        let attempt = Attempt {
            passage: Some(self),
            head,
            service,
            timeout: u32::try_from(timeout).unwrap_or(u32::MAX),
        };
        attempt.into()
    }

    fn give_up(mut self, problem: Problem, cause: &str) -> Result<JsValue, JsValue> {
        let reply = self
            .gateway
            .refuse(&mut self.forward.exchange, problem, cause);
        self.finish(reply.status, End::Complete);
        fields::reply(&reply).map(JsValue::from)
    }

    fn finish(self, status: u16, end: End) {
        let Forward { plan, exchange, .. } = self.forward;
        let outcome = Outcome {
            status,
            plan: Some(&plan),
            end,
            now: self.isolate.ports.now(),
        };
        let record = self.gateway.finish(exchange, &outcome);
        LateRecord::finish(self.late, record, log::record);
    }
}
