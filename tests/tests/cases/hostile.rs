//! Requests that no client of HTTP would send: what a runtime, or the gateway behind it, makes of
//! each, and that it goes on serving.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tidegate_tests::client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HOST: &str = "api.test.example";
/// Longer than any refusal takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// The status and the problem of an answer to a request as it is written; neither where the
/// connection ends without one.
async fn send(address: SocketAddr, request: &[u8]) -> (Option<u16>, Option<String>) {
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A runtime may answer, and hang up, before it has read all of it.
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        let (_, _) = tokio::join!(write.write_all(request), read.read_to_end(&mut answer));
        answer
    };
    let answer = tokio::time::timeout(PATIENCE, exchange).await.unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
    let problem = answer.split("urn:tidegate:problem:").nth(1);
    let problem = problem.and_then(|rest| rest.split('"').next());
    (status, problem.map(str::to_owned))
}

fn with_token(token: &[u8]) -> Vec<u8> {
    let head = format!(
        "GET /secret HTTP/1.1\r\nhost: {HOST}\r\nconnection: close\r\nauthorization: Bearer "
    );
    [head.as_bytes(), token, b"\r\n\r\n"].concat()
}

async fn serves(address: SocketAddr) -> bool {
    let request = Request::get("/replies/json").header("host", HOST);
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let answer = client::exchange(address, request).await;
    answer.is_ok_and(|answer| answer.status == 200)
}

pub(crate) async fn check(address: SocketAddr) {
    for octet in 0..=u8::MAX {
        let (status, problem) = send(address, &with_token(&[b'a', octet, b'b'])).await;
        let expected: &[_] = match octet {
            // These end the field or the request, or stand in no field (RFC 9110 §5.5): what they
            // are refused by is the reader of HTTP, or what is left of the field is no token.
            b'\0' | b'\r' | b'\n' => &[None, Some("credential-invalid")],
            // Two tokens.
            b',' => &[Some("credential-ambiguous")],
            0x01..=0x08 | 0x0b | 0x0c | 0x0e..=0x1f | 0x7f => &[None, Some("credential-invalid")],
            _ => &[Some("credential-invalid")],
        };
        assert!(
            expected.contains(&problem.as_deref()),
            "{octet:#x}: {status:?} {problem:?}"
        );
        let refused = status.is_none_or(|status| matches!(status, 400 | 401));
        assert!(refused, "{octet:#x}: {status:?}");
    }
    let token = vec![b'a'; 1 << 20];
    let (status, problem) = send(address, &with_token(&token)).await;
    let refused = status.is_none_or(|status| matches!(status, 400 | 401 | 413 | 431));
    assert!(refused, "a megabyte: {status:?} {problem:?}");
    assert!(serves(address).await);
}
