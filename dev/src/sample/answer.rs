//! What the sample origin answers.

use std::future;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use super::body::{Body, bytes, events};
use super::socket;

/// Where an origin is.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) upstream: String,
    pub(super) origin: String,
}

/// Answers a request; an error closes the connection.
pub(super) async fn answer(
    place: Arc<Place>,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let path = request.uri().path().to_owned();
    let mut words = path.strip_prefix("/sample/").unwrap_or("").split('/');
    match (words.next(), words.next()) {
        (Some("status"), Some(code)) => {
            let code = code.parse().unwrap_or(StatusCode::BAD_REQUEST);
            Ok(json_response(code, &seen(&place, &request)))
        }
        (Some("bytes"), Some(count)) => Ok(Response::new(bytes(count.parse().unwrap_or(0)))),
        (Some("digest"), None) => digest(request.into_body()).await,
        (Some("events"), None) => Ok(events()),
        (Some("socket"), None) => Ok(socket::accept(request)),
        (Some("stall"), None) => future::pending().await,
        (Some("reset"), None) => Err(io::ErrorKind::ConnectionReset.into()),
        _ => Ok(json_response(StatusCode::OK, &seen(&place, &request))),
    }
}

/// What the origin saw of a request's head.
fn seen(place: &Place, request: &Request<Incoming>) -> Value {
    let mut headers = Map::new();
    for (name, value) in request.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let joined = match headers.get(name.as_str()).and_then(Value::as_str) {
            Some(before) => format!("{before}, {value}"),
            None => value.into_owned(),
        };
        headers.insert(name.to_string(), joined.into());
    }
    json!({
        "upstream": place.upstream,
        "origin": place.origin,
        "method": request.method().as_str(),
        "path": request.uri().to_string(),
        "headers": headers,
    })
}

fn json_response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(
        Full::from(format!("{value:#}\n"))
            .map_err(|never| match never {})
            .boxed(),
    );
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

async fn digest(mut body: Incoming) -> io::Result<Response<Body>> {
    let mut hash = hmac_sha256::Hash::new();
    let mut length = 0_usize;
    while let Some(frame) = body.frame().await {
        let data = frame
            .map_err(io::Error::other)?
            .into_data()
            .unwrap_or_else(|_| Bytes::new());
        length = length.saturating_add(data.len());
        hash.update(&data);
    }
    let digest = tidegate_shared::digest::Digest(hash.finalize());
    Ok(json_response(
        StatusCode::OK,
        &json!({ "length": length, "digest": digest }),
    ))
}
