//! Origins to send requests to, in the clear or as a connector stands: over mutual TLS.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tidegate_shared::digest::Digest;
use tidegate_tests::workerd::Identity;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A body of 20 MiB, in pieces.
pub(crate) fn long_body() -> BoxBody<Bytes, Infallible> {
    let chunk = |_| Ok(Frame::data(Bytes::from_static(CHUNK)));
    BodyExt::boxed(StreamBody::new(stream::iter((0..CHUNKS).map(chunk))))
}

/// The digest of [`long_body`].
pub(crate) fn long_body_digest() -> String {
    Digest::of(&CHUNK.repeat(CHUNKS)).to_string()
}

const CHUNKS: usize = 320;
const CHUNK: &[u8] = &[0xa5; 65_536];

/// Serves in the clear; returns the base URL.
pub(crate) async fn plain() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, "plain".to_owned()));
        }
    });
    url
}

/// Serves whoever has a certificate of `authority`, and tells it how many certificates it saw.
pub(crate) async fn mutual_tls(authority: &Authority) -> String {
    let (certificate, key) = authority.issue("localhost");
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
        .build()
        .unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().unwrap().port()
    );
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    let seen = stream
                        .get_ref()
                        .1
                        .peer_certificates()
                        .unwrap_or_default()
                        .len();
                    serve(stream, format!("{seen} client certificate")).await;
                }
            });
        }
    });
    url
}

/// An address where nobody listens.
pub(crate) async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// A certificate authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "test authority");
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            certificate: certificate.der().clone(),
            issuer: Issuer::new(params, key),
        }
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    /// A client certificate that trusts this authority's origins.
    pub(crate) fn identity(&self, name: &str) -> Identity {
        let (certificate, key) = self.issue("gateway.example");
        Identity {
            name: name.to_owned(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
            trusted_pem: vec![self.pem.clone()],
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, name: String) {
    let service = service_fn(|request| answer(request, name.clone()));
    // A connection that breaks is the client's affair; what it got is what tests look at.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: Request<Incoming>,
    name: String,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let (head, body) = request.into_parts();
    let response = Response::builder().header("x-origin", name);
    Ok(match head.uri.path() {
        "/upload" => {
            let body = body.collect().await.unwrap().to_bytes();
            response.body(full(Digest::of(&body).to_string()))
        }
        "/download" => response.body(long_body()),
        "/busy" => response.status(503).body(full("busy".to_owned())),
        "/silent" => std::future::pending().await,
        path => response.body(full(format!(
            "{} {path}\n{}",
            head.method,
            list(&head.headers)
        ))),
    }
    .unwrap())
}

fn full(text: String) -> BoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(text)).boxed()
}

fn list(headers: &HeaderMap) -> String {
    let line =
        |(name, value): (_, &http::HeaderValue)| format!("{name}: {}\n", value.to_str().unwrap());
    headers.iter().map(line).collect()
}
