//! A WebSocket as a stream of octets: binary messages, whose borders mean nothing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use futures_util::{Sink as _, Stream as _};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Octets of one message that is sent.
const MOST: usize = 64 * 1024;
/// Octets of one message that is taken: what Workers ever send or take.
const MOST_TAKEN: usize = 1024 * 1024;

/// How much of the gateway's messages, and of those to it, is kept at a time.
pub(super) fn bounds() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(16 * 1024)
        // Whoever writes says when enough has come together.
        .write_buffer_size(MOST)
        .max_write_buffer_size(4 * MOST)
        .max_message_size(Some(MOST_TAKEN))
        .max_frame_size(Some(MOST_TAKEN))
}

/// Reads and writes binary messages.
#[derive(Debug)]
pub(super) struct MessageStream<S> {
    socket: WebSocketStream<S>,
    /// Of the last message, what nobody has read yet.
    rest: Bytes,
}

impl<S> MessageStream<S> {
    pub(super) fn new(socket: WebSocketStream<S>) -> Self {
        Self {
            socket,
            rest: Bytes::new(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for MessageStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.socket).poll_next(cx)) {
                Some(Ok(Message::Binary(octets))) => this.rest = octets,
                // They are answered below (RFC 6455 §5.5.2).
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                None | Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed)) => {
                    return Poll::Ready(Ok(()));
                }
                Some(Ok(Message::Text(_) | Message::Frame(_))) => {
                    let reason = "the gateway sent a message that is not binary";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason)));
                }
                Some(Err(error)) => return Poll::Ready(Err(broken(error))),
            }
        }
        let length = this.rest.len().min(buf.remaining());
        buf.put_slice(&this.rest.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for MessageStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(Pin::new(&mut self.socket).poll_ready(cx)).map_err(broken)?;
        let message = octets.take(MOST).copy_to_bytes(octets.len().min(MOST));
        let length = message.len();
        let sent = Pin::new(&mut self.socket).start_send(Message::Binary(message));
        sent.map_err(broken)?;
        Poll::Ready(Ok(length))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx).map_err(broken)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_close(cx).map_err(broken)
    }
}

fn broken(error: Error) -> io::Error {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "all others are of the messages"
    )]
    match error {
        Error::Io(error) => error,
        Error::ConnectionClosed | Error::AlreadyClosed => io::ErrorKind::BrokenPipe.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt as _, StreamExt as _};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
    use tokio_tungstenite::tungstenite::protocol::Role;

    use super::*;

    /// The connector's end, and the gateway's.
    async fn pair() -> (MessageStream<DuplexStream>, WebSocketStream<DuplexStream>) {
        let (near, far) = tokio::io::duplex(4096);
        let near = WebSocketStream::from_raw_socket(near, Role::Client, Some(bounds())).await;
        let far = WebSocketStream::from_raw_socket(far, Role::Server, None).await;
        (MessageStream::new(near), far)
    }

    #[tokio::test]
    async fn octets_pass_however_they_are_cut() {
        let (mut near, mut far) = pair().await;
        let sent: Vec<u8> = (0..300_000_usize).map(|n| n.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        let echo = tokio::spawn(async move {
            while let Some(Ok(message)) = far.next().await {
                let Message::Binary(octets) = message else {
                    continue;
                };
                assert!(octets.len() <= MOST, "{}", octets.len());
                for piece in octets.chunks(7_000) {
                    let message = Message::Binary(Bytes::copy_from_slice(piece));
                    far.send(message).await.unwrap();
                }
                // Which is no octet of the stream.
                far.send(Message::Ping(Bytes::new())).await.unwrap();
            }
        });
        let mut back = vec![0; sent.len()];
        let (mut reader, mut writer) = tokio::io::split(&mut near);
        let write = async {
            writer.write_all(&sent).await.unwrap();
            writer.flush().await.unwrap();
        };
        let (_, read) = tokio::join!(write, reader.read_exact(&mut back));
        read.unwrap();
        assert!(back == expected);
        near.shutdown().await.unwrap();
        echo.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_octets_ends_the_stream() {
        let (mut near, mut far) = pair().await;
        far.send(Message::text("hello")).await.unwrap();
        let error = near.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);

        let (mut near, mut far) = pair().await;
        let large = Message::Binary(vec![0; MOST_TAKEN + 1].into());
        let sent = tokio::spawn(async move { far.send(large).await });
        let error = near.read_u8().await.unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
        drop(near);
        let _ = sent.await;

        let (mut near, mut far) = pair().await;
        far.close(None).await.unwrap();
        let mut all = Vec::new();
        assert_eq!(near.read_to_end(&mut all).await.unwrap(), 0);
    }
}
