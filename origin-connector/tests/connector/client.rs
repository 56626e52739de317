//! A gateway, as far as the connector sees one.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::authority::{Authority, CONNECTOR, Leaf};

pub(crate) type Body = BoxBody<Bytes, std::io::Error>;

pub(crate) fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into())
        .map_err(|never| match never {})
        .boxed()
}

/// TLS to a connector whose certificate is of `mesh`.
pub(crate) async fn connect(
    address: SocketAddr,
    mesh: &Authority,
    leaf: Option<&Leaf>,
    protocol: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_by(address, mesh, leaf, protocol, rustls::ALL_VERSIONS).await
}

/// The same with these versions of TLS.
pub(crate) async fn connect_by(
    address: SocketAddr,
    mesh: &Authority,
    leaf: Option<&Leaf>,
    protocol: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_as(address, Arc::new(config(mesh, leaf, protocol, versions))).await
}

/// A client's side of TLS; sessions are resumed between connections that share it.
pub(crate) fn config(
    mesh: &Authority,
    leaf: Option<&Leaf>,
    protocol: &str,
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(mesh.roots());
    let mut config = match leaf {
        Some(leaf) => config
            .with_client_auth_cert(vec![leaf.certificate.clone()], leaf.key())
            .unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    config
}

pub(crate) async fn connect_as(
    address: SocketAddr,
    config: Arc<ClientConfig>,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let name = CONNECTOR.try_into().unwrap();
    TlsConnector::from(config).connect(name, stream).await
}

/// In TLS 1.3 a client learns only with its first read that its certificate was refused.
pub(crate) async fn refused(
    address: SocketAddr,
    mesh: &Authority,
    leaf: Option<&Leaf>,
) -> std::io::Error {
    let mut stream = match connect(address, mesh, leaf, "http/1.1").await {
        Ok(stream) => stream,
        Err(error) => return error,
    };
    let request = format!("GET / HTTP/1.1\r\nhost: {CONNECTOR}\r\n\r\n");
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let error = stream.read_to_end(&mut answer).await.unwrap_err();
    assert_eq!(String::from_utf8_lossy(&answer), "");
    error
}

/// A connection of either version.
pub(crate) enum Client {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Client {
    pub(crate) async fn http1(address: SocketAddr, mesh: &Authority, leaf: &Leaf) -> Self {
        let stream = connect(address, mesh, Some(leaf), "http/1.1")
            .await
            .unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Self::Http1(sender)
    }

    pub(crate) async fn http2(address: SocketAddr, mesh: &Authority, leaf: &Leaf) -> Self {
        let stream = connect(address, mesh, Some(leaf), "h2").await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        Self::Http2(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Response<Incoming> {
        self.try_send(request).await.unwrap()
    }

    pub(crate) async fn try_send(
        &mut self,
        mut request: Request<Body>,
    ) -> hyper::Result<Response<Incoming>> {
        let scheme = "https://";
        match self {
            Self::Http1(sender) => {
                sender.ready().await?;
                let headers = request.headers_mut();
                headers.entry("host").or_insert(CONNECTOR.parse().unwrap());
                sender.send_request(request).await
            }
            Self::Http2(sender) => {
                sender.ready().await?;
                let target = format!("{scheme}{CONNECTOR}{}", request.uri());
                *request.uri_mut() = target.parse().unwrap();
                sender.send_request(request).await
            }
        }
    }

    /// Waits until the connection takes no more requests.
    pub(crate) async fn closed(&mut self) {
        while match self {
            Self::Http1(sender) => !sender.is_closed(),
            Self::Http2(sender) => !sender.is_closed(),
        } {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn get(&mut self, path: &str) -> (u16, String) {
        let request = Request::get(path).body(full("")).unwrap();
        read(self.send(request).await).await
    }
}

pub(crate) async fn read(response: Response<Incoming>) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// The stable name of a problem, checked against its media type and status.
pub(crate) async fn problem(response: Response<Incoming>) -> (u16, String) {
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    let (status, text) = read(response).await;
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status);
    let kind = problem["type"].as_str().unwrap();
    let name = kind.strip_prefix("urn:tidegate:problem:").unwrap();
    (status, name.to_owned())
}
