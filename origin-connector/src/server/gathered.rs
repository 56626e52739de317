//! What one turn of an HTTP/2 connection has to say goes out at once.
//!
//! `h2` writes and flushes each DATA frame by itself. Answers of several streams that are ready together
//! would each be a TLS record and a call of the system, which is most of what an answer costs.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connection::{Draining, Exchanges};

/// Octets that are gathered: as many as fit into a TLS record (RFC 8446 §5.1).
const MOST: usize = 16 * 1024;

/// Whoever writes so much at once gains nothing by a copy.
const LARGE: usize = 8 * 1024;

type Http2<S> = http2::Connection<TokioIo<Gathering<S>>, Exchanges, TokioExecutor>;

/// A connection of HTTP/2 whose writes are gathered until it has nothing more to do.
pub(super) struct Gathered<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    connection: Pin<Box<Http2<S>>>,
    stream: Gathering<S>,
}

/// The stream as the connection sees it.
#[derive(Debug)]
pub(super) struct Gathering<S>(Arc<Mutex<State<S>>>);

#[derive(Debug)]
struct State<S> {
    stream: S,
    waiting: BytesMut,
    /// What came of sending, to be told to the connection.
    failure: Option<io::Error>,
}

impl<S> Gathered<S>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    /// Serves with what `serve` makes of the stream.
    pub(super) fn new(stream: S, serve: impl FnOnce(TokioIo<Gathering<S>>) -> Http2<S>) -> Self {
        let state = State {
            stream,
            waiting: BytesMut::new(),
            failure: None,
        };
        let stream = Gathering(Arc::new(Mutex::new(state)));
        let connection = Box::pin(serve(TokioIo::new(Gathering(stream.0.clone()))));
        Self { connection, stream }
    }
}

impl<S> Future for Gathered<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = Result<(), hyper::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Poll::Ready(ended) = this.connection.as_mut().poll(cx) {
            return Poll::Ready(ended);
        }
        let mut state = this.stream.lock();
        if let Poll::Ready(Err(error)) = state.flush(cx) {
            state.failure = Some(error);
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl<S> Draining for Gathered<S>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn drain(mut self: Pin<&mut Self>) {
        self.connection.as_mut().graceful_shutdown();
    }
}

impl<S> Gathering<S> {
    /// The connection and who polls it are one task.
    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: AsyncWrite + Unpin> State<S> {
    fn told(&mut self) -> io::Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.waiting.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.waiting))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.waiting.advance(sent);
        }
        // An idle connection keeps no buffer.
        self.waiting = BytesMut::new();
        Poll::Ready(Ok(()))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathering<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.lock().stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathering<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.lock();
        state.told()?;
        let length = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if length >= LARGE || state.waiting.len().saturating_add(length) > MOST {
            ready!(state.send(cx))?;
        }
        if length >= LARGE {
            return Pin::new(&mut state.stream).poll_write_vectored(cx, bufs);
        }
        for buf in bufs {
            state.waiting.extend_from_slice(buf);
        }
        Poll::Ready(Ok(length))
    }

    /// Not yet: the end of the turn does it.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.lock().told())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.lock();
        ready!(state.send(cx))?;
        Pin::new(&mut state.stream).poll_shutdown(cx)
    }
}
