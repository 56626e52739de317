//! A response's body on its way to the caller, with the record of the exchange in tow.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::stall::Stall;
use crate::access::AccessRecord;
use crate::grpc_web::Encoder;
use crate::headers;
use crate::upstream::BackendBody;

/// A refusal's text, or what a backend streams.
#[derive(Debug)]
enum Source {
    Own(Full<Bytes>),
    /// The last is there where gRPC becomes gRPC-Web.
    Backend(BackendBody, Stall, Option<Encoder>),
}

/// The response came to no good end; the connection tells the caller by breaking off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseBodyError {
    #[error("the backend broke off the response: {0}")]
    Broken(hyper::Error),
    #[error("the backend's response stood still")]
    Stalled,
    #[error("the backend's trailers do not fit into a frame")]
    Trailers,
}

#[derive(Debug)]
pub(crate) struct ResponseBody {
    source: Source,
    /// `None` where the exchange goes on elsewhere.
    record: Option<Box<AccessRecord>>,
}

impl ResponseBody {
    pub(crate) fn own(text: Bytes, record: Box<AccessRecord>) -> Self {
        Self {
            source: Source::Own(Full::new(text)),
            record: Some(record),
        }
    }

    /// No body: after `101` the octets belong to the tunnel, and so does the record.
    pub(crate) fn switched() -> Self {
        Self {
            source: Source::Own(Full::default()),
            record: None,
        }
    }

    pub(crate) fn backend(
        body: BackendBody,
        idle: Duration,
        encoder: Option<Encoder>,
        mut record: Box<AccessRecord>,
    ) -> Self {
        // A body that is empty from the start is never polled.
        record.complete = body.is_end_stream();
        Self {
            source: Source::Backend(body, Stall::new(idle), encoder),
            record: Some(record),
        }
    }
}

impl Source {
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        match self {
            Self::Own(text) => Pin::new(text)
                .poll_frame(cx)
                .map_err(|never| match never {}),
            Self::Backend(body, stall, encoder) => {
                let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) else {
                    ready!(stall.poll(cx));
                    return Poll::Ready(Some(Err(ResponseBodyError::Stalled)));
                };
                stall.moved();
                Poll::Ready(frame.map(|frame| {
                    let mut frame = frame.map_err(ResponseBodyError::Broken)?;
                    if let Some(trailers) = frame.trailers_mut() {
                        headers::hop_by_hop::strip(trailers);
                    }
                    match encoder {
                        Some(encoder) => encode(*encoder, frame),
                        None => Ok(frame),
                    }
                }))
            }
        }
    }
}

/// A frame as a gRPC-Web client gets it.
fn encode(encoder: Encoder, frame: Frame<Bytes>) -> Result<Frame<Bytes>, ResponseBodyError> {
    let frame = match frame.into_data() {
        Ok(data) => return Ok(Frame::data(encoder.data(data))),
        Err(frame) => frame,
    };
    match frame.into_trailers() {
        Ok(trailers) => encoder
            .trailers(&trailers)
            .map(Frame::data)
            .ok_or(ResponseBodyError::Trailers),
        Err(other) => Ok(other),
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        let frame = ready!(this.source.poll(cx));
        // After the last frame of a known length nobody polls again.
        let ended = this.is_end_stream();
        if let Some(record) = &mut this.record {
            match &frame {
                Some(Err(error)) => record.cause = Some(error.to_string()),
                Some(Ok(_)) => record.complete = ended,
                None => record.complete = true,
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(text) => text.is_end_stream(),
            Source::Backend(body, ..) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(text) => text.size_hint(),
            Source::Backend(body, _, None) => body.size_hint(),
            // Longer by the trailers.
            Source::Backend(_, _, Some(_)) => SizeHint::default(),
        }
    }
}
