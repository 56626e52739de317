//! A request's body on its way to a backend.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::Notify;

use super::stall::Stall;
use crate::grpc_web::{InvalidText, TextDecoder};
use crate::headers;

/// What the other side of an exchange can see of a request body: whether a backend that is silent
/// is still being told something, so that a slow upload is not taken for a slow backend.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    waits_for_caller: AtomicBool,
    moved: Notify,
    over: AtomicBool,
    failure: OnceLock<String>,
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

    /// Whether the backend has got all that it will get of the body.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Why the body came to no good end, where it did: the client's error does not always tell.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    fn set(&self, waits_for_caller: bool) {
        self.waits_for_caller
            .store(waits_for_caller, Ordering::Relaxed);
        if !waits_for_caller {
            self.moved.notify_one();
        }
    }
}

/// The body came to no good end, and that is the caller's fault.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestBodyError {
    /// The caller broke off.
    #[error("the caller broke off the request body: {0}")]
    Broken(hyper::Error),
    /// The caller sent nothing for too long.
    #[error("the caller's request body stood still")]
    Stalled,
    /// The caller sent text that is no gRPC-Web.
    #[error(transparent)]
    Text(#[from] InvalidText),
}

#[derive(Debug)]
pub(crate) struct RequestBody {
    /// `None` is no body at all.
    inner: Option<Incoming>,
    progress: Arc<Progress>,
    stall: Stall,
    /// Where the body is gRPC-Web in text.
    decoder: Option<TextDecoder>,
}

impl RequestBody {
    pub(crate) fn new(
        inner: Incoming,
        idle: Duration,
        decoder: Option<TextDecoder>,
    ) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress::default());
        let body = Self {
            inner: Some(inner),
            progress: progress.clone(),
            stall: Stall::new(idle),
            decoder,
        };
        (body, progress)
    }

    /// For a request of the connector's own.
    pub(crate) fn empty() -> Self {
        Self {
            inner: None,
            progress: Arc::default(),
            stall: Stall::new(Duration::MAX),
            decoder: None,
        }
    }
}

impl RequestBody {
    pub(crate) fn progress(&self) -> Arc<Progress> {
        self.progress.clone()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let Some(inner) = &mut self.inner else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = Pin::new(inner).poll_frame(cx) else {
            self.progress.set(true);
            ready!(self.stall.poll(cx));
            return Poll::Ready(Some(Err(RequestBodyError::Stalled)));
        };
        self.progress.set(false);
        self.stall.moved();
        Poll::Ready(match frame {
            Some(frame) => {
                let frame = frame.map_err(RequestBodyError::Broken);
                Some(frame.and_then(|frame| decode(self.decoder.as_mut(), frame)))
            }
            None => {
                let end = self.decoder.take().map(|decoder| decoder.finish());
                end.and_then(|end| end.err()).map(|error| Err(error.into()))
            }
        })
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.progress.over.store(true, Ordering::Relaxed);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyError>>> {
        let frame = ready!(self.poll(cx));
        if let Some(Err(error)) = &frame {
            // The first is the cause of any other.
            let _ = self.progress.failure.set(error.to_string());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let whole = |decoder: &TextDecoder| decoder.finish().is_ok();
        self.inner.as_ref().is_none_or(Body::is_end_stream)
            && self.decoder.as_ref().is_none_or(whole)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.inner, &self.decoder) {
            (None, _) => SizeHint::with_exact(0),
            (Some(inner), None) => inner.size_hint(),
            // Shorter than the text.
            (Some(_), Some(_)) => SizeHint::default(),
        }
    }
}

/// A frame as the backend gets it.
fn decode(
    decoder: Option<&mut TextDecoder>,
    frame: Frame<Bytes>,
) -> Result<Frame<Bytes>, RequestBodyError> {
    let mut frame = match (frame.into_data(), decoder) {
        (Ok(data), Some(decoder)) => Frame::data(decoder.decode(&data)?),
        (Ok(data), None) => Frame::data(data),
        (Err(other), _) => other,
    };
    if let Some(trailers) = frame.trailers_mut() {
        headers::hop_by_hop::strip(trailers);
        headers::strip_vouching(trailers);
    }
    Ok(frame)
}
