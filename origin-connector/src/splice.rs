//! Octets both ways between two streams, whatever they mean.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::InspectReader;

/// How many octets went which way.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// By the caller.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// By the caller.
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    fn total(&self) -> u64 {
        self.sent().wrapping_add(self.received())
    }
}

/// Copies until both sides are done, or neither has said anything for `idle`.
pub(crate) async fn splice<C, B>(
    caller: C,
    backend: B,
    idle: Duration,
    traffic: &Traffic,
) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let add = |count: &AtomicU64, read: &[u8]| {
        let read = u64::try_from(read.len()).unwrap_or(u64::MAX);
        count.fetch_add(read, Ordering::Relaxed);
    };
    let mut caller = InspectReader::new(caller, |read| add(&traffic.sent, read));
    let mut backend = InspectReader::new(backend, |read| add(&traffic.received, read));
    let copy = tokio::io::copy_bidirectional(&mut caller, &mut backend);
    tokio::pin!(copy);
    let mut seen = traffic.total();
    loop {
        tokio::select! {
            copied = &mut copy => return match copied {
                Ok(_) => Ok(()),
                // Many peers leave without a TLS farewell; the protocol inside knows whether it
                // was done.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
                Err(error) => Err(error),
            },
            () = tokio::time::sleep(idle) => {
                let total = traffic.total();
                if total == seen {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the tunnel stood still"));
                }
                seen = total;
            }
        }
    }
}
