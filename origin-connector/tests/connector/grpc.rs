//! A gRPC service, as far as one can be written by hand.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use http::request::Parts;
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt, BodyStream, Empty, Full, StreamBody};
use hyper::body::Incoming;

use crate::origin::{Body, Origin};

/// A message in its frame.
pub(crate) fn message(text: &[u8]) -> Bytes {
    framed(0, text)
}

/// A frame with these flags.
pub(crate) fn framed(flags: u8, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(flags);
    frame.put_u32(u32::try_from(payload.len()).unwrap());
    frame.put_slice(payload);
    frame.freeze()
}

/// The frames of a body: flags and payload.
pub(crate) fn frames(mut body: &[u8]) -> Vec<(u8, String)> {
    let mut frames = Vec::new();
    while body.has_remaining() {
        let flags = body.get_u8();
        let length = usize::try_from(body.get_u32()).unwrap();
        let payload = String::from_utf8(body[..length].to_vec()).unwrap();
        frames.push((flags, payload));
        body.advance(length);
    }
    frames
}

fn trailers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &'static str)| {
        (name.parse().unwrap(), value.parse().unwrap())
    };
    fields.iter().map(field).collect()
}

/// `/grpc.Test/Echo` sends back each frame as it comes; `/grpc.Test/Refuse` only trailers, as the
/// head; `/grpc.Test/Collect` answers once it has the whole body; `/grpc.Test/Held` one message at once and one when the gate opens.
pub(crate) async fn answer(origin: &Origin, parts: &Parts, body: Incoming) -> Response<Body> {
    assert_eq!(parts.headers["te"], "trailers");
    let well = trailers(&[("grpc-status", "0"), ("grpc-message", "all is well")]);
    let end = futures_util::stream::once(async { Ok(Frame::trailers(well)) });
    let body = match parts.uri.path() {
        "/grpc.Test/Echo" => {
            let data = BodyStream::new(body);
            BodyExt::boxed(StreamBody::new(data.chain(end)))
        }
        "/grpc.Test/Collect" => match body.collect().await {
            Ok(whole) => Full::new(whole.to_bytes())
                .map_err(|never| match never {})
                .boxed(),
            // Nobody reads what is answered to a request that broke off.
            Err(_) => Empty::new().map_err(|never| match never {}).boxed(),
        },
        "/grpc.Test/Held" => {
            let gate = origin.gate.clone();
            let first = futures_util::stream::once(async { Ok(Frame::data(message(b"first"))) });
            let second = futures_util::stream::once(async move {
                gate.acquire().await.unwrap().forget();
                Ok(Frame::data(message(b"second")))
            });
            BodyExt::boxed(StreamBody::new(first.chain(second).chain(end)))
        }
        "/grpc.Test/Refuse" => Empty::new().map_err(|never| match never {}).boxed(),
        other => panic!("{other}"),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = parts.headers["content-type"].clone();
    assert!(kind.to_str().unwrap().starts_with("application/grpc"));
    headers.insert("content-type", kind);
    if parts.uri.path() == "/grpc.Test/Refuse" {
        headers.extend(trailers(&[
            ("grpc-status", "5"),
            ("grpc-message", "no such thing"),
        ]));
    }
    response
}
