//! WebSocket.

use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::client::full;
use crate::origin::Origin;
use crate::program::{Running, Setup, in_front_of, patient};

async fn open(connector: &Running) -> WebSocketStream<TokioIo<hyper::upgrade::Upgraded>> {
    let request = http::Request::get("/websocket")
        .header("connection", "Upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    let mut client = connector.http1().await;
    let response = client.send(request.body(full("")).unwrap()).await;
    assert_eq!(response.status(), 101);
    assert_eq!(response.headers()["upgrade"], "websocket");
    let accept = &response.headers()["sec-websocket-accept"];
    assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    let io = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    WebSocketStream::from_raw_socket(io, Role::Client, None).await
}

#[tokio::test]
async fn messages_go_both_ways() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let mut socket = open(&connector).await;
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        let echo = patient(socket.next()).await.unwrap().unwrap();
        assert_eq!(echo, Message::text(text));
    }
    socket.close(None).await.unwrap();
    while patient(socket.next()).await.is_some() {}
    drop(socket);
    let line = connector.logged("request").await;
    assert_eq!(line["status"], 101);
    assert_eq!(line["complete"], true);
}

#[tokio::test]
async fn a_silent_tunnel_is_closed() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let mut connector = setup
        .with("[limits]\nidle_timeout = \"200ms\"")
        .start()
        .await;
    let mut socket = open(&connector).await;
    assert!(!matches!(patient(socket.next()).await, Some(Ok(_))));
    let line = connector.logged("request").await;
    assert_eq!(line["cause"], "the tunnel stood still");
}

#[tokio::test]
async fn a_tunnel_is_cut_when_its_caller_is_revoked() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let list = setup.edge.revoke(&[], 3600);
    let mut connector = setup.revoking(&list).start().await;
    let mut socket = open(&connector).await;
    let list = connector.setup.edge.revoke(&[&connector.gateway], 3600);
    connector.setup.write("edge.crl", &list);
    assert!(!matches!(patient(socket.next()).await, Some(Ok(_))));
    let line = connector.logged("request").await;
    assert_eq!(line["cause"], "the caller is no longer let in");
}

#[tokio::test]
async fn a_tunnel_is_cut_when_the_drain_takes_too_long() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let connector = setup.with("[drain]\ntimeout = \"200ms\"").start().await;
    let mut socket = open(&connector).await;
    let rest = connector.stop().await;
    assert!(!matches!(patient(socket.next()).await, Some(Ok(_))));
    let drained = rest.iter().find(|line| line["message"] == "drained");
    assert_eq!(drained.unwrap()["cut"], 1);
}
