//! Connections to one endpoint, kept for the next request.
//!
//! A request of which nothing was sent is given back, so that it can be tried elsewhere. The pool
//! of `hyper-util` keeps it where no connection can be made; that is why this one is here.

mod carrier;
mod http1;
mod http2;

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};

use super::dial::Dial;
use crate::body::RequestBody;
use crate::config::{Limits, Protocol};
pub(crate) use carrier::BackendBody;
use http1::Kept;
use http2::Multiplexed;

/// How long an unused connection is kept: shorter than what origins usually allow, so that a
/// request seldom meets a connection that is being closed.
const KEEP: Duration = Duration::from_secs(30);

/// The connections.
#[derive(Debug)]
pub(crate) enum Pool {
    /// One request at a time on each.
    Http1(Kept),
    /// One for all requests.
    Http2(Multiplexed),
}

/// The endpoint did not answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("cannot connect")]
    Connect(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error(transparent)]
    Exchange(#[from] hyper::Error),
}

/// A request that got no answer.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) error: PoolError,
    /// The request, where nothing of it was sent.
    pub(crate) unsent: Option<Box<Request<RequestBody>>>,
}

impl Unanswered {
    fn sent(error: hyper::Error) -> Self {
        Self {
            error: error.into(),
            unsent: None,
        }
    }

    fn unsent(error: PoolError, request: Request<RequestBody>) -> Self {
        Self {
            error,
            unsent: Some(Box::new(request)),
        }
    }
}

impl Pool {
    pub(super) fn new(protocol: Protocol, dial: Dial, limits: &Limits, to: SocketAddr) -> Self {
        match protocol {
            Protocol::Http1 => Self::Http1(Kept::new(dial, to)),
            Protocol::Http2 => Self::Http2(Multiplexed::new(dial, limits, to)),
        }
    }

    pub(crate) async fn send(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<BackendBody>, Unanswered> {
        match self {
            Self::Http1(kept) => kept.send(request).await,
            Self::Http2(multiplexed) => multiplexed.send(request).await,
        }
    }

    /// Closes what has been unused for too long.
    pub(super) fn sweep(&self) {
        match self {
            Self::Http1(kept) => kept.sweep(),
            // The one connection is kept; its peer closes it where it likes.
            Self::Http2(_) => {}
        }
    }
}
