//! A request's body on its way to a backend.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::stall::Stall;
use crate::headers;

/// What the other side of an exchange can see of a request body: whether a backend that is silent
/// is still being told something, so that a slow upload is not taken for a slow backend.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    waits_for_caller: AtomicBool,
    moved: Notify,
}

impl Progress {
    /// Ready when the body moved since this was last asked.
    pub(crate) async fn moved(&self) {
        self.moved.notified().await;
    }

    /// Whether the body waits for the caller, and not for the backend to take it.
    pub(crate) fn waits_for_caller(&self) -> bool {
        self.waits_for_caller.load(Ordering::Relaxed)
    }

    fn set(&self, waits_for_caller: bool) {
        self.waits_for_caller
            .store(waits_for_caller, Ordering::Relaxed);
        if !waits_for_caller {
            self.moved.notify_one();
        }
    }
}

/// The body came to no good end. Found again in the client's error, to tell whose fault it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestBodyError {
    /// The caller broke off.
    #[error("the caller broke off the request body: {0}")]
    Broken(hyper::Error),
    /// The caller sent nothing for too long.
    #[error("the caller's request body stood still")]
    Stalled,
}

#[derive(Debug)]
pub(crate) struct RequestBody {
    /// `None` is no body at all.
    inner: Option<Incoming>,
    progress: Arc<Progress>,
    stall: Stall,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, idle: Duration) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let body = Self {
            inner: Some(inner),
            progress: progress.clone(),
            stall: Stall::new(idle),
        };
        (body, progress)
    }

    /// For a request of the connector's own.
    pub(crate) fn empty() -> Self {
        Self {
            inner: None,
            progress: Arc::default(),
            stall: Stall::new(Duration::MAX),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) else {
            this.progress.set(true);
            ready!(this.stall.poll(cx));
            return Poll::Ready(Some(Err(RequestBodyError::Stalled)));
        };
        this.progress.set(false);
        this.stall.moved();
        Poll::Ready(frame.map(|frame| {
            let mut frame = frame.map_err(RequestBodyError::Broken)?;
            if let Some(trailers) = frame.trailers_mut() {
                headers::hop_by_hop::strip(trailers);
                headers::strip_vouching(trailers);
            }
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let empty = SizeHint::with_exact(0);
        self.inner.as_ref().map_or(empty, Body::size_hint)
    }
}
