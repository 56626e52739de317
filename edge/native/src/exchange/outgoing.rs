//! The request that goes to an origin, attempt by attempt.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONNECTION, HOST, UPGRADE};
use http::{HeaderValue, Request, Response, Uri, request};
use http_body::Body as _;
use hyper::body::Incoming;
use tidegate_edge::{Attempt, AttemptOutcome, AttemptPlan, Destination, HeadEdits};
use tidegate_follow::{chain, now};
use tidegate_shared::problem::Problem;
use tidegate_shared::spiffe::SpiffeId;
use tidegate_shared::time::UnixMillis;
use tracing::debug;

use super::{Shared, strip};
use crate::body::RequestBody;
use crate::bundle::Loaded;
use crate::client::Clients;
use crate::tunnels::{Failure, Pool};

/// An answer of an origin, or the problem of having none, with its cause.
type Answer = Result<Response<Incoming>, (Problem, String)>;

/// A request, as every attempt sends it but for its target.
pub(super) struct Outgoing {
    template: Request<()>,
    path_and_query: String,
    body: RequestBody,
    upgrade: bool,
}

impl Outgoing {
    /// The client's request with the gateway's edits, for this path and query.
    pub(super) fn new(
        parts: &request::Parts,
        edits: HeadEdits,
        path_and_query: String,
        body: Incoming,
        upgrade: bool,
    ) -> Self {
        let mut headers = parts.headers.clone();
        let protocol = headers.get(UPGRADE).cloned();
        strip(&mut headers);
        headers.remove(HOST);
        edits.apply(&mut headers);
        if let Some(protocol) = protocol.filter(|_| upgrade) {
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        let mut template = Request::new(());
        *template.method_mut() = parts.method.clone();
        *template.headers_mut() = headers;
        Self {
            template,
            path_and_query,
            body: RequestBody::new(body),
            upgrade,
        }
    }

    /// Follows the plan until an answer is to be delivered, or there is none.
    pub(super) async fn send(
        &self,
        plan: &mut AttemptPlan,
        loaded: &Loaded,
        shared: &Shared,
    ) -> Answer {
        let mut last = None;
        let mut answer = None;
        let mut cause = String::new();
        loop {
            match plan.next(&shared.state, last, now()) {
                Attempt::Send(destination, deadline) => {
                    let (outcome, response, failure) =
                        self.attempt(&destination, deadline, loaded, shared).await;
                    debug!(origin = destination.origin(), ?outcome, failure, "attempt");
                    (answer, cause) = (response, failure);
                    last = Some((outcome, self.body.is_whole()));
                }
                Attempt::Deliver => {
                    let lost = || (Problem::Internal, "an answer was lost".to_owned());
                    return answer.ok_or_else(lost);
                }
                Attempt::GiveUp(problem) => return Err((problem, cause)),
            }
        }
    }

    async fn attempt(
        &self,
        destination: &Destination,
        deadline: UnixMillis,
        loaded: &Loaded,
        shared: &Shared,
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
        for (name, value) in destination.fields() {
            request.headers_mut().insert(name, value.clone());
        }
        let answer = async {
            match destination.tunnel() {
                None => self.direct(clients, request).await,
                Some(connector) => {
                    // A signature is good for one arrival.
                    let signed = destination.fields().next().is_some();
                    let tunnels = shared.tunnels.as_deref();
                    self.by_tunnel(tunnels, connector, request, signed).await
                }
            }
        };
        let left = Duration::from_millis(deadline.since(now()));
        match tokio::time::timeout(left, answer).await {
            Err(_) => (
                AttemptOutcome::TimedOut,
                None,
                "no response head in time".to_owned(),
            ),
            Ok(Err(Failure(outcome, cause))) => (outcome, None, cause),
            Ok(Ok(response)) => (
                AttemptOutcome::Answered(response.status().as_u16()),
                Some(response),
                String::new(),
            ),
        }
    }

    async fn direct(
        &self,
        clients: &Clients,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Failure> {
        let pool = if self.upgrade {
            &clients.http1
        } else {
            &clients.any
        };
        pool.request(request).await.map_err(|error| {
            let outcome = if error.is_connect() {
                AttemptOutcome::ConnectFailed
            } else {
                AttemptOutcome::Failed
            };
            Failure(outcome, chain(&error))
        })
    }

    async fn by_tunnel(
        &self,
        tunnels: Option<&Pool>,
        connector: &SpiffeId,
        request: Request<RequestBody>,
        signed: bool,
    ) -> Result<Response<Incoming>, Failure> {
        // A bundle that needs tunnels is not loaded where there are none.
        let none = || {
            Failure(
                AttemptOutcome::ConnectFailed,
                "there are no tunnels".to_owned(),
            )
        };
        let tunnels = tunnels.ok_or_else(none)?;
        let again = request.method().is_idempotent() && self.body.is_end_stream() && !signed;
        let (mut response, lease) = if self.upgrade {
            tunnels.switch(connector, request).await?
        } else {
            tunnels.send(connector, request, again).await?
        };
        response.extensions_mut().insert(Arc::new(lease));
        Ok(response)
    }
}
