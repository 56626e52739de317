//! What of a message's head goes on and what does not.

use http::Request;
use tidegate_shared::digest::Digest;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authority::{CONNECTOR, CONNECTOR_ID, GATEWAY_ID};
use crate::client::{connect, full, problem};
use crate::origin::Origin;
use crate::program::{Setup, in_front_of, patient};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

#[tokio::test]
async fn the_backend_learns_who_called_from_the_connector_alone() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let request = Request::get("/")
        .header("x-forwarded-client-cert", "URI=spiffe://edge.example/admin")
        .header("X_Forwarded_Client_Cert", "URI=spiffe://edge.example/admin")
        .header("client-cert", ":AAAA:");
    let mut client = connector.http1().await;
    client.send(request.body(full("")).unwrap()).await;
    let head = origin.only_head();
    let Digest(hash) = Digest::of(&connector.gateway.certificate);
    let hash = hex::encode(hash);
    let expected = format!("By={CONNECTOR_ID};Hash={hash};URI={GATEWAY_ID}");
    let values: Vec<_> = head.get_all("x-forwarded-client-cert").iter().collect();
    assert_eq!(values, [expected.as_str()]);
    assert!(!head.contains_key("x_forwarded_client_cert"));
    assert!(!head.contains_key("client-cert"));
}

#[tokio::test]
async fn hop_by_hop_fields_end_here_and_the_rest_goes_on() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let request = Request::get("/hop")
        .header("connection", "x-secret-hop")
        .header("x-secret-hop", "1")
        .header("proxy-authorization", "Basic x")
        .header("te", "trailers, deflate")
        .header("authorization", "Bearer s3cret")
        .header("forwarded", "for=192.0.2.1;host=api.bank.example")
        .header("traceparent", TRACEPARENT)
        .header("tracestate", "a=1")
        .header("via", "2 tidegate");
    let mut client = connector.http1().await;
    let response = client.send(request.body(full("")).unwrap()).await;
    assert!(!response.headers().contains_key("x-hop"));
    assert_eq!(response.headers()["x-end"], "1");
    assert_eq!(response.headers()["via"], "1.1 tidegate-connector");
    let head = origin.only_head();
    assert!(!head.contains_key("x-secret-hop"));
    assert!(!head.contains_key("proxy-authorization"));
    assert_eq!(head["te"], "trailers");
    assert_eq!(head["authorization"], "Bearer s3cret");
    assert_eq!(head["host"], "api.bank.example");
    assert_eq!(head["traceparent"], TRACEPARENT);
    assert_eq!(head["tracestate"], "a=1");
    let via: Vec<_> = head.get_all("via").iter().collect();
    assert_eq!(via, ["2 tidegate", "1.1 tidegate-connector"]);
    let line = connector.logged("request").await;
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert!(!line.to_string().contains("s3cret"));
}

#[tokio::test]
async fn the_trace_that_is_logged_is_passed_on_even_where_connection_names_it() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let request = Request::get("/")
        .header("connection", "traceparent")
        .header("traceparent", TRACEPARENT);
    let mut client = connector.http1().await;
    client.send(request.body(full("")).unwrap()).await;
    assert_eq!(origin.only_head()["traceparent"], TRACEPARENT);
    let line = connector.logged("request").await;
    assert_eq!(line["trace_id"], "0af7651916cd43dd8448eb211c80319c");
}

#[tokio::test]
async fn http2_cookies_become_one_and_the_authority_becomes_the_host() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let request = Request::get("/")
        .header("cookie", "a=1")
        .header("cookie", "b=2");
    let mut client = connector.http2().await;
    client.send(request.body(full("")).unwrap()).await;
    let head = origin.only_head();
    let cookies: Vec<_> = head.get_all("cookie").iter().collect();
    assert_eq!(cookies, ["a=1; b=2"]);
    assert_eq!(head["host"], CONNECTOR);
    assert_eq!(head["via"], "2 tidegate-connector");
}

#[tokio::test]
async fn tunnels_and_traces_are_not_for_callers_to_ask() {
    let origin = Origin::start().await;
    let connector = in_front_of(&origin).await;
    let mut client = connector.http1().await;
    let request = Request::builder().method("TRACE").uri("/").body(full(""));
    let refusal = problem(client.send(request.unwrap()).await).await;
    assert_eq!(refusal, (501, "method-refused".into()));
    let request = Request::get("/")
        .header("connection", "upgrade, http2-settings")
        .header("upgrade", "h2c")
        .header("http2-settings", "AAMAAABkAAQAAP__");
    let response = client.send(request.body(full("")).unwrap()).await;
    assert_eq!(response.status(), 200);
    let head = origin.only_head();
    assert!(!head.contains_key("upgrade") && !head.contains_key("http2-settings"));
}

/// Sends octets as they are and reads until the connector closes.
async fn raw(origin: &Origin, setup: Setup, request: &str) -> String {
    let connector = setup.backend("accounts", origin.address, "").start().await;
    let mesh = &connector.setup.mesh;
    let gateway = Some(&connector.gateway);
    let mut stream = connect(connector.address, mesh, gateway, "http/1.1")
        .await
        .unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // The connector may close without a TLS farewell where it breaks off.
    let _ = patient(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_message_with_two_lengths_has_one_reading() {
    // RFC 9112 §6.1: Transfer-Encoding overrides, the connection is closed after the response,
    // and Content-Length is not forwarded. What is smuggled behind the last chunk stays unread.
    for fields in [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ] {
        let origin = Origin::start().await;
        let request = format!(
            "POST /echo HTTP/1.1\r\nhost: a.example\r\n{fields}\r\n\r\n\
             3\r\nabc\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a.example\r\n\r\n"
        );
        let answer = raw(&origin, Setup::new(), &request).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
        assert!(answer.contains("abc"), "{answer}");
        let head = origin.only_head();
        assert_eq!(head["transfer-encoding"], "chunked");
        assert!(!head.contains_key("content-length"));
    }
}

#[tokio::test]
async fn a_message_without_one_reading_is_refused() {
    for fields in [
        "host: a.example\r\ncontent-length: 3\r\ncontent-length: 4",
        "host: a.example\r\ntransfer-encoding: chunked, identity",
        "host: a.example\r\ncontent-length: +3",
        "host: a.example\r\nx-a: b\r\n folded",
        "host: a.example\r\nhost: b.example",
        "host: a.example\r\nforwarded: host=b.example;host=c.example",
        "host: user@a.example",
        "x-no-host: 1",
    ] {
        let origin = Origin::start().await;
        let request = format!("POST / HTTP/1.1\r\nconnection: close\r\n{fields}\r\n\r\nabc");
        let answer = raw(&origin, Setup::new(), &request).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{fields}: {answer}");
        assert_eq!(origin.seen().len(), 0, "{fields}");
    }
}

#[tokio::test]
async fn an_oversized_head_is_refused() {
    let origin = Origin::start().await;
    let setup = Setup::new().with("[limits]\nheader_bytes = \"8KiB\"");
    let long = "a".repeat(9000);
    let request = format!("GET / HTTP/1.1\r\nhost: a.example\r\nx-long: {long}\r\n\r\n");
    let answer = raw(&origin, setup, &request).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    assert_eq!(origin.seen().len(), 0);
}

#[tokio::test]
async fn a_head_that_never_ends_is_not_waited_for() {
    let origin = Origin::start().await;
    let setup = Setup::new().with("[limits]\nheader_read_timeout = \"200ms\"");
    let answer = raw(&origin, setup, "GET / HTTP/1.1\r\nhost: a.example\r\n").await;
    assert_eq!(answer, "");
    assert_eq!(origin.seen().len(), 0);
}
