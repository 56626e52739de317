//! A connection after `101 Switching Protocols` (RFC 9110 §15.2.2): octets both ways.

use std::io;
use std::time::Duration;

use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{Method, Request, Response, StatusCode, response};
use hyper::body::Incoming;
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tidegate_shared::problem::Problem;
use tokio_util::sync::CancellationToken;

use crate::access::AccessRecord;
use crate::headers::hop_by_hop;
use crate::refusal::Refusal;
use crate::splice::{Traffic, splice};
use crate::upstream::BackendBody;

/// Both ends of a switch of protocols that is being made.
#[derive(Debug)]
pub(super) struct Tunnel {
    protocol: HeaderValue,
    /// Whether the caller has asked by an extended CONNECT.
    connect: bool,
    caller: OnUpgrade,
    backend: Option<OnUpgrade>,
}

/// The protocol of an extended CONNECT.
#[derive(Clone, Debug)]
struct Extended(HeaderValue);

/// Takes an extended CONNECT (RFC 8441 §4) for the request that it stands for, of which it has the
/// fields: so it is decided on, and so its signature was made. Another CONNECT stays what it is.
pub(super) fn adopt(request: &mut Request<Incoming>) {
    if *request.method() != Method::CONNECT {
        return;
    }
    let protocol: Option<Protocol> = request.extensions_mut().remove();
    let protocol = protocol.filter(|name| hop_by_hop::switches_to(name.as_ref()));
    let protocol = protocol.and_then(|name| HeaderValue::from_bytes(name.as_ref()).ok());
    if let Some(protocol) = protocol {
        *request.method_mut() = Method::GET;
        request.extensions_mut().insert(Extended(protocol));
    }
}

/// The protocol that an extended CONNECT has asked for.
pub(super) fn extended<B>(request: &Request<B>) -> Option<HeaderValue> {
    let Extended(protocol) = request.extensions().get()?;
    Some(protocol.clone())
}

impl Tunnel {
    /// Notes the wish of a request to switch to `protocol`.
    pub(super) fn new(request: &mut Request<Incoming>, protocol: HeaderValue) -> Self {
        Self {
            protocol,
            connect: extended(request).is_some(),
            caller: hyper::upgrade::on(request),
            backend: None,
        }
    }

    /// Completes the answer to the caller: an extended CONNECT is answered by `200`, as HTTP/2 knows no
    /// `101` (RFC 8441 §4).
    pub(super) fn answer(&self, parts: &mut response::Parts) {
        if self.connect {
            parts.status = StatusCode::OK;
        } else {
            let upgrade = HeaderValue::from_static("upgrade");
            parts.headers.insert(CONNECTION, upgrade);
            parts.headers.insert(UPGRADE, self.protocol.clone());
        }
    }

    pub(super) fn protocol(&self) -> &HeaderValue {
        &self.protocol
    }

    /// Takes the backend's end from its `101`.
    pub(super) fn attach(self, response: &mut Response<BackendBody>) -> Result<Self, Refusal> {
        let same = response
            .headers()
            .get(UPGRADE)
            .is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(self.protocol.as_bytes()));
        if !same {
            let cause = "the backend switched to another protocol than asked";
            return Err(Refusal::new(Problem::OriginFailed, cause));
        }
        let backend = Some(hyper::upgrade::on(response));
        Ok(Self { backend, ..self })
    }

    /// Copies until both sides are done, neither has said anything for `idle`, or `abort`.
    pub(super) async fn run(
        self,
        idle: Duration,
        abort: CancellationToken,
        mut record: Box<AccessRecord>,
    ) {
        let caller = record.caller.clone();
        let copied = tokio::select! {
            copied = self.copy(idle) => copied,
            () = caller.disowned() => Err(io::Error::other("the caller is no longer let in")),
            () = abort.cancelled() => Err(io::Error::other("cut by the end of the drain")),
        };
        match copied {
            Ok(()) => record.complete = true,
            Err(error) => record.cause = Some(error.to_string()),
        }
    }

    async fn copy(self, idle: Duration) -> io::Result<()> {
        let Some(backend) = self.backend else {
            return Ok(());
        };
        let (caller, backend) = tokio::try_join!(self.caller, backend).map_err(io::Error::other)?;
        let (caller, backend) = (TokioIo::new(caller), TokioIo::new(backend));
        splice(caller, backend, idle, &Traffic::default()).await
    }
}
