//! A connection after `101 Switching Protocols` (RFC 9110 §15.2.2): octets both ways.

use std::io;
use std::time::Duration;

use http::header::{HeaderValue, UPGRADE};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tidegate_shared::problem::Problem;
use tokio_util::sync::CancellationToken;

use crate::access::AccessRecord;
use crate::refusal::Refusal;
use crate::splice::{Traffic, splice};

/// Both ends of a switch of protocols that is being made.
#[derive(Debug)]
pub(super) struct Tunnel {
    protocol: HeaderValue,
    caller: OnUpgrade,
    backend: Option<OnUpgrade>,
}

impl Tunnel {
    /// Notes the wish of a request to switch to `protocol`.
    pub(super) fn new(request: &mut Request<Incoming>, protocol: HeaderValue) -> Self {
        Self {
            protocol,
            caller: hyper::upgrade::on(request),
            backend: None,
        }
    }

    pub(super) fn protocol(&self) -> &HeaderValue {
        &self.protocol
    }

    /// Takes the backend's end from its `101`.
    pub(super) fn attach(self, response: &mut Response<Incoming>) -> Result<Self, Refusal> {
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
        mut record: AccessRecord,
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
