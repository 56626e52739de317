//! One request, from its head to the end of its answer.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Uri, request};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tidegate_edge::{
    Attempt, AttemptOutcome, AttemptPlan, Decision, Destination, End, Exchange, Forward,
    HOP_BY_HOP, Outcome, Peer, Reply, Scheme, State, problem_reply,
};
use tidegate_shared::problem::Problem;
use tidegate_shared::time::UnixMillis;
use tracing::debug;

use crate::body::{OriginBody, RequestBody, ResponseBody};
use crate::bundle::Loaded;
use crate::head;
use crate::ports::{Ports, now};
use crate::records::Records;
use crate::tunnel;

/// What every request of a gateway shares.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) records: Arc<dyn Records>,
}

/// The duty to finish an exchange, once.
pub(crate) struct Ending {
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    exchange: Exchange,
    plan: Option<AttemptPlan>,
    status: u16,
}

impl Ending {
    pub(crate) fn finish(self, end: End) {
        let outcome = Outcome {
            status: self.status,
            plan: self.plan.as_ref(),
            end,
            now: now(),
        };
        self.shared
            .records
            .deliver(&self.loaded.gateway.finish(self.exchange, &outcome));
    }
}

/// An answer of an origin, or the problem of having none.
type Answer = Result<(Response<Incoming>, AttemptPlan), (Problem, String, AttemptPlan)>;

/// Answers one request.
pub(crate) async fn handle(
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    client: IpAddr,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let mut entropy = [0; 24];
    if getrandom::fill(&mut entropy).is_err() {
        return respond(problem_reply(Problem::Internal, None));
    }
    let ports = Ports {
        secrets: &loaded.secrets,
        entropy,
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, incoming) = request.into_parts();
    let peer = Peer {
        address: Some(client.to_canonical()),
        scheme: Scheme::Http,
    };
    let head = head::Request {
        parts: &parts,
        peer,
    };
    match loaded.gateway.decide(&shared.state, &ports, &head).await {
        Decision::Respond(reply, exchange) => {
            let status = reply.status;
            Ending {
                loaded,
                shared,
                exchange,
                plan: None,
                status,
            }
            .finish(End::Complete);
            respond(reply)
        }
        Decision::Forward(forward) => {
            let Forward {
                plan,
                path_and_query,
                request,
                upgrade: asks,
                mut exchange,
            } = forward;
            let outgoing = Outgoing {
                template: outgoing(&parts, request.clone(), asks),
                path_and_query,
                body: RequestBody::new(incoming),
                upgrade: asks,
            };
            let answer = outgoing.send(plan, &loaded, &shared.state).await;
            match answer {
                Err((problem, cause, plan)) => {
                    let reply = loaded.gateway.refuse(&mut exchange, problem, cause);
                    let status = reply.status;
                    Ending {
                        loaded,
                        shared,
                        exchange,
                        plan: Some(plan),
                        status,
                    }
                    .finish(End::Complete);
                    respond(reply)
                }
                Ok((response, plan)) => {
                    pass_back(loaded, shared, exchange, plan, response, upgrade)
                }
            }
        }
    }
}

/// The request as every attempt sends it, but for its target.
fn outgoing(parts: &request::Parts, edits: tidegate_edge::HeadEdits, upgrade: bool) -> Request<()> {
    let mut headers = parts.headers.clone();
    let protocol = headers.get(UPGRADE).cloned();
    strip(&mut headers);
    headers.remove(HOST);
    edits.apply(&mut headers);
    if let Some(protocol) = protocol.filter(|_| upgrade) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, protocol);
    }
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.headers_mut() = headers;
    request
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

struct Outgoing {
    template: Request<()>,
    path_and_query: String,
    body: RequestBody,
    upgrade: bool,
}

impl Outgoing {
    /// Follows the plan until an answer is to be delivered, or there is none.
    async fn send(&self, mut plan: AttemptPlan, loaded: &Loaded, state: &State) -> Answer {
        let mut last = None;
        let mut answer = None;
        let mut cause = String::new();
        loop {
            match plan.next(state, last, now()) {
                Attempt::Send(destination, deadline) => {
                    let (outcome, response, failure) =
                        self.attempt(&destination, deadline, loaded).await;
                    debug!(origin = destination.origin(), ?outcome, failure, "attempt");
                    (answer, cause) = (response, failure);
                    last = Some((outcome, self.body.is_whole()));
                }
                Attempt::Deliver => {
                    let lost = || (Problem::Internal, "an answer was lost".to_owned());
                    return match answer.ok_or_else(lost) {
                        Ok(answer) => Ok((answer, plan)),
                        Err((problem, cause)) => Err((problem, cause, plan)),
                    };
                }
                Attempt::GiveUp(problem) => return Err((problem, cause, plan)),
            }
        }
    }

    async fn attempt(
        &self,
        destination: &Destination,
        deadline: UnixMillis,
        loaded: &Loaded,
    ) -> (AttemptOutcome, Option<Response<Incoming>>, String) {
        let uri = format!("{}{}", destination.url(), self.path_and_query).parse::<Uri>();
        let clients = loaded.clients(&destination.upstream().name);
        let (Ok(uri), Some(clients)) = (uri, clients) else {
            return (
                AttemptOutcome::ConnectFailed,
                None,
                "the origin's URL cannot be used".to_owned(),
            );
        };
        let mut request = self.template.clone().map(|()| self.body.clone());
        *request.uri_mut() = uri;
        let pool = if self.upgrade {
            &clients.http1
        } else {
            &clients.any
        };
        let left = Duration::from_millis(deadline.since(now()));
        match tokio::time::timeout(left, pool.request(request)).await {
            Err(_) => (
                AttemptOutcome::TimedOut,
                None,
                "no response head in time".to_owned(),
            ),
            Ok(Err(error)) => {
                let outcome = if error.is_connect() {
                    AttemptOutcome::ConnectFailed
                } else {
                    AttemptOutcome::Failed
                };
                (outcome, None, chain(&error))
            }
            Ok(Ok(response)) => (
                AttemptOutcome::Answered(response.status().as_u16()),
                Some(response),
                String::new(),
            ),
        }
    }
}

/// An error with its causes, for the operator.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Passes an origin's answer to the client.
fn pass_back(
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    exchange: Exchange,
    plan: AttemptPlan,
    mut response: Response<Incoming>,
    client: hyper::upgrade::OnUpgrade,
) -> Response<ResponseBody> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let origin = switches.then(|| hyper::upgrade::on(&mut response));
    let (mut parts, incoming) = response.into_parts();
    let edits = loaded.gateway.respond(&exchange, &head::Response(&parts));
    let protocol = parts.headers.get(UPGRADE).cloned();
    strip(&mut parts.headers);
    edits.apply(&mut parts.headers);
    let ending = Ending {
        loaded,
        shared,
        exchange,
        plan: Some(plan),
        status: parts.status.as_u16(),
    };
    if let (Some(origin), Some(protocol)) = (origin, protocol) {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(UPGRADE, protocol);
        tokio::spawn(tunnel::join(client, origin, ending));
        return Response::from_parts(parts, Either::Left(Full::default()));
    }
    // The connection to the origin has its own version; this one's is hyper's affair.
    parts.version = http::Version::HTTP_11;
    Response::from_parts(parts, Either::Right(OriginBody::new(incoming, ending)))
}

/// A reply of the gateway.
fn respond(reply: Reply) -> Response<ResponseBody> {
    let Reply {
        status,
        headers,
        body,
    } = reply;
    let mut response = Response::new(Either::Left(Full::<Bytes>::new(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers
        .into_iter()
        .filter(|(name, _)| *name != CONTENT_LENGTH)
    {
        response.headers_mut().append(name, value);
    }
    response
}
