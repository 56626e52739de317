//! Bodies of the sample origin's answers.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use tokio::time::{Interval, interval};

pub(super) type Body = BoxBody<Bytes, io::Error>;

const PIECE: usize = 64 * 1024;
static PATTERN: [u8; PIECE] = [0x5a; PIECE];
const EVENTS: u8 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// So many octets, made as they are sent.
pub(super) fn bytes(count: u64) -> Body {
    Repeated { left: count }.boxed()
}

struct Repeated {
    left: u64,
}

impl http_body::Body for Repeated {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let take = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        if take == 0 {
            return Poll::Ready(None);
        }
        self.left = self.left.saturating_sub(take as u64);
        let piece = PATTERN.get(..take).unwrap_or(&PATTERN);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Server-sent events with a pause between them.
pub(super) fn events() -> Response<Body> {
    let body = Events {
        sent: 0,
        pauses: interval(PAUSE),
    };
    let mut response = Response::new(body.boxed());
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

struct Events {
    sent: u8,
    pauses: Interval,
}

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.sent == EVENTS {
            return Poll::Ready(None);
        }
        if self.pauses.poll_tick(context).is_pending() {
            return Poll::Pending;
        }
        self.sent = self.sent.saturating_add(1);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(format!(
            "data: {}\n\n",
            self.sent
        ))))))
    }
}
