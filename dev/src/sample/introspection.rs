//! A server that says what tokens are worth (RFC 7662), to whoever comes as a client.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");
/// More is no question about a token.
const MAX_FORM: usize = 64 * 1024;

/// What is said of the token in a form.
pub(crate) type Answer = fn(&[u8]) -> Vec<u8>;

/// Starts a server on a free port of this machine.
pub(crate) async fn start(answer: Answer) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = service_fn(move |request| respond(answer, request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok(address)
}

async fn respond(answer: Answer, request: Request<Incoming>) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let form = Limited::new(body, MAX_FORM).collect().await;
    let form = form.map_err(io::Error::other)?.to_bytes();
    let mut response = Response::new(Full::default());
    if head.method != Method::POST || head.headers.get(CONTENT_TYPE) != Some(&FORM) {
        *response.status_mut() = StatusCode::BAD_REQUEST;
    } else if !is_client(&head.headers, &form) {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    } else {
        *response.body_mut() = Full::from(answer(&form));
    }
    Ok(response)
}

/// Whether anyone shows a secret; which one is nothing that a sample knows.
fn is_client(headers: &HeaderMap, form: &[u8]) -> bool {
    let basic = headers.get(AUTHORIZATION);
    let post = form.split(|octet| *octet == b'&');
    basic.is_some_and(|basic| basic.as_bytes().starts_with(b"Basic "))
        || post
            .into_iter()
            .any(|pair| pair.starts_with(b"client_secret="))
}
