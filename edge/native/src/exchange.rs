//! One request, from its head to the end of its answer.

mod outgoing;

use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, response};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tidegate_edge::{
    AttemptPlan, Decision, End, Exchange, Forward, HOP_BY_HOP, HeadEdits, Outcome, Peer, Reply,
    Scheme, State, problem_reply,
};
use tidegate_follow::{Fetcher, now};
use tidegate_shared::problem::Problem;

use crate::authority::LimitAuthority;
use crate::body::{OriginBody, ResponseBody};
use crate::bundle::{Loaded, LoadedShadow};
use crate::metrics::Metrics;
use crate::ports::Ports;
use crate::records::Records;
use crate::tls::Shown;
use crate::tunnels::{Lease, Pool};
use crate::{head, leases, upgrade};
use outgoing::Outgoing;

/// What every request of a gateway shares.
pub(crate) struct Shared {
    pub(crate) state: State,
    pub(crate) records: Arc<dyn Records>,
    /// What is counted, where somebody may ask.
    pub(crate) metrics: Option<Arc<Metrics>>,
    pub(crate) fetcher: Fetcher,
    pub(crate) authority: Arc<LimitAuthority>,
    /// What decides in shadow.
    pub(crate) shadow: ArcSwapOption<LoadedShadow>,
    /// The tunnels to origins that no connection reaches, where connectors may dial.
    pub(crate) tunnels: Option<Arc<Pool>>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: IpAddr,
    pub(crate) scheme: Scheme,
    /// The certificate that it has shown.
    pub(crate) certificate: Option<Arc<Shown>>,
}

/// The status in the record of a client that left before its answer: it got none.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The duty to finish an exchange, once: at the latest when it is dropped, which is what happens
/// where the client goes away.
pub(crate) struct Ending {
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    /// Invariant: here until the drop.
    exchange: Option<Exchange>,
    plan: Option<AttemptPlan>,
    status: u16,
    end: End,
    /// The tunnel that the answer comes by counts as busy until the end.
    lease: Option<Arc<Lease>>,
}

impl Ending {
    fn new(loaded: Arc<Loaded>, shared: Arc<Shared>, exchange: Exchange) -> Self {
        if let Some(metrics) = &shared.metrics {
            metrics.begin();
        }
        Self {
            loaded,
            shared,
            exchange: Some(exchange),
            plan: None,
            status: CLIENT_CLOSED_REQUEST,
            end: End::ClientGone,
            lease: None,
        }
    }

    pub(crate) fn finish(mut self, end: End) {
        self.end = end;
    }

    /// Ends with a reply of the gateway.
    fn reply(mut self, reply: Reply) -> Response<ResponseBody> {
        self.status = reply.status;
        self.finish(End::Complete);
        respond(reply)
    }

    fn refuse(mut self, problem: Problem, cause: String) -> Response<ResponseBody> {
        let reply = match &mut self.exchange {
            Some(exchange) => self.loaded.gateway.refuse(exchange, problem, cause),
            None => problem_reply(problem, None),
        };
        self.reply(reply)
    }

    fn edits(&self, response: &response::Parts) -> HeadEdits {
        let edits = self
            .exchange
            .as_ref()
            .map(|exchange| (self.loaded.gateway).respond(exchange, &head::Response(response)));
        edits.unwrap_or_default()
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(exchange) = self.exchange.take() else {
            return;
        };
        let outcome = Outcome {
            status: self.status,
            plan: self.plan.as_ref(),
            end: self.end,
            now: now(),
        };
        let record = self.loaded.gateway.finish(exchange, &outcome);
        if let Some(metrics) = &self.shared.metrics {
            metrics.end(&record);
        }
        self.shared.records.deliver(&record);
    }
}

/// Answers a request.
pub(crate) async fn handle(
    loaded: Arc<Loaded>,
    shared: Arc<Shared>,
    client: Client,
    mut request: Request<Incoming>,
) -> Response<ResponseBody> {
    let mut entropy = [0; 24];
    if getrandom::fill(&mut entropy).is_err() {
        return respond(problem_reply(Problem::Internal, None));
    }
    let ports = Ports::of(&loaded, &shared, entropy);
    let upgrade = hyper::upgrade::on(&mut request);
    let (parts, incoming) = request.into_parts();
    let Client {
        address,
        scheme,
        certificate,
    } = client;
    let peer = Peer {
        address: Some(address.to_canonical()),
        scheme,
    };
    let head = head::Request {
        parts: &parts,
        peer,
        certificate: certificate.as_deref(),
    };
    let mut decision = loaded.gateway.decide(&shared.state, &ports, &head).await;
    leases::carry(&loaded, &shared);
    if let Some(shadow) = shared.shadow.load_full() {
        let ports = Ports::of_shadow(&shadow, &shared, entropy);
        let watched = shadow
            .bundle
            .watch(&mut decision, &shared.state, &ports, &head);
        watched.await;
    }
    match decision {
        Decision::Respond(reply, exchange) => Ending::new(loaded, shared, exchange).reply(reply),
        Decision::Forward(forward) => {
            let Forward {
                plan,
                path_and_query,
                request,
                upgrade: asks,
                exchange,
            } = forward;
            let outgoing = Outgoing::new(&parts, request, path_and_query, incoming, asks);
            let mut ending = Ending::new(loaded, shared, exchange);
            let plan = ending.plan.insert(plan);
            let answer = outgoing.send(plan, &ending.loaded, &ending.shared).await;
            match answer {
                Err((problem, cause)) => ending.refuse(problem, cause),
                Ok(response) => pass_back(ending, response, upgrade),
            }
        }
    }
}

fn strip(headers: &mut HeaderMap) {
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
}

/// Passes an origin's answer to the client.
fn pass_back(
    mut ending: Ending,
    mut response: Response<Incoming>,
    client: hyper::upgrade::OnUpgrade,
) -> Response<ResponseBody> {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let origin = switches.then(|| hyper::upgrade::on(&mut response));
    let (mut parts, incoming) = response.into_parts();
    ending.lease = parts.extensions.remove();
    let edits = ending.edits(&parts);
    let protocol = parts.headers.get(UPGRADE).cloned();
    strip(&mut parts.headers);
    edits.apply(&mut parts.headers);
    ending.status = parts.status.as_u16();
    if let (Some(origin), Some(protocol)) = (origin, protocol) {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("upgrade"));
        parts.headers.insert(UPGRADE, protocol);
        tokio::spawn(upgrade::join(client, origin, ending));
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
