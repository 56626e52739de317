//! A sample origin: it answers every request with what it saw of it.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

/// Starts an origin on a free port of this machine.
pub(crate) async fn start(upstream: String, origin: String) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let place = Arc::new((upstream, origin));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let place = Arc::clone(&place);
            let service = service_fn(move |request| {
                let answer = answer(&place, &request);
                async move { Ok::<_, Infallible>(answer) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
    Ok(address)
}

fn answer(place: &(String, String), request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let headers = request.headers().iter().map(|(name, value)| {
        (
            name.to_string(),
            Value::from(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        )
    });
    let seen = json!({
        "upstream": place.0,
        "origin": place.1,
        "method": request.method().as_str(),
        "path": request.uri().to_string(),
        "headers": headers.collect::<Map<_, _>>(),
    });
    let mut response = Response::new(Full::from(format!("{seen:#}\n")));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
