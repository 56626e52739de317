//! One request to one backend, and whose fault it was.

use std::error::Error;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tidegate_shared::problem::Problem;

use super::pool::{Pool, PoolError};
use crate::body::{Progress, RequestBody, RequestBodyError};
use crate::refusal::Refusal;

/// Sends a request and waits for the response head. The wait is counted from the last sign of
/// progress of the request body, and not while the body waits for the caller: that has a bound of
/// its own.
pub(super) async fn send(
    pool: &Pool,
    request: Request<RequestBody>,
    progress: &Progress,
    limit: Duration,
) -> Result<Response<Incoming>, Refusal> {
    let response = pool.send(request);
    tokio::pin!(response);
    loop {
        tokio::select! {
            biased;
            result = &mut response => return result.map_err(|error| blame(&error)),
            () = progress.moved() => {}
            () = tokio::time::sleep(limit) => {
                if !progress.waits_for_caller() {
                    let cause = format!("no response head within {limit:?}");
                    return Err(Refusal::new(Problem::OriginTimeout, &cause));
                }
            }
        }
    }
}

/// Finds the cause in the chain of an error.
fn blame(error: &PoolError) -> Refusal {
    let mut causes: Vec<String> = Vec::new();
    let mut source: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(cause) = source {
        if let Some(caller) = cause.downcast_ref::<RequestBodyError>() {
            return Refusal::new(Problem::RequestIncomplete, caller);
        }
        let text = cause.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        source = cause.source();
    }
    let problem = match error {
        PoolError::Connect(_) => Problem::OriginUnreachable,
        PoolError::Http1(_) | PoolError::Http2(_) => Problem::OriginFailed,
    };
    Refusal::new(problem, &causes.join(": "))
}
