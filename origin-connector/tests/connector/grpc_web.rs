//! gRPC-Web in, gRPC out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::client::{Body, full, problem};
use crate::grpc::{framed, frames, message};
use crate::origin::Origin;
use crate::program::{Running, Setup, patient};

async fn start(origin: &Origin) -> Running {
    let more = "protocol = \"h2c\"\ngrpc_web = true";
    let setup = Setup::new().backend("accounts", origin.address, more);
    setup.start().await
}

fn call(method: &str, kind: &str, body: Body) -> Request<Body> {
    let request = Request::post(format!("/grpc.Test/{method}")).header("content-type", kind);
    request.body(body).unwrap()
}

const TRAILERS: &str = "grpc-status: 0\r\ngrpc-message: all is well\r\n";

async fn body(response: Response<Incoming>) -> Bytes {
    patient(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes()
}

/// What a piece of base64 that may be padded anywhere says.
fn decoded(text: &[u8]) -> Vec<u8> {
    let quanta = text.chunks(4);
    quanta
        .flat_map(|quantum| STANDARD.decode(quantum).unwrap())
        .collect()
}

#[tokio::test]
async fn binary_messages_go_through_and_trailers_become_a_frame() {
    for http2 in [false, true] {
        let origin = Origin::start().await;
        let connector = start(&origin).await;
        let mut client = match http2 {
            true => connector.http2().await,
            false => connector.http1().await,
        };
        let messages = [message(b"one"), message(b""), message(b"three")].concat();
        let request = call("Echo", "application/grpc-web+proto", full(messages));
        let response = client.send(request).await;
        assert_eq!(response.status(), 200);
        let kind = &response.headers()["content-type"];
        assert_eq!(kind, "application/grpc-web+proto");
        let body = response.into_body().collect().await.unwrap();
        assert!(body.trailers().is_none());
        let expected = [(0, "one"), (0, ""), (0, "three"), (0x80, TRAILERS)];
        let expected = expected.map(|(flags, text)| (flags, text.to_owned()));
        assert_eq!(frames(&body.to_bytes()), expected);
        let head = origin.only_head();
        assert_eq!(head["content-type"], "application/grpc+proto");
    }
}

#[tokio::test]
async fn text_is_base64_both_ways_wherever_it_is_padded() {
    let origin = Origin::start().await;
    let connector = start(&origin).await;
    let one = STANDARD.encode(message(b"one"));
    let two = STANDARD.encode(message(b"four"));
    assert!(one.ends_with('=') || two.ends_with('='));
    let request = call("Echo", "application/grpc-web-text", full(one + &two));
    let response = connector.http1().await.send(request).await;
    let kind = &response.headers()["content-type"];
    assert_eq!(kind, "application/grpc-web-text");
    let body = decoded(&body(response).await);
    let expected = [(0, "one"), (0, "four"), (0x80, TRAILERS)];
    let expected = expected.map(|(flags, text)| (flags, text.to_owned()));
    assert_eq!(frames(&body), expected);
    assert_eq!(origin.only_head()["content-type"], "application/grpc");
    assert!(!origin.only_head().contains_key("content-length"));
}

#[tokio::test]
async fn an_error_without_a_body_stays_in_the_head() {
    let origin = Origin::start().await;
    let connector = start(&origin).await;
    let text = STANDARD.encode(message(b"one"));
    for (kind, body) in [
        ("application/grpc-web", message(b"one")),
        ("application/grpc-web-text", text.into()),
    ] {
        let request = call("Refuse", kind, full(body));
        let response = connector.http1().await.send(request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], "5");
        assert_eq!(response.headers()["grpc-message"], "no such thing");
        assert_eq!(response.headers()["content-type"], kind);
        let body = response.into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "");
    }
}

#[tokio::test]
async fn messages_arrive_as_they_are_sent() {
    let origin = Origin::start().await;
    let connector = start(&origin).await;
    let request = call("Held", "application/grpc-web-text", full(""));
    let mut body = connector.http1().await.send(request).await.into_body();
    let first = patient(body.frame()).await.unwrap().unwrap().into_data();
    assert_eq!(decoded(&first.unwrap()), message(b"first"));
    origin.gate.add_permits(1);
    let rest = patient(body.collect()).await.unwrap().to_bytes();
    let expected = [message(b"second"), framed(0x80, TRAILERS.as_bytes())].concat();
    assert_eq!(decoded(&rest), expected);
}

#[tokio::test]
async fn text_that_is_no_base64_is_the_callers_fault() {
    let origin = Origin::start().await;
    let mut connector = start(&origin).await;
    for text in ["AAAA!AAA", "AAAAA"] {
        let request = call("Collect", "application/grpc-web-text", full(text));
        let response = connector.http2().await.send(request).await;
        assert_eq!(problem(response).await, (408, "request-incomplete".into()));
        let line = connector.logged("request").await;
        assert_eq!(line["cause"], "the request body is no base64", "{line}");
    }
}

#[tokio::test]
async fn other_requests_and_other_answers_are_left_alone() {
    let origin = Origin::start().await;
    let connector = start(&origin).await;
    let mut client = connector.http1().await;
    let request = Request::post("/echo").body(full("as it is")).unwrap();
    assert_eq!(body(client.send(request).await).await, "as it is");
    // What is no gRPC, as of a proxy on the way.
    let request = Request::post("/unavailable").header("content-type", "application/grpc-web");
    let response = client.send(request.body(full("")).unwrap()).await;
    assert_eq!(response.status(), 503);
    assert_eq!(body(response).await, "nobody there");
}
