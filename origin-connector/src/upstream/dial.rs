//! A connection to an endpoint: TCP, or TLS under the mesh's authority.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::uri::Authority;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use super::Means;
use crate::config::Protocol;
use crate::identity::PeerName;
use crate::tls::mesh;

/// An open connection.
pub(crate) type Link = Either<TcpStream, TlsStream<TcpStream>>;

/// How to connect to the endpoints of one backend.
#[derive(Clone)]
pub(crate) struct Dial {
    tls: Option<(TlsConnector, ServerName<'static>)>,
    limit: Duration,
}

impl std::fmt::Debug for Dial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dial")
            .field("tls", &self.tls.is_some())
            .field("limit", &self.limit)
            .finish()
    }
}

/// A backend that cannot be connected to, whatever happens.
#[derive(Debug, thiserror::Error)]
#[error("backend `{backend}`: {reason}")]
pub struct InvalidDestination {
    backend: String,
    reason: String,
}

impl InvalidDestination {
    pub(super) fn new(backend: &str, reason: &dyn ToString) -> Self {
        Self {
            backend: backend.to_owned(),
            reason: reason.to_string(),
        }
    }
}

impl Dial {
    /// To `address` of the backend or listener of this name, over TLS where there is a `server` that
    /// it must prove to be.
    pub(crate) fn new(
        of: &str,
        address: &Authority,
        server: Option<&PeerName>,
        protocol: Option<Protocol>,
        means: Means<'_>,
    ) -> Result<Self, InvalidDestination> {
        let invalid = |reason: &dyn ToString| InvalidDestination::new(of, reason);
        let tls = match server {
            None => None,
            Some(server) => {
                let reloader = means.reloader.clone();
                let config = mesh::client_config(reloader, server.clone(), protocol)
                    .map_err(|error| invalid(&error))?;
                let name = host(address).to_owned();
                let name = ServerName::try_from(name).map_err(|error| invalid(&error))?;
                Some((TlsConnector::from(Arc::new(config)), name))
            }
        };
        Ok(Self {
            tls,
            limit: means.limits.connect,
        })
    }

    /// Connects, within the limit.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<Link> {
        let connect = async {
            let stream = TcpStream::connect(address).await?;
            // Without it small frames wait for the peer's acknowledgement.
            stream.set_nodelay(true)?;
            Ok(match &self.tls {
                None => Either::Left(stream),
                Some((tls, name)) => Either::Right(tls.connect(name.clone(), stream).await?),
            })
        };
        tokio::time::timeout(self.limit, connect).await?
    }
}

/// An IPv6 address without its brackets.
fn host(authority: &Authority) -> &str {
    let host = authority.host();
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}
