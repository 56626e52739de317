//! Health and metrics.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::kit::{Running, bundle, exchange};

const METRICS: &str = "GET /metrics HTTP/1.1\r\nhost: admin\r\n\r\n";
const READY: &str = "GET /readyz HTTP/1.1\r\nhost: admin\r\n\r\n";

#[tokio::test]
async fn what_comes_of_requests_is_counted() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = silent.local_addr().unwrap();
    drop(silent);
    let gateway = Running::start(&bundle(&[origin], "")).await;
    for path in ["reply", "reply", "bound", "forward"] {
        let request = format!("GET /{path} HTTP/1.1\r\nhost: a.example\r\n\r\n");
        exchange(gateway.address, &request).await;
    }
    let strange = "BREW /reply HTTP/1.1\r\nhost: a.example\r\n\r\n";
    exchange(gateway.address, strange).await;
    let metrics = exchange(gateway.admin, METRICS).await;
    for line in [
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",upstream=""} 2"#,
        r#"http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="502",upstream="origins"} 1"#,
        r#"http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="200",upstream=""} 1"#,
        r#"tidegate_gateway_refusals_total{problem="credential-missing"} 1"#,
        r#"tidegate_gateway_attempts_total{upstream="origins"} 2"#,
        "http_server_active_requests 0",
    ] {
        assert!(metrics.contains(line), "no `{line}` in\n{metrics}");
    }
}

#[tokio::test]
async fn a_gateway_that_drains_is_alive_and_not_ready() {
    let origin = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = Running::start(&bundle(&[origin.local_addr().unwrap()], "")).await;
    assert!(
        exchange(gateway.admin, READY)
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    let mut client = TcpStream::connect(gateway.address).await.unwrap();
    let request = b"GET /forward HTTP/1.1\r\nhost: a.example\r\n\r\n";
    client.write_all(request).await.unwrap();
    let (mut origin, _) = origin.accept().await.unwrap();
    gateway.end.send(()).unwrap();
    while !exchange(gateway.admin, READY)
        .await
        .starts_with("HTTP/1.1 503 ")
    {}
    let alive = "GET /livez HTTP/1.1\r\nhost: admin\r\n\r\n";
    assert!(
        exchange(gateway.admin, alive)
            .await
            .starts_with("HTTP/1.1 200 ")
    );
    let metrics = exchange(gateway.admin, METRICS).await;
    assert!(
        metrics.contains("http_server_active_requests 1"),
        "{metrics}"
    );
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    origin.write_all(answer).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
