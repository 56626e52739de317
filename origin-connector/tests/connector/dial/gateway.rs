//! A gateway that takes tunnels, as far as the connector sees one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authority::{Authority, Leaf};
use crate::client::Client;
use crate::program::patient;

pub(crate) const ALPN: &str = "tidegate-tunnel/1";

/// What an HTTP/2 client begins with (RFC 9113 §3.4): the preface and an empty SETTINGS frame.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    tls: TlsAcceptor,
}

impl Gateway {
    /// Shows `leaf`, and takes connectors whose certificate is of `connectors`.
    pub(crate) async fn start(leaf: &Leaf, connectors: &Authority) -> Self {
        Self::speaking(leaf, connectors, ALPN).await
    }

    pub(crate) async fn speaking(leaf: &Leaf, connectors: &Authority, protocol: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, leaf, connectors, protocol)
    }

    pub(crate) fn on(
        listener: TcpListener,
        leaf: &Leaf,
        connectors: &Authority,
        protocol: &str,
    ) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let roots = Arc::new(connectors.roots());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier.build().unwrap())
            .with_single_cert(vec![leaf.certificate.clone()], leaf.key())
            .unwrap();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Self {
            address: listener.local_addr().unwrap(),
            listener,
            tls: TlsAcceptor::from(Arc::new(config)),
        }
    }

    /// The next connection, once its handshake is over.
    pub(crate) async fn next(&self) -> io::Result<TlsStream<TcpStream>> {
        let (stream, _) = patient(self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        patient(self.tls.accept(stream)).await
    }

    /// The next tunnel.
    pub(crate) async fn tunnel(&self) -> Client {
        Self::over(self.next().await.unwrap()).await
    }

    /// A tunnel over a connection that was accepted.
    pub(crate) async fn over(stream: TlsStream<TcpStream>) -> Client {
        let io = TokioIo::new(stream);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        Client::Http2(sender)
    }
}
