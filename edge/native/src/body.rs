//! Bodies on their way: handed through, never read.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use tidegate_edge::End;

use crate::exchange::Ending;

/// A request's body that can be taken back as long as nothing of it was read: then another
/// attempt may send it.
#[derive(Clone, Debug)]
pub(crate) struct RequestBody {
    incoming: Arc<Mutex<Incoming>>,
    touched: Arc<AtomicBool>,
}

impl RequestBody {
    pub(crate) fn new(incoming: Incoming) -> Self {
        Self {
            incoming: Arc::new(Mutex::new(incoming)),
            touched: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Whether the request can be sent (again) with this body.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_end_stream() || !self.touched.load(Ordering::Acquire)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.touched.store(true, Ordering::Release);
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        Pin::new(&mut *incoming).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .size_hint()
    }
}

/// What a client gets: the gateway's own words, or an origin's.
pub(crate) type ResponseBody = Either<Full<Bytes>, OriginBody>;

/// An origin's body, which knows how it ended.
pub(crate) struct OriginBody {
    incoming: Incoming,
    ending: Option<Ending>,
}

impl OriginBody {
    pub(crate) fn new(incoming: Incoming, ending: Ending) -> Self {
        Self {
            incoming,
            ending: Some(ending),
        }
    }

    fn end(&mut self, end: End) {
        if let Some(ending) = self.ending.take() {
            ending.finish(end);
        }
    }
}

impl Body for OriginBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let polled = Pin::new(&mut self.incoming).poll_frame(context);
        match &polled {
            Poll::Ready(None) => self.end(End::Complete),
            Poll::Ready(Some(Err(_))) => self.end(End::OriginGone),
            Poll::Ready(Some(Ok(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Dropped before its end, the client has gone away; a body that was at its end is complete even
/// if nobody asked for that last fact.
impl Drop for OriginBody {
    fn drop(&mut self) {
        let end = if self.incoming.is_end_stream() {
            End::Complete
        } else {
            End::ClientGone
        };
        self.end(end);
    }
}
