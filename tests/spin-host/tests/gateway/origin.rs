//! An origin whose answer depends on the path.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

type Answer = Response<UnsyncBoxBody<Bytes, hyper::Error>>;

/// Starts an origin; its address.
pub(crate) async fn start(tls: Option<ServerConfig>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                match acceptor {
                    None => serve(stream).await,
                    Some(acceptor) => {
                        if let Ok(stream) = acceptor.accept(stream).await {
                            serve(stream).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// An address where nothing listens.
pub(crate) async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Answer, Infallible> {
    let path = request.uri().path();
    Ok(match path.trim_start_matches("/private") {
        "/head" => echo_head(&request),
        // Gives back what comes, as it comes, and trailers at the end.
        "/mirror" => {
            let mut trailers = HeaderMap::new();
            trailers.insert("x-end", HeaderValue::from_static("mirror"));
            let body = request
                .into_body()
                .with_trailers(async { Some(Ok(trailers)) });
            Response::new(body.boxed_unsync())
        }
        "/never" => std::future::pending().await,
        "/busy" => {
            let mut response = full("busy".to_owned());
            *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            response
        }
        other => full(format!("no `{other}` here")),
    })
}

/// The head as it came, one line for the target, one for each field.
fn echo_head(request: &Request<Incoming>) -> Answer {
    let mut lines = vec![format!("{} {}", request.method(), request.uri().path())];
    lines.extend(request.headers().iter().map(|(name, value)| {
        let value = value.to_str().unwrap();
        format!("{name}: {value}")
    }));
    lines.sort();
    full(lines.join("\n"))
}

fn full(text: String) -> Answer {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {});
    Response::new(body.boxed_unsync())
}
