//! One request to one backend, and whose fault it was.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use tidegate_shared::problem::Problem;

use super::replay::Replay;
use crate::body::{Progress, RequestBody};
use crate::refusal::Refusal;
use crate::traces::Exchange;
use crate::upstream::{BackendBody, Booking, Http, Pool, PoolError, Unanswered, Upstream};

/// A request that was sent to an endpoint without an answer.
enum Failure {
    Unanswered(Unanswered),
    TooLate,
}

/// How a request is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending<'s> {
    pub(super) upstream: &'s Upstream<Http>,
    /// Of its body.
    pub(super) progress: &'s Progress,
    /// For how long an endpoint may be silent.
    pub(super) limit: Duration,
    /// What attempts are recorded under, if they are.
    pub(super) span: Option<&'s Exchange>,
}

impl Sending<'_> {
    /// Sends a request and waits for the response head. It is tried again, and at another endpoint if
    /// there is one, as often as the backend allows: where nothing of it could be sent, and where the
    /// endpoint broke off and a second request is as good as one.
    pub(super) async fn send(
        self,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<BackendBody>, Booking), Refusal> {
        let Self {
            upstream,
            progress,
            limit,
            span,
        } = self;
        let mut tried: Vec<SocketAddr> = Vec::new();
        let mut last = Refusal::new(Problem::OriginUnreachable, "the backend has no endpoint");
        let replay = Some(&request).filter(|_| upstream.attempts() > 1);
        let replay = replay.and_then(Replay::of);
        // Whether the same endpoint may do better: it may just have closed a connection that was kept.
        let mut same = false;
        while tried.len() < upstream.attempts() {
            let other = upstream.choose(&tried);
            let Some(booking) = other.or_else(|| upstream.choose(&[]).filter(|_| same)) else {
                break;
            };
            let endpoint = booking.address();
            if !tried.is_empty() && !upstream.retry() {
                break;
            }
            let traced = span
                .map(|span| span.attempt(tried.len(), &mut request, upstream.config(), endpoint));
            let failure = match attempt(booking.pool(), request, progress, limit).await {
                Ok(response) => {
                    if let Some(traced) = traced {
                        traced.answered(response.status());
                    }
                    if speaks_for_nobody(response.status()) {
                        upstream.failed(endpoint);
                    } else {
                        upstream.succeeded(endpoint);
                    }
                    return Ok((response, booking));
                }
                Err(failure) => failure,
            };
            last = blame(&failure, progress, limit);
            if let Some(traced) = traced {
                traced.failed(last.problem, &last.cause);
            }
            if last.problem != Problem::RequestIncomplete {
                upstream.failed(endpoint);
            }
            match (failure, &replay) {
                (
                    Failure::Unanswered(Unanswered {
                        unsent: Some(unsent),
                        ..
                    }),
                    _,
                ) => {
                    request = *unsent;
                    same = false;
                }
                (Failure::Unanswered(Unanswered { unsent: None, .. }), Some(replay)) => {
                    request = replay.request();
                    same = true;
                }
                (Failure::Unanswered(_), None) | (Failure::TooLate, _) => break,
            }
            tried.push(endpoint);
        }
        Err(last)
    }
}

/// Statuses by which a server says that nobody is there to answer (RFC 9110 §15.6.3 to §15.6.5).
fn speaks_for_nobody(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Sends a request to one endpoint. The wait is counted from the last sign of progress of the
/// request body, and not while the body waits for the caller: that has a bound of its own.
async fn attempt(
    pool: &Pool,
    request: Request<RequestBody>,
    progress: &Progress,
    limit: Duration,
) -> Result<Response<BackendBody>, Failure> {
    let response = pool.send(request);
    tokio::pin!(response);
    loop {
        tokio::select! {
            biased;
            result = &mut response => return result.map_err(Failure::Unanswered),
            () = progress.moved() => {}
            () = tokio::time::sleep(limit) => {
                if !progress.waits_for_caller() {
                    return Err(Failure::TooLate);
                }
            }
        }
    }
}

/// Finds whose fault it was, and the causes in the chain of an error.
fn blame(failure: &Failure, progress: &Progress, limit: Duration) -> Refusal {
    if let Some(caller) = progress.failure() {
        return Refusal::new(Problem::RequestIncomplete, caller);
    }
    let error = match failure {
        Failure::Unanswered(Unanswered { error, .. }) => error,
        Failure::TooLate => {
            let cause = format!("no response head within {limit:?}");
            return Refusal::new(Problem::OriginTimeout, &cause);
        }
    };
    let mut causes: Vec<String> = Vec::new();
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = source {
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    let problem = match error {
        PoolError::Connect(_) => Problem::OriginUnreachable,
        PoolError::Exchange(_) => Problem::OriginFailed,
    };
    Refusal::new(problem, &causes.join(": "))
}
