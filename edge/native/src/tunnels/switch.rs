//! A switch of protocols over a tunnel: an extended CONNECT (RFC 8441), as HTTP/2 knows no `101`.
//!
//! The connector makes of it the request that the client has made, with all its fields, so that the
//! client's own handshake (RFC 6455 §4) is between the client and the origin.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use tidegate_edge::AttemptOutcome;
use tidegate_shared::spiffe::SpiffeId;

use super::pool::{Lease, Pool};
use super::send::Failure;
use crate::body::RequestBody;

impl Pool {
    /// Sends a request to switch protocols. Where the origin has switched, the answer is a `101`, as
    /// it would be over HTTP/1.1.
    pub(crate) async fn switch(
        &self,
        connector: &SpiffeId,
        mut request: Request<RequestBody>,
    ) -> Result<(Response<Incoming>, Lease), Failure> {
        let impossible = |cause: &str| Failure(AttemptOutcome::Failed, cause.to_owned());
        if *request.method() != Method::GET {
            return Err(impossible("over a tunnel only `GET` switches protocols"));
        }
        let headers = request.headers_mut();
        headers.remove(CONNECTION);
        let protocol = headers.remove(UPGRADE);
        let protocol = protocol.ok_or_else(|| impossible("no protocol to switch to"))?;
        let name = protocol.to_str();
        let name = name.map_err(|_| impossible("the protocol to switch to has no name"))?;
        // RFC 8441 §4.
        let extension = Protocol::from(name);
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(extension);
        let (mut response, lease) = self.send(connector, request, false).await?;
        if response.status().is_success() {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, protocol);
        }
        Ok((response, lease))
    }
}
