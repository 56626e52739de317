//! Hears of a connector's GOAWAY (RFC 9113 §6.8) before HTTP/2 does.
//!
//! A connector that drains says so first with the highest stream there is, and goes on taking what it
//! is sent until its PING is answered. A request that is being handed over to HTTP/2 at that moment
//! would fail here all the same, with nothing to tell whether it was sent. So the tunnel takes no more
//! requests from the moment on at which the frame is here, and HTTP/2 gets the frame a moment later.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long the frame is kept back: enough for whoever has just taken the tunnel to have sent.
const MOMENT: Duration = Duration::from_millis(20);

/// RFC 9113 §4.1.
const HEADER: usize = 9;
/// RFC 9113 §6.8.
const GOAWAY: u8 = 7;

/// A stream that looks at the frames that come in.
#[derive(Debug)]
pub(super) struct Noticed<S> {
    inner: S,
    frames: Frames,
    /// Set once the connector drains.
    draining: Arc<AtomicBool>,
    held: Held,
}

#[derive(Debug)]
enum Held {
    /// Nothing was kept back so far.
    Nothing,
    /// What was read along with the frame, and is given out once the time is over.
    Octets(Vec<u8>, Pin<Box<Sleep>>),
    /// That has been, and does not happen again.
    Over,
}

impl<S> Noticed<S> {
    pub(super) fn new(inner: S, draining: Arc<AtomicBool>) -> Self {
        Self {
            inner,
            frames: Frames::default(),
            draining,
            held: Held::Nothing,
        }
    }
}

/// Where in the sequence of frames the stream is.
#[derive(Debug, Default)]
struct Frames {
    /// Of the next frame's header, what has come of it.
    header: [u8; HEADER],
    have: usize,
    /// Octets of the payload that are to come.
    payload: usize,
}

impl Frames {
    /// Goes over the next octets. Whether a GOAWAY begins in them.
    fn pass(&mut self, mut octets: &[u8]) -> bool {
        let mut found = false;
        while !octets.is_empty() {
            let skip = self.payload.min(octets.len());
            self.payload -= skip;
            octets = octets.get(skip..).unwrap_or_default();
            let missing = self.header.iter_mut().skip(self.have);
            for (slot, octet) in missing.zip(octets) {
                *slot = *octet;
            }
            let taken = (HEADER - self.have).min(octets.len());
            self.have += taken;
            octets = octets.get(taken..).unwrap_or_default();
            if self.have == HEADER {
                self.have = 0;
                let [high, middle, low, kind, ..] = self.header;
                self.payload =
                    usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                found |= kind == GOAWAY;
            }
        }
        found
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Noticed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Held::Nothing = this.held {
            let before = buf.filled().len();
            ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
            let read = buf.filled().get(before..).unwrap_or_default();
            if !this.frames.pass(read) {
                return Poll::Ready(Ok(()));
            }
            this.draining.store(true, Ordering::Release);
            this.held = Held::Octets(read.to_vec(), Box::pin(sleep(MOMENT)));
            buf.set_filled(before);
        }
        if let Held::Octets(octets, over) = &mut this.held {
            ready!(over.as_mut().poll(cx));
            let rest = octets.split_off(octets.len().min(buf.remaining()));
            buf.put_slice(octets);
            *octets = rest;
            if octets.is_empty() {
                this.held = Held::Over;
            }
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.inner).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Noticed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// SETTINGS, data with a seven where a kind would be in a header, GOAWAY, PING.
    const FRAMES: [&[u8]; 4] = [
        b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x10",
        b"\0\0\x09\0\0\0\0\0\x01\x07\x07\x07\x07\x07\x07\x07\x07\x07",
        b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0",
        b"\0\0\x08\x06\0\0\0\0\0abcdefgh",
    ];

    #[test]
    fn finds_the_frame_however_the_octets_are_cut() {
        let all = FRAMES.concat();
        let begin = FRAMES[0].len() + FRAMES[1].len();
        for size in 1..=all.len() {
            let mut frames = Frames::default();
            let mut passed = 0;
            let mut found = None;
            for piece in all.chunks(size) {
                passed += piece.len();
                if frames.pass(piece) {
                    assert_eq!(found, None);
                    found = Some(passed);
                }
            }
            let expected = (begin + HEADER).div_ceil(size) * size;
            assert_eq!(found, Some(expected.min(all.len())), "{size}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn keeps_the_frame_back_and_loses_nothing() {
        let all = FRAMES.concat();
        let (mut near, far) = tokio::io::duplex(1024);
        let draining = Arc::new(AtomicBool::new(false));
        let mut noticed = Noticed::new(far, Arc::clone(&draining));
        near.write_all(&all).await.unwrap();
        drop(near);
        let begun = tokio::time::Instant::now();
        let mut first = [0; 1024];
        let soon = tokio::time::timeout(MOMENT / 2, noticed.read(&mut first));
        assert!(soon.await.is_err());
        assert!(draining.load(Ordering::Acquire));
        let mut read = Vec::new();
        noticed.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, all);
        assert!(begun.elapsed() >= MOMENT);
    }
}
