//! Requests that two readers may read in two ways: each is refused, or reaches the origin as exactly
//! one request with one reading. What the origin got is looked at octet by octet.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::client::connect;
use crate::program::{Running, Setup, patient};

/// What is hidden behind each request.
const TAIL: &str = "GET /smuggled HTTP/1.1\r\nhost: a.example\r\n\r\n";

/// An origin that records what it gets and answers whatever looks like the end of a request.
async fn recorder() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let record = Arc::new(Mutex::new(Vec::new()));
    let all = record.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let record = all.clone();
            tokio::spawn(async move {
                let mut own = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                    own.extend_from_slice(&buffer[..count]);
                    record.lock().unwrap().extend_from_slice(&buffer[..count]);
                    if whole(&own) {
                        own.clear();
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
                        stream.write_all(answer).await.unwrap();
                    }
                }
            });
        }
    });
    (address, record)
}

/// Whether the octets are a whole request, as long as its length is told in one way.
fn whole(octets: &[u8]) -> bool {
    let text = String::from_utf8_lossy(octets);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    if head.contains("\r\ntransfer-encoding: chunked") {
        return body.ends_with("0\r\n\r\n");
    }
    let length = head.split_once("\r\ncontent-length: ");
    let length = length.and_then(|(_, rest)| rest.lines().next()?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// Sends octets as they are and tells the status of the first answer; 0 where there is none.
async fn ask(connector: &Running, request: &[u8]) -> u16 {
    let mesh = &connector.setup.mesh;
    let gateway = Some(&connector.gateway);
    let stream = connect(connector.address, mesh, gateway, "http/1.1");
    let mut stream = stream.await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    // The connector may close without a TLS farewell where it breaks off.
    let _ = patient(stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    let answers = answer.matches("HTTP/1.1 ").count();
    assert!(answers <= 1, "{answer}");
    let status = answer.strip_prefix("HTTP/1.1 ");
    status.map_or(0, |rest| rest.split(' ').next().unwrap().parse().unwrap())
}

/// What reached the origin is one request, of which nobody thinks otherwise.
fn one_reading(octets: &[u8], case: &str) {
    let text = std::str::from_utf8(octets).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.split("\r\n").collect();
    assert!(lines[0].ends_with(" HTTP/1.1"), "{case}: {text}");
    let named = |name: &str| {
        let values = lines
            .iter()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        let values = values.filter(|(own, _)| own.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value).collect::<Vec<_>>()
    };
    for line in &lines {
        let plain = |octet: u8| octet == b'\t' || (b' '..0x7f).contains(&octet);
        assert!(line.bytes().all(plain), "{case}: {line:?}");
        assert!(!line.starts_with([' ', '\t']), "{case}: {line:?}");
    }
    assert_eq!(named("host").len(), 1, "{case}: {text}");
    match (&*named("content-length"), &*named("transfer-encoding")) {
        ([], []) => assert_eq!(body, "", "{case}"),
        ([length], []) => assert_eq!(body.len().to_string(), *length, "{case}: {text}"),
        ([], ["chunked"]) => {
            assert_eq!(body.matches("0\r\n\r\n").count(), 1, "{case}: {text}");
            assert!(body.ends_with("0\r\n\r\n"), "{case}: {text}");
        }
        both => panic!("{case}: {both:?}"),
    }
    assert!(!lines[0].contains("smuggled"), "{case}: {text}");
}

/// Fields of a request with the body `3\r\nabc\r\n0\r\n\r\n`, and what is answered: 400, 0 (closed
/// without a word) or, where there is one reading, 200.
const FIELDS: [(&str, u16); 34] = [
    ("content-length: 3\r\ncontent-length: 4", 400),
    ("content-length: 3, 4", 400),
    ("content-length: +3", 400),
    ("content-length: -3", 400),
    ("content-length: 0x3", 400),
    ("content-length: 3 3", 400),
    ("content-length: 3a", 400),
    ("content-length:", 400),
    ("content-length: 99999999999999999999", 400),
    ("content-length : 3", 400),
    ("content-length\t: 3", 400),
    (" content-length: 3", 400),
    ("content-length: 3\r\n transfer-encoding: chunked", 400),
    ("content-length: 13\r\ntransfer-encoding: chunked", 200),
    ("transfer-encoding: chunked\r\ncontent-length: 3", 200),
    ("content-length: 3\r\ntransfer-encoding: identity", 400),
    ("transfer-encoding: chunked, identity", 400),
    (
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        400,
    ),
    ("transfer-encoding: xchunked", 400),
    ("transfer-encoding: \"chunked\"", 400),
    ("transfer-encoding: chunked;a=b", 400),
    ("transfer-encoding: chunked,", 400),
    ("transfer-encoding : chunked", 400),
    ("transfer-encoding\t: chunked", 400),
    ("transfer-encoding:\r\n chunked", 400),
    ("transfer-encoding: x\r\n\tchunked", 400),
    ("transfer-encoding: chunked\rx: y", 400),
    ("transfer-encoding: \u{b}chunked", 400),
    ("transfer-encoding: chunked\0", 400),
    ("transfer\u{a0}encoding: chunked", 400),
    ("transfer-encoding: CHUNKED", 200),
    ("host: b.example\r\ntransfer-encoding: chunked", 400),
    ("x: y\rtransfer-encoding: chunked", 400),
    ("x\ny: z\r\ntransfer-encoding: chunked", 400),
];

/// Chunked bodies.
const BODIES: [&str; 16] = [
    "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "+3\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    "3 3\r\nabc\r\n0\r\n\r\n",
    "\r\n3\r\nabc\r\n0\r\n\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "3\rabc\r\n0\r\n\r\n",
    "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n",
    "3\r\nabc\r\n0\r\ncontent-length: 1\r\ntransfer-encoding: x\r\n\r\n",
];

/// Heads as a whole.
const HEADS: [&str; 8] = [
    "POST / HTTP/1.1\nhost: a.example\ncontent-length: 0\nconnection: close\n\n",
    "POST / HTTP/1.1\r\nhost: a.example\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\nconnection: close\n\r\n",
    "POST / HTTP/1.0\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST http://b.example/ HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "POST /a b HTTP/1.1\r\nhost: a.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "POST / HTTP/1.1 \r\nhost: a.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    "POST / HTTP/1.1\r\nhost: a.example, b.example\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
];

#[tokio::test]
async fn every_request_has_one_reading_or_none() {
    let (origin, record) = recorder().await;
    let more = "[limits]\nidle_timeout = \"500ms\"\nheader_read_timeout = \"500ms\"\n";
    let connector = Setup::new().backend("accounts", origin, "").with(more);
    let connector = connector.start().await;
    let start = "POST / HTTP/1.1\r\nhost: a.example\r\nconnection: close\r\n";
    let fields = FIELDS.iter().map(|(fields, expected)| {
        let request = format!("{start}{fields}\r\n\r\n3\r\nabc\r\n0\r\n\r\n{TAIL}");
        (request, Some(*expected))
    });
    let bodies = BODIES.iter().map(|body| {
        let request = format!("{start}transfer-encoding: chunked\r\n\r\n{body}{TAIL}");
        (request, None)
    });
    let heads = HEADS.iter().map(|head| (format!("{head}{TAIL}"), None));
    let mut wrong = Vec::new();
    for (request, expected) in fields.chain(bodies).chain(heads) {
        record.lock().unwrap().clear();
        let status = ask(&connector, request.as_bytes()).await;
        let seen = record.lock().unwrap().clone();
        if expected.is_some_and(|expected| expected != status) {
            wrong.push(format!("{status} {request:?}"));
        }
        if status == 200 {
            one_reading(&seen, &request);
            continue;
        }
        assert!(matches!(status, 0 | 400 | 408), "{status}: {request:?}");
        // The part of a body that came before it went wrong may have been on its way; it never makes a
        // whole request. Where the rest was waited for, all that followed was a chunk's.
        let text = String::from_utf8_lossy(&seen);
        assert!(
            status == 408 || !text.contains("smuggled"),
            "{request:?}: {text}"
        );
        assert!(!whole(&seen), "{request:?}: {text}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
