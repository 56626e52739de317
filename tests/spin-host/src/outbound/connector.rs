//! Opens the TCP or TLS connections that the client pools.

use std::collections::HashMap;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

tokio::task_local! {
    /// How long the request under way waits for a TCP connection. The pooling
    /// client has no other way to hand it down.
    pub(super) static CONNECT_TIMEOUT: Duration;
}

/// Why there is no connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum ConnectError {
    Name,
    Refused,
    Timeout,
    Tls,
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Name => "the host has no address",
            Self::Refused => "connection refused",
            Self::Timeout => "connection timed out",
            Self::Tls => "TLS handshake failed",
        })
    }
}

impl std::error::Error for ConnectError {}

#[derive(Clone)]
pub(super) struct Connector {
    tls: Arc<HashMap<String, Arc<ClientConfig>>>,
}

impl Connector {
    pub(super) fn new(tls: HashMap<String, Arc<ClientConfig>>) -> Self {
        Self { tls: Arc::new(tls) }
    }

    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, ConnectError> {
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let host = uri.host().ok_or(ConnectError::Name)?;
        let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let addresses: Vec<_> = lookup_host(format!("{host}:{port}"))
            .await
            .map_err(|_| ConnectError::Name)?
            .collect();

        let limit = CONNECT_TIMEOUT.get();
        let stream = timeout(limit, TcpStream::connect(&*addresses))
            .await
            .map_err(|_| ConnectError::Timeout)?
            .map_err(|_| ConnectError::Refused)?;
        stream
            .set_nodelay(true)
            .map_err(|_| ConnectError::Refused)?;
        if !secure {
            return Ok(TokioIo::new(Stream::Plain(stream)));
        }

        let config = self.tls.get(host).cloned().ok_or_else(|| {
            tracing::warn!("no `[[client_tls]]` for `{host}`");
            ConnectError::Tls
        })?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| ConnectError::Name)?;
        let stream = TlsConnector::from(config)
            .connect(name, stream)
            .await
            .map_err(|error| {
                tracing::warn!("TLS handshake with `{host}` failed: {error}");
                ConnectError::Tls
            })?;
        Ok(TokioIo::new(Stream::Tls(Box::new(stream))))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}

pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        match self {
            Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2") => {
                Connected::new().negotiated_h2()
            }
            Self::Tls(_) | Self::Plain(_) => Connected::new(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
