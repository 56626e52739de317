//! A connection of HTTP/1.1 that has no task of its own: whoever waits for a response, or reads one,
//! carries it on by being polled. So a request is handed to no other task, and its response is not
//! handed back.

use std::fmt;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::runtime::Handle;

use super::http1::Home;
use super::{PoolError, Unanswered};
use crate::body::RequestBody;
use crate::upstream::Link;

/// The client of `hyper` has no name for one that may be upgraded.
type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A connection that takes one request at a time.
pub(super) struct Carrier {
    sender: SendRequest<RequestBody>,
    /// `None` once it has ended.
    connection: Option<Connection>,
    /// Where it waits between requests.
    home: Home,
}

/// The body of a response. As long as it is read it carries the connection on.
#[derive(Debug)]
pub(crate) struct BackendBody {
    inner: Incoming,
    /// `None` where that is done, or is another's work.
    carrier: Option<Box<Carrier>>,
}

impl Carrier {
    pub(super) async fn new(link: Link, home: Home) -> Result<Box<Self>, PoolError> {
        let (sender, connection) = http1::handshake(TokioIo::new(link))
            .await
            .map_err(|error| PoolError::Connect(error.into()))?;
        Ok(Box::new(Self {
            sender,
            connection: Some(Box::pin(connection.with_upgrades())),
            home,
        }))
    }

    fn carry(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
            // The request on it learns of an error by itself.
            if let Err(error) = ended {
                tracing::debug!(%error, "backend connection ended");
            }
            self.connection = None;
        }
    }

    fn is_ready(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Looks whether a connection between requests may have another one.
    pub(super) fn is_open(&mut self) -> bool {
        self.carry(&mut Context::from_waker(Waker::noop()));
        self.is_ready()
    }

    /// Sends a request and waits for the response head.
    pub(super) async fn exchange(
        mut self: Box<Self>,
        request: Request<RequestBody>,
    ) -> Result<Response<BackendBody>, Unanswered> {
        let progress = request.body().progress();
        let mut response = pin!(self.sender.try_send_request(request));
        let response = std::future::poll_fn(|cx| {
            self.carry(cx);
            match &self.connection {
                // Nothing comes but by the connection, so nobody else has to wake this task.
                Some(_) => response
                    .as_mut()
                    .poll(&mut Context::from_waker(Waker::noop())),
                None => response.as_mut().poll(cx),
            }
        });
        let response = response
            .await
            .map_err(|mut error| match error.take_message() {
                Some(unsent) => Unanswered::unsent(error.into_error().into(), unsent),
                None => Unanswered::sent(error.into_error()),
            })?;
        let (parts, inner) = response.into_parts();
        // What is still being sent must not wait for a caller that does not read yet.
        let carrier = match inner.is_end_stream() || !progress.is_over() {
            true => {
                self.settle();
                None
            }
            false => Some(self),
        };
        Ok(Response::from_parts(parts, BackendBody { inner, carrier }))
    }

    /// After a response: waits for the next request, or comes to its end in a task. One that is closed
    /// or switched protocols is never ready again.
    fn settle(mut self: Box<Self>) {
        if self.is_ready() {
            Home::take_back(self);
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.connection.is_none() {
            return;
        }
        runtime.spawn(async move {
            std::future::poll_fn(|cx| {
                self.carry(cx);
                match self.is_ready() || self.connection.is_none() {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            })
            .await;
            if self.is_ready() {
                Home::take_back(self);
            }
        });
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }
}

impl fmt::Debug for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Carrier")
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

impl BackendBody {
    /// A body of a connection that has a task of its own.
    pub(super) fn carried(inner: Incoming) -> Self {
        let carrier = None;
        Self { inner, carrier }
    }

    fn settle(&mut self) {
        if let Some(carrier) = self.carrier.take() {
            carrier.settle();
        }
    }
}

impl Body for BackendBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self { inner, carrier } = &mut *self;
        let frame = match carrier {
            None => return Pin::new(inner).poll_frame(cx),
            Some(carrier) => {
                let mut quiet = Context::from_waker(Waker::noop());
                let mut frame = Pin::new(&mut *inner).poll_frame(&mut quiet);
                if frame.is_pending() {
                    carrier.carry(cx);
                    frame = match &carrier.connection {
                        Some(_) => Pin::new(inner).poll_frame(&mut quiet),
                        None => Pin::new(inner).poll_frame(cx),
                    };
                }
                frame
            }
        };
        // After the last frame of a known length nobody polls again.
        if matches!(frame, Poll::Ready(None)) || self.inner.is_end_stream() {
            self.settle();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
