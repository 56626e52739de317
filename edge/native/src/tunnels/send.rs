//! One attempt at an origin that is reached by tunnels.

use http::{Request, Response};
use hyper::body::Incoming;
use tidegate_edge::AttemptOutcome;
use tidegate_shared::spiffe::SpiffeId;
use tracing::debug;

use super::pool::{Lease, Pool};
use crate::body::RequestBody;
use tidegate_follow::chain;

/// Tunnels that one attempt may try.
const TRIES: usize = 4;

/// An attempt that came to nothing, and why.
pub(crate) struct Failure(pub(crate) AttemptOutcome, pub(crate) String);

impl Pool {
    /// Sends a request over the least loaded tunnel of the connector. Where the tunnel turns out to be
    /// gone before anything was sent, and where the request may be sent `again` (RFC 9110 §9.2.2), over
    /// another one.
    pub(crate) async fn send(
        &self,
        connector: &SpiffeId,
        request: Request<RequestBody>,
        again: bool,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let (parts, body) = request.into_parts();
        let mut tried = Vec::new();
        let mut last = None;
        while tried.len() < TRIES {
            let Some(lease) = self.take(connector, &tried) else {
                break;
            };
            tried.push(lease.peer());
            let request = Request::from_parts(parts.clone(), body.clone());
            let error = match lease.sender().try_send_request(request).await {
                Ok(response) => return Ok((response, lease)),
                Err(error) => error,
            };
            let unsent = error.message().is_some();
            let cause = chain(&error.into_error());
            debug!(%connector, peer = %lease.peer(), unsent, cause, "a tunnel failed");
            if unsent {
                last = Some(Failure(AttemptOutcome::ConnectFailed, cause));
            } else {
                last = Some(Failure(AttemptOutcome::Failed, cause));
                if !again {
                    break;
                }
            }
        }
        Err(last.unwrap_or_else(|| {
            let cause = if self.has(connector) {
                format!("every tunnel of `{connector}` is full")
            } else {
                format!("no tunnel of `{connector}` is open")
            };
            Failure(AttemptOutcome::ConnectFailed, cause)
        }))
    }
}
