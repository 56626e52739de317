//! A connection to a backend: TCP, or TLS under the mesh's authority.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::Authority;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;
use tower_service::Service;

use crate::config::{Backend, Limits};
use crate::tls::{mesh, reload::Reloader};

/// How to connect to one backend.
#[derive(Clone)]
pub(crate) struct Dial {
    tcp: HttpConnector,
    address: Uri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limit: Duration,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial")
            .field("address", &self.address)
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// A backend that cannot be connected to, whatever happens.
#[derive(Debug, thiserror::Error)]
#[error("backend `{backend}`: {reason}")]
pub struct InvalidDestination {
    backend: String,
    reason: String,
}

impl Dial {
    pub(crate) fn new(
        backend: &Backend,
        limits: &Limits,
        reloader: &Arc<Reloader>,
    ) -> Result<Self, InvalidDestination> {
        let invalid = |reason: &dyn ToString| InvalidDestination {
            backend: backend.name().to_owned(),
            reason: reason.to_string(),
        };
        let mut tcp = HttpConnector::new();
        tcp.set_nodelay(true);
        let tls = match &backend.server {
            None => None,
            Some(server) => {
                let protocol = backend.protocol;
                let config = mesh::client_config(reloader.clone(), server.clone(), protocol)
                    .map_err(|error| invalid(&error))?;
                let name = host(&backend.address).to_owned();
                let name = ServerName::try_from(name).map_err(|error| invalid(&error))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
        };
        let address = Uri::builder()
            .scheme("http")
            .authority(backend.address.clone())
            .path_and_query("/")
            .build()
            .map_err(|error| invalid(&error))?;
        Ok(Self {
            tcp,
            address,
            tls,
            limit: limits.connect,
        })
    }

    /// Connects, within the limit.
    pub(crate) async fn connect(self) -> io::Result<Link> {
        let Self {
            mut tcp,
            address,
            tls,
            limit,
        } = self;
        let connect = async {
            let stream = tcp.call(address).await.map_err(io::Error::other)?;
            let stream = stream.into_inner();
            let stream = match tls {
                None => Either::Left(stream),
                Some((tls, name)) => Either::Right(tls.connect(name, stream).await?),
            };
            Ok(Link(TokioIo::new(stream)))
        };
        tokio::time::timeout(limit, connect).await?
    }
}

/// An IPv6 address without its brackets.
fn host(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// For a pool that asks by address: there is only the one.
impl Service<Uri> for Dial {
    type Response = Link;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Link>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        Box::pin(self.clone().connect())
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Link(TokioIo<Either<TcpStream, TlsStream<TcpStream>>>);

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl Write for Link {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }
}
