//! The one call that is made of an agent: gRPC over HTTP/2 in plain text, on a socket of this machine.

use std::io;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, TE, USER_AGENT};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::config::Endpoint;

/// Octets of an answer. One identity with its authorities takes some 3 KiB, and each further trust
/// domain one or two.
const MAX_ANSWER: usize = 1024 * 1024;

/// Octets of a head, and of trailers.
const MAX_HEAD: u32 = 16 * 1024;

/// How long connecting may take, and then the first answer, which comes without delay (SPIFFE Workload
/// API §4.3).
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands before a message of gRPC: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// A call that is under way, answered as often as there is something new.
#[derive(Debug)]
pub(super) struct Call {
    answers: Incoming,
    received: BytesMut,
    answered: bool,
    /// The connection ends when nobody can ask on it any more, and when this is gone.
    _asking: SendRequest<Full<Bytes>>,
    _connection: AbortOnDropHandle<()>,
}

/// There is no answer, or none any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// Nobody listens there, or may.
    #[error("cannot connect: {0}")]
    Unreachable(io::Error),
    /// It takes connections and says nothing.
    #[error("no answer within {PATIENCE:?}")]
    Silent,
    /// The connection broke, or is no HTTP/2.
    #[error("{0}")]
    Broken(#[from] hyper::Error),
    /// The server speaks something else.
    #[error("the answer is no gRPC: {0}")]
    NoGrpc(String),
    /// The agent's own word.
    #[error("the agent says {}: `{message}`", name(*.code))]
    Status {
        /// The status code of gRPC.
        code: u16,
        /// In the agent's words.
        message: String,
    },
    /// More than anybody needs.
    #[error("the answer has {0} octets, more than {MAX_ANSWER}")]
    TooLarge(usize),
    /// Though it was asked not to be.
    #[error("the answer is compressed")]
    Compressed,
    /// The agent ends, or is renewed.
    #[error("the agent has ended the call")]
    Ended,
}

/// SPIFFE Workload Endpoint, Appendix A, in the words of gRPC.
fn name(code: u16) -> String {
    match code {
        3 => "InvalidArgument".to_owned(),
        7 => "PermissionDenied".to_owned(),
        12 => "Unimplemented".to_owned(),
        14 => "Unavailable".to_owned(),
        other => format!("status {other}"),
    }
}

impl CallError {
    /// Whether asking again is of no use (SPIFFE Workload Endpoint §6).
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Status { code: 3 | 12, .. })
    }
}

impl Call {
    /// Calls `FetchX509SVID` (SPIFFE Workload API §5.2.1).
    pub(super) async fn open(endpoint: &Endpoint) -> Result<Self, CallError> {
        match endpoint {
            Endpoint::Unix(path) => {
                let stream = timeout(PATIENCE, UnixStream::connect(path)).await;
                let stream = stream.map_err(|_| CallError::Silent)?;
                Self::over(stream.map_err(CallError::Unreachable)?).await
            }
            Endpoint::Tcp(address) => {
                let stream = timeout(PATIENCE, TcpStream::connect(address)).await;
                let stream = stream.map_err(|_| CallError::Silent)?;
                Self::over(stream.map_err(CallError::Unreachable)?).await
            }
        }
    }

    async fn over(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<Self, CallError> {
        let mut client = http2::Builder::new(TokioExecutor::new());
        client.max_header_list_size(MAX_HEAD);
        let (mut asking, connection) = client.handshake(TokioIo::new(stream)).await?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            // Whoever waits for an answer hears of it.
            let _ = connection.await;
        }));
        let response = timeout(PATIENCE, asking.send_request(request()?)).await;
        let response = response.map_err(|_| CallError::Silent)??;
        let answers = check(response)?;
        Ok(Self {
            answers,
            received: BytesMut::new(),
            answered: false,
            _asking: asking,
            _connection: connection,
        })
    }

    /// The next answer.
    pub(super) async fn next(&mut self) -> Result<Bytes, CallError> {
        if self.answered {
            return self.answer().await;
        }
        let first = timeout(PATIENCE, self.answer()).await;
        let first = first.map_err(|_| CallError::Silent)??;
        self.answered = true;
        Ok(first)
    }

    async fn answer(&mut self) -> Result<Bytes, CallError> {
        loop {
            if let Some(message) = take(&mut self.received)? {
                return Ok(message);
            }
            let Some(frame) = self.answers.frame().await else {
                return Err(CallError::Ended);
            };
            match frame?.into_data() {
                Ok(data) => self.received.extend_from_slice(&data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    return Err(status(&trailers).unwrap_or(CallError::Ended));
                }
            }
        }
    }
}

/// An empty message, with the header that shows that nobody was tricked into asking (SPIFFE Workload
/// Endpoint §3).
fn request() -> Result<Request<Full<Bytes>>, CallError> {
    let request = Request::post("http://localhost/SpiffeWorkloadAPI/FetchX509SVID")
        .header("workload.spiffe.io", "true")
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(
            USER_AGENT,
            concat!("tidegate-connector/", env!("CARGO_PKG_VERSION")),
        );
    let request = request.body(Full::from(&[0; PREFIX][..]));
    request.map_err(|error| CallError::NoGrpc(error.to_string()))
}

/// The answers to come, or the status that stands in the place of them.
fn check(response: Response<Incoming>) -> Result<Incoming, CallError> {
    let (head, body) = response.into_parts();
    let kind = head.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if head.status != 200 || !kind.starts_with("application/grpc") {
        return Err(CallError::NoGrpc(format!("{}, `{kind}`", head.status)));
    }
    match status(&head.headers) {
        Some(status) => Err(status),
        None => Ok(body),
    }
}

fn status(fields: &HeaderMap) -> Option<CallError> {
    let code = fields.get("grpc-status")?.to_str().ok()?;
    let code = code.parse().unwrap_or(2);
    if code == 0 {
        return Some(CallError::Ended);
    }
    let message = fields.get("grpc-message");
    let message = message.and_then(|message| message.to_str().ok());
    let message = percent_decode_str(message.unwrap_or_default()).decode_utf8_lossy();
    let message = message.chars().filter(|one| !one.is_control());
    let message = message.take(200).collect();
    Some(CallError::Status { code, message })
}

/// The message that `received` begins with, if it is all there.
fn take(received: &mut BytesMut) -> Result<Option<Bytes>, CallError> {
    let Some((&[compressed, a, b, c, d], rest)) = received.split_first_chunk::<PREFIX>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if compressed != 0 {
        return Err(CallError::Compressed);
    }
    if length > MAX_ANSWER {
        return Err(CallError::TooLarge(length));
    }
    if rest.len() < length {
        return Ok(None);
    }
    received.advance(PREFIX);
    Ok(Some(received.split_to(length).freeze()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_one_by_one_and_bounded() {
        let mut received = BytesMut::new();
        for octet in [0, 0, 0, 0, 2, b'a'] {
            received.extend_from_slice(&[octet]);
            assert!(matches!(take(&mut received), Ok(None)));
        }
        received.extend_from_slice(b"b\0\0\0\0\0\x01");
        assert_eq!(take(&mut received).unwrap().unwrap(), "ab");
        assert_eq!(take(&mut received).unwrap().unwrap(), "");
        assert!(matches!(take(&mut received), Ok(None)));
        let mut large = BytesMut::from(&[0, 0, 0x10, 0, 1][..]);
        assert!(matches!(
            take(&mut large),
            Err(CallError::TooLarge(0x10_0001))
        ));
        let mut compressed = BytesMut::from(&[1, 0, 0, 0, 0][..]);
        assert!(matches!(take(&mut compressed), Err(CallError::Compressed)));
    }
}
