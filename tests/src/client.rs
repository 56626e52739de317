//! A client: one connection a request, so that nothing of one case leaks into another.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// Longer than any timeout of the suite's policy.
const PATIENCE: Duration = Duration::from_secs(30);

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// A field's value, several joined.
    pub fn field(&self, name: &str) -> Option<String> {
        let values = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()));
        let values: Vec<_> = values.collect();
        (!values.is_empty()).then(|| values.join(", "))
    }
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// Where there is no answer, or it breaks off.
pub async fn exchange(address: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer> {
    let response = send(address, request).await?;
    let (parts, body) = response.into_parts();
    let body = tokio::time::timeout(PATIENCE, body.collect())
        .await??
        .to_bytes();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

/// Sends a request and gives the answer with its body still to come.
///
/// # Errors
/// Where there is no answer.
pub async fn send<B>(address: SocketAddr, request: Request<B>) -> Result<Response<Incoming>>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(address)
        .await
        .context("no connection to the gateway")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(tokio::time::timeout(PATIENCE, sender.send_request(request))
        .await
        .context("no answer in time")??)
}
