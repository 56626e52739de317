//! Health and metrics.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::client::read;
use crate::origin::Origin;
use crate::program::{Running, in_front_of, patient};

pub(crate) async fn ask(address: SocketAddr, path: &str) -> (u16, String) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get(path).header("host", "admin");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    read(sender.send_request(request).await.unwrap()).await
}

pub(crate) async fn admin_address(connector: &mut Running) -> SocketAddr {
    let line = connector.logged("serving health and metrics").await;
    line["address"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn health_follows_the_drain() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let admin = admin_address(&mut connector).await;
    assert_eq!(ask(admin, "/livez").await.0, 200);
    assert_eq!(ask(admin, "/readyz").await.0, 200);
    assert_eq!(ask(admin, "/nothing").await.0, 404);
    let mut client = connector.http2().await;
    let gate = Request::get("/gate").body(crate::client::full("")).unwrap();
    let exchange = tokio::spawn(async move { client.send(gate).await.status() });
    patient(async {
        while origin.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    connector.signal("-TERM");
    connector.logged("draining").await;
    assert_eq!(ask(admin, "/livez").await.0, 200);
    assert_eq!(ask(admin, "/readyz").await, (503, "draining\n".into()));
    origin.gate.add_permits(1);
    assert_eq!(patient(exchange).await.unwrap(), 200);
    assert!(connector.ended().await.0.success());
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let admin = admin_address(&mut connector).await;
    assert_eq!(connector.http2().await.get("/").await.0, 200);
    connector.logged("request").await;
    let mesh = &connector.setup.mesh;
    crate::client::refused(connector.address, mesh, None).await;
    connector.logged("handshake refused").await;
    let (_, text) = ask(admin, "/metrics").await;
    for line in [
        "http_server_request_duration_seconds_count{http_request_method=\"GET\",http_response_status_code=\"200\",backend=\"accounts\"} 1",
        "http_server_active_requests 0",
        "tidegate_connector_tls_handshakes_total{result=\"accepted\"} 1",
        "tidegate_connector_tls_handshakes_total{result=\"no-certificate\"} 1",
        "# EOF",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
    assert!(text.contains("tidegate_connector_expiry_seconds{of=\"server\"} "));
    assert!(text.contains("process_start_time_seconds "));
}
