//! The octets of a tunnel, as HTTP/2 reads and writes them: both ends are memory.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of one message that is sent.
const MESSAGE: usize = 64 * 1024;

/// The two directions. What waits to go out is bounded by those who write; what has come in is read
/// at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wire(Rc<RefCell<Ends>>);

#[derive(Debug, Default)]
struct Ends {
    incoming: VecDeque<Bytes>,
    /// Nothing more comes in.
    ended: bool,
    reader: Option<Waker>,
    outgoing: BytesMut,
}

impl Wire {
    /// A message has come.
    pub(crate) fn receive(&self, octets: Bytes) {
        let mut ends = self.0.borrow_mut();
        if !octets.is_empty() && !ends.ended {
            ends.incoming.push_back(octets);
        }
        ends.wake();
    }

    /// None will come any more.
    pub(crate) fn end(&self) {
        let mut ends = self.0.borrow_mut();
        ends.ended = true;
        ends.outgoing.clear();
        ends.wake();
    }

    /// The next message to send.
    pub(crate) fn output(&self) -> Option<Bytes> {
        let mut ends = self.0.borrow_mut();
        let length = ends.outgoing.len().min(MESSAGE);
        (length > 0).then(|| ends.outgoing.split_to(length).freeze())
    }
}

impl Ends {
    fn wake(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut ends = self.0.borrow_mut();
        if let Some(octets) = ends.incoming.front_mut() {
            let length = octets.len().min(buf.remaining());
            buf.put_slice(&octets.split_to(length));
            if !octets.has_remaining() {
                ends.incoming.pop_front();
            }
            return Poll::Ready(Ok(()));
        }
        if ends.ended {
            return Poll::Ready(Ok(()));
        }
        ends.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut ends = self.0.borrow_mut();
        if ends.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        ends.outgoing.extend_from_slice(octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
