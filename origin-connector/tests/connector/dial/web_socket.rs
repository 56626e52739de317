//! A gateway behind a web server: tunnels are WebSockets.

use std::net::SocketAddr;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Asked};
use tokio_tungstenite::tungstenite::http::Response;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

use super::gateway::{ALPN, Gateway};
use super::{gateway, setup};
use crate::admin::{admin_address, ask};
use crate::authority::Authority;
use crate::client::{Client, full, problem};
use crate::origin::Origin;
use crate::program::{Running, Setup, patient};

const HOST: &str = "edge.bank.example";

type Socket = WebSocketStream<TlsStream<TcpStream>>;

fn section(gateway: SocketAddr, more: &str) -> String {
    format!(
        "[[dial]]\nname = \"edge\"\ngateway = \"wss://{gateway}\"\nidentity = \"dns:{HOST}\"\n\
         tunnels = 1\nkeep_alive = \"500ms\"\nbackoff = \"500ms\"\n{more}\n"
    )
}

/// A connector whose backend is for the host, and the web server of that host, of an authority that is
/// not that of callers.
async fn scene(origin: &Origin, caller: &str) -> (Running, Gateway) {
    let mut setup = Setup::new().backend_for("accounts", origin.address, caller, "");
    setup.listens = false;
    let web = Authority::new();
    let leaf = web.issue(&[HOST, "www.bank.example"]);
    let gateway = Gateway::speaking(&leaf, &setup.mesh, "http/1.1").await;
    setup.write("web.pem", &web.pem());
    let section = section(gateway.address, "authority = \"web.pem\"");
    (setup.with(&section).start().await, gateway)
}

/// The next connection, once it is a WebSocket.
#[expect(
    clippy::result_large_err,
    reason = "the handshake's callback has the error that it has"
)]
async fn socket(gateway: &Gateway) -> Socket {
    let stream = gateway.next().await.unwrap();
    let (_, session) = stream.get_ref();
    assert_eq!(session.server_name(), Some(HOST));
    assert!(session.peer_certificates().is_some());
    let protocol = |asked: &Asked, mut answer: Response<()>| {
        assert_eq!(asked.uri().path(), "/.well-known/tidegate-tunnel");
        let host = asked.headers()["host"].to_str().unwrap();
        assert!(host.starts_with(HOST), "{host}");
        let protocol = &asked.headers()["sec-websocket-protocol"];
        assert_eq!(protocol, ALPN);
        let headers = answer.headers_mut();
        headers.insert("sec-websocket-protocol", protocol.clone());
        Ok(answer)
    };
    patient(accept_hdr_async(stream, protocol)).await.unwrap()
}

/// HTTP/2 over a WebSocket.
async fn over(mut socket: Socket) -> Client {
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let (mut reader, mut writer) = tokio::io::split(near);
        let mut octets = vec![0; 16 * 1024];
        loop {
            tokio::select! {
                message = socket.next() => match message {
                    Some(Ok(message)) => {
                        if writer.write_all(&message.into_data()).await.is_err() {
                            break;
                        }
                    }
                    None | Some(Err(_)) => break,
                },
                length = reader.read(&mut octets) => {
                    let octets = Bytes::copy_from_slice(&octets[..length.unwrap()]);
                    if octets.is_empty() || socket.send(Message::Binary(octets)).await.is_err() {
                        break;
                    }
                }
            }
        }
    });
    let io = TokioIo::new(far);
    let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    Client::Http2(sender)
}

#[tokio::test]
async fn requests_come_in_over_a_web_socket() {
    let origin = Origin::start().await;
    let (mut connector, gateway) = scene(&origin, &format!("dns:{HOST}")).await;
    let admin = admin_address(&mut connector).await;
    let mut tunnel = over(socket(&gateway).await).await;
    assert_eq!(tunnel.get("/").await, (200, "origin".into()));
    assert_eq!(ask(admin, "/readyz").await.0, 200);
    // Of the certificate's names the one that was dialled counts, and no other.
    let told = &origin.only_head()["x-forwarded-client-cert"];
    let told = told.to_str().unwrap();
    assert!(told.contains(&format!("DNS={HOST}")), "{told}");
    assert!(!told.contains("www"), "{told}");
    let line = connector.logged("request").await;
    assert_eq!(line["identity"], format!("dns:{HOST}"));
    // Larger than any window, in both directions.
    let body = vec![7; 1 << 20];
    let request = Request::post("/echo").body(full(body.clone())).unwrap();
    let (status, back) = crate::client::read(tunnel.send(request).await).await;
    assert_eq!((status, back.len()), (200, body.len()));
    // The caller's authorities have no say about it, neither now nor after a reload.
    connector.setup.write("edge.pem", &Authority::new().pem());
    connector.logged("certificates reloaded").await;
    assert_eq!(tunnel.get("/").await.0, 200);
}

#[tokio::test]
async fn a_host_may_reach_what_its_name_may() {
    let origin = Origin::start().await;
    let (_connector, gateway) = scene(&origin, "dns:www.bank.example").await;
    let mut tunnel = over(socket(&gateway).await).await;
    let request = Request::get("/").body(full("")).unwrap();
    let refused = problem(tunnel.send(request).await).await;
    assert_eq!(refused, (403, "caller-refused".into()));
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn a_web_socket_that_ends_is_dialled_again() {
    let origin = Origin::start().await;
    let (mut connector, gateway) = scene(&origin, &format!("dns:{HOST}")).await;
    // Text, a message that is too large, and what is no HTTP/2.
    for message in [
        Message::text("hello"),
        Message::Binary(vec![0; (1 << 20) + 1].into()),
        Message::Binary(Bytes::from_static(b"GET / HTTP/1.1\r\n\r\n")),
        Message::Close(None),
    ] {
        let mut socket = socket(&gateway).await;
        // The connector may have gone before all of it is out.
        let _ = socket.send(message).await;
        let rest = async { while let Some(Ok(_)) = socket.next().await {} };
        patient(rest).await;
        connector.logged("tunnel closed").await;
    }
    let mut tunnel = over(socket(&gateway).await).await;
    assert_eq!(tunnel.get("/").await.0, 200);
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
#[expect(
    clippy::result_large_err,
    reason = "the handshake's callback has the error that it has"
)]
async fn a_web_server_that_takes_no_tunnel_is_told_from_one_that_takes_not_this() {
    let origin = Origin::start().await;
    let (mut connector, gateway) = scene(&origin, &format!("dns:{HOST}")).await;
    for (status, reason) in [
        (401, "refused"),
        (403, "declined"),
        (503, "declined"),
        (404, "no-tunnels"),
    ] {
        let stream = gateway.next().await.unwrap();
        let refuse = |_: &Asked, _| {
            let answer = Response::builder().status(status);
            Err::<Response<()>, ErrorResponse>(answer.body(None).unwrap())
        };
        let refused = patient(accept_hdr_async(stream, refuse)).await;
        assert!(matches!(refused, Err(Error::Http(_))), "{refused:?}");
        let line = connector.logged("no tunnel").await;
        assert_eq!(line["reason"], reason, "{status}");
    }
    let mut stream = gateway.next().await.unwrap();
    stream.write_all(b"SSH-2.0-what\r\n\r\n").await.unwrap();
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "no-tunnels");
}

#[tokio::test]
async fn a_host_that_proves_nothing_does_not_see_a_certificate() {
    let origin = Origin::start().await;
    // One of the right name and another authority, and one of another name.
    let web = Authority::new();
    for (leaf, authority, reason) in [
        (
            Authority::new().issue(&[HOST]),
            "web.pem",
            "unknown-authority",
        ),
        (
            web.issue(&["www.bank.example"]),
            "web.pem",
            "wrong-identity",
        ),
        (web.issue_expired(&[HOST]), "web.pem", "expired"),
        // Who may come in is not who may be dialled here: the public authorities know none of these.
        (web.issue(&[HOST]), "", "unknown-authority"),
    ] {
        let setup = setup(&origin);
        setup.write("web.pem", &web.pem());
        let gateway = Gateway::speaking(&leaf, &setup.mesh, "http/1.1").await;
        let more = match authority {
            "" => String::new(),
            path => format!("authority = \"{path}\""),
        };
        let section = section(gateway.address, &more);
        let mut connector = setup.with(&section).start().await;
        let (line, accepted) = tokio::join!(connector.logged("no tunnel"), gateway.next());
        assert!(accepted.is_err());
        assert_eq!(line["reason"], reason);
    }
}

#[tokio::test]
async fn a_native_gateway_is_no_web_server() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    setup.write("web.pem", &setup.edge.pem());
    let gateway = gateway(&setup).await;
    let section = section(gateway.address, "authority = \"web.pem\"");
    let mut connector = setup.with(&section).start().await;
    let (line, accepted) = tokio::join!(connector.logged("no tunnel"), gateway.next());
    assert!(accepted.is_err());
    assert_eq!(line["reason"], "no-tunnels");
}
