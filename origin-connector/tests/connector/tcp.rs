//! Connections that are forwarded as they are.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ClientConfig, ServerConfig};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::admin::{admin_address, ask};
use crate::authority::{Authority, CONNECTOR_ID, GATEWAY_ID, Leaf};
use crate::client::{connect, refused};
use crate::failure::nowhere;
use crate::mesh::{MESH, enrol};
use crate::origin::{Origin, mutual};
use crate::program::{Running, Setup, patient};

const LEDGER_ID: &str = "spiffe://bank.example/ledger";

/// Says its name, then sends back what it gets.
pub(crate) async fn echo(name: &'static str, tls: Option<TlsAcceptor>) -> SocketAddr {
    async fn serve(name: &str, stream: impl AsyncRead + AsyncWrite) {
        let (mut reader, mut writer) = tokio::io::split(stream);
        writer.write_all(name.as_bytes()).await.unwrap();
        let _ = tokio::io::copy(&mut reader, &mut writer).await;
        let _ = writer.shutdown().await;
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let tls = tls.clone();
            tokio::spawn(async move {
                match tls {
                    None => serve(name, stream).await,
                    Some(tls) => {
                        // Who does not shake hands is not served.
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(name, stream).await;
                        }
                    }
                }
            });
        }
    });
    address
}

/// A connector that forwards.
struct Forwarding {
    connector: Running,
    admin: SocketAddr,
    /// Where its `[[tcp]]` listens.
    address: SocketAddr,
}

async fn start(setup: Setup, tcp: &str) -> Forwarding {
    let origin = Origin::start().await;
    let setup = setup.backend("accounts", origin.address, "");
    let mut connector = setup.with(tcp).start().await;
    let admin = admin_address(&mut connector).await;
    let line = connector.logged("forwarding connections").await;
    let address = line["address"].as_str().unwrap().parse().unwrap();
    Forwarding {
        connector,
        admin,
        address,
    }
}

impl Forwarding {
    async fn connect(&self, leaf: &Leaf) -> TlsStream<TcpStream> {
        let mesh = &self.connector.setup.mesh;
        // Whatever protocol it says that it speaks.
        let stream = connect(self.address, mesh, Some(leaf), "postgresql").await;
        stream.unwrap()
    }

    async fn logged(&mut self) -> Value {
        self.connector.logged("connection").await
    }
}

pub(crate) fn terminating(endpoints: &[SocketAddr]) -> String {
    let list: Vec<String> = endpoints.iter().map(|one| format!("\"{one}\"")).collect();
    let list = list.join(", ");
    format!(
        "[[tcp]]\nname = \"ledger\"\nlisten = \"127.0.0.1:0\"\n[tcp.terminate]\n\
         address = \"192.0.2.1:5432\"\nendpoints = [{list}]\nallow = [\"{GATEWAY_ID}\"]\n"
    )
}

pub(crate) async fn reads(stream: &mut (impl AsyncRead + Unpin), expected: &str) {
    let mut octets = vec![0; expected.len()];
    patient(stream.read_exact(&mut octets)).await.unwrap();
    assert_eq!(String::from_utf8(octets).unwrap(), expected);
}

#[tokio::test]
async fn mutual_tls_ends_here_and_what_is_inside_goes_on() {
    let ledger = echo("ledger ", None).await;
    // An endpoint that cannot be reached costs no connection.
    let endpoints = [ledger, nowhere().await];
    let mut forwarding = start(Setup::new(), &terminating(&endpoints)).await;
    for _ in 0..5 {
        let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
        reads(&mut stream, "ledger ").await;
        stream.write_all(b"entry").await.unwrap();
        reads(&mut stream, "entry").await;
        stream.shutdown().await.unwrap();
        assert_eq!(patient(stream.read(&mut [0])).await.unwrap(), 0);
        let line = forwarding.logged().await;
        assert_eq!(line["listener"], "ledger");
        assert_eq!(line["identity"], GATEWAY_ID);
        assert_eq!(line["endpoint"], ledger.to_string());
        assert_eq!(line["result"], "complete", "{line}");
        assert_eq!(
            (&line["octets_sent"], &line["octets_received"]),
            (&5.into(), &12.into())
        );
    }
    let (_, text) = ask(forwarding.admin, "/metrics").await;
    for line in [
        "tidegate_connector_tcp_connections_total{listener=\"ledger\",result=\"complete\"} 5",
        "tidegate_connector_tcp_open{listener=\"ledger\"} 0",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn who_may_not_connect_reaches_nothing() {
    let ledger = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = ledger.local_addr().unwrap();
    let mut forwarding = start(Setup::new(), &terminating(&[endpoint])).await;
    let setup = &forwarding.connector.setup;
    let other = setup.edge.issue(&["spiffe://edge.example/other"]);
    let mut stream = forwarding.connect(&other).await;
    let ended = patient(stream.read(&mut [0])).await;
    assert!(!matches!(ended, Ok(1..)), "{ended:?}");
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "caller-refused");
    let stranger = Authority::new().issue(&[GATEWAY_ID]);
    refused(
        forwarding.address,
        &forwarding.connector.setup.mesh,
        Some(&stranger),
    )
    .await;
    let line = forwarding.connector.logged("handshake refused").await;
    assert_eq!(line["reason"], "unknown-authority");
    let nobody = std::future::poll_fn(|cx| std::task::Poll::Ready(ledger.poll_accept(cx)));
    assert!(nobody.await.is_pending());
}

#[tokio::test]
async fn a_caller_that_is_revoked_is_cut_off() {
    let ledger = echo("ledger ", None).await;
    let setup = Setup::new();
    let list = setup.edge.revoke(&[], 3600);
    let mut forwarding = start(setup.revoking(&list), &terminating(&[ledger])).await;
    let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
    reads(&mut stream, "ledger ").await;
    let Running { setup, gateway, .. } = &forwarding.connector;
    setup.write("edge.crl", &setup.edge.revoke(&[gateway], 3600));
    assert!(!matches!(patient(stream.read(&mut [0])).await, Ok(1..)));
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "caller-disowned");
}

#[tokio::test]
async fn a_connection_that_stands_still_is_closed() {
    let ledger = echo("ledger ", None).await;
    let tcp = terminating(&[ledger]) + "[limits]\nidle_timeout = \"200ms\"\n";
    let mut forwarding = start(Setup::new(), &tcp).await;
    let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
    reads(&mut stream, "ledger ").await;
    assert!(!matches!(patient(stream.read(&mut [0])).await, Ok(1..)));
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "idle");
}

#[tokio::test]
async fn what_is_under_way_is_finished_and_no_more_is_taken() {
    let ledger = echo("ledger ", None).await;
    let mut forwarding = start(Setup::new(), &terminating(&[ledger])).await;
    let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
    reads(&mut stream, "ledger ").await;
    forwarding.connector.signal("-TERM");
    forwarding.connector.logged("draining").await;
    stream.write_all(b"entry").await.unwrap();
    reads(&mut stream, "entry").await;
    stream.shutdown().await.unwrap();
    assert_eq!(patient(stream.read(&mut [0])).await.unwrap(), 0);
    let address = forwarding.address;
    let (status, rest) = forwarding.connector.ended().await;
    assert!(status.success());
    let drained = rest.iter().find(|line| line["message"] == "drained");
    assert_eq!(drained.unwrap()["cut"], 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_end_of_the_drain() {
    let ledger = echo("ledger ", None).await;
    let tcp = terminating(&[ledger]) + "[drain]\ntimeout = \"200ms\"\n";
    let forwarding = start(Setup::new(), &tcp).await;
    let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
    reads(&mut stream, "ledger ").await;
    let rest = forwarding.connector.stop().await;
    assert!(!matches!(patient(stream.read(&mut [0])).await, Ok(1..)));
    let line = rest.iter().find(|line| line["message"] == "connection");
    assert_eq!(line.unwrap()["result"], "cut");
}

/// A service of its own, with TLS that the connector has no part in.
async fn secure(authority: &Authority, name: &'static str) -> SocketAddr {
    let leaf = authority.issue(&[name]);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.certificate.clone()], leaf.key())
        .unwrap();
    echo(name, Some(TlsAcceptor::from(Arc::new(config)))).await
}

/// A client of such a service, by way of the connector.
async fn ask_for(
    address: SocketAddr,
    authority: &Authority,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority.roots())
        .with_no_client_auth();
    let stream = TcpStream::connect(address).await.unwrap();
    let tls = TlsConnector::from(Arc::new(config));
    patient(tls.connect(name.try_into().unwrap(), stream)).await
}

fn passing(targets: &[(&str, SocketAddr)]) -> String {
    let mut text = "[[tcp]]\nname = \"partners\"\nlisten = \"127.0.0.1:0\"\n".to_owned();
    for (name, address) in targets {
        text +=
            &format!("[[tcp.pass_through]]\nserver_name = \"{name}\"\naddress = \"{address}\"\n");
    }
    text
}

#[tokio::test]
async fn tls_goes_on_to_who_is_asked_for() {
    let authority = Authority::new();
    let names = ["one.partner.example", "two.partner.example"];
    let one = secure(&authority, names[0]).await;
    let two = secure(&authority, names[1]).await;
    let tcp = passing(&[(names[0], one), (names[1], two)]);
    let mut forwarding = start(Setup::new(), &tcp).await;
    for (name, endpoint) in [(names[0], one), (names[1], two)] {
        let stream = ask_for(forwarding.address, &authority, name).await;
        let mut stream = stream.unwrap();
        reads(&mut stream, name).await;
        stream.write_all(b"hello").await.unwrap();
        reads(&mut stream, "hello").await;
        stream.shutdown().await.unwrap();
        assert_eq!(patient(stream.read(&mut [0])).await.unwrap(), 0);
        let line = forwarding.logged().await;
        assert_eq!(line["server_name"], name);
        assert_eq!(line["endpoint"], endpoint.to_string());
        assert_eq!(line["result"], "complete", "{line}");
    }
}

#[tokio::test]
async fn a_name_that_nobody_has_is_told_so() {
    let authority = Authority::new();
    let one = secure(&authority, "one.partner.example").await;
    let tcp = passing(&[("one.partner.example", one)]);
    let mut forwarding = start(Setup::new(), &tcp).await;
    let answer = ask_for(forwarding.address, &authority, "other.partner.example").await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("UnrecognisedName"), "{error}");
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "server-name-unknown");
    assert_eq!(line["server_name"], "other.partner.example");
}

#[tokio::test]
async fn a_client_that_says_nothing_or_nonsense_is_not_waited_for() {
    let tcp = passing(&[("one.partner.example", nowhere().await)])
        + "[limits]\nhandshake_timeout = \"200ms\"\n";
    let mut forwarding = start(Setup::new(), &tcp).await;
    for (said, cause) in [
        ("", "the client took too long to say whom it asks for"),
        ("GET / HTTP/1.1\r\n\r\n", "the client does not speak TLS"),
    ] {
        let mut stream = TcpStream::connect(forwarding.address).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut told = Vec::new();
        let _ = patient(stream.read_to_end(&mut told)).await;
        let line = forwarding.logged().await;
        assert_eq!(line["result"], "no-client-hello");
        assert!(line["cause"].as_str().unwrap().starts_with(cause), "{line}");
    }
}

#[tokio::test]
async fn a_service_that_is_down_is_said_to_be() {
    let authority = Authority::new();
    let tcp = passing(&[("one.partner.example", nowhere().await)]);
    let mut forwarding = start(Setup::new(), &tcp).await;
    let answer = ask_for(forwarding.address, &authority, "one.partner.example").await;
    assert!(answer.is_err());
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "origin-unreachable");
    assert!(
        line["cause"].as_str().unwrap().contains("refused"),
        "{line}"
    );
}

/// The `[mesh]` of a connector, and a listener before a service of the mesh.
fn to_mesh(setup: &Setup, endpoint: SocketAddr, more: &str) -> String {
    enrol(setup, &setup.mesh.issue(&[CONNECTOR_ID]));
    terminating(&[endpoint]).replace(
        "address = \"192.0.2.1:5432\"",
        &format!("address = \"tls://ledger.mesh.example:5432\"\n{more}"),
    ) + MESH
}

#[tokio::test]
async fn what_is_inside_goes_on_over_the_tls_of_the_mesh() {
    for (names, identity) in [
        (&["ledger.mesh.example"][..], ""),
        (
            &[LEDGER_ID][..],
            "identity = \"spiffe://bank.example/ledger\"",
        ),
    ] {
        let setup = Setup::new();
        let leaf = setup.mesh.issue(names);
        // Who has no certificate of the mesh is not served.
        let ledger = echo("ledger ", Some(mutual(&setup.mesh, &leaf))).await;
        let tcp = to_mesh(&setup, ledger, identity);
        let mut forwarding = start(setup, &tcp).await;
        let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
        reads(&mut stream, "ledger ").await;
        stream.write_all(b"entry").await.unwrap();
        reads(&mut stream, "entry").await;
        stream.shutdown().await.unwrap();
        assert_eq!(patient(stream.read(&mut [0])).await.unwrap(), 0);
        let line = forwarding.logged().await;
        assert_eq!(line["result"], "complete", "{line}");
        assert_eq!(line["endpoint"], ledger.to_string());
    }
}

#[tokio::test]
async fn a_service_that_is_another_gets_nothing() {
    let stranger = Authority::new();
    for (by_mesh, name, reason) in [
        (true, "spiffe://bank.example/other", "NotValidForName"),
        (false, LEDGER_ID, "UnknownIssuer"),
    ] {
        let setup = Setup::new();
        let leaf = match by_mesh {
            true => setup.mesh.issue(&[name]),
            false => stranger.issue(&[name]),
        };
        let ledger = echo("ledger ", Some(mutual(&setup.mesh, &leaf))).await;
        let identity = format!("identity = \"{LEDGER_ID}\"");
        let tcp = to_mesh(&setup, ledger, &identity);
        let mut forwarding = start(setup, &tcp).await;
        let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
        assert!(!matches!(patient(stream.read(&mut [0])).await, Ok(1..)));
        let line = forwarding.logged().await;
        assert_eq!(line["result"], "origin-unreachable");
        let cause = line["cause"].as_str().unwrap();
        assert!(cause.contains(reason), "{cause}");
    }
}

#[tokio::test]
async fn a_connection_that_moves_lasts_as_long_as_it_may() {
    let ledger = echo("ledger ", None).await;
    let tcp = terminating(&[ledger]);
    let tcp = tcp.replace(
        "[tcp.terminate]",
        "max_duration = \"500ms\"\n[tcp.terminate]",
    );
    let mut forwarding = start(Setup::new(), &tcp).await;
    let began = Instant::now();
    let mut stream = forwarding.connect(&forwarding.connector.gateway).await;
    reads(&mut stream, "ledger ").await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let talk = async {
        while writer.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let listen = async {
        let mut octets = [0; 16];
        while matches!(reader.read(&mut octets).await, Ok(1..)) {}
    };
    patient(async {
        tokio::select! { () = talk => {} () = listen => {} }
    })
    .await;
    assert!(began.elapsed() >= Duration::from_millis(500));
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "too-long", "{line}");
    assert!(line["octets_sent"].as_u64().unwrap() > 1);
}

#[tokio::test]
async fn a_listener_has_bounds_of_its_own() {
    let ledger = echo("ledger ", None).await;
    let tcp = terminating(&[ledger]);
    let bounds = "connections = 1\nrate = \"3/h\"\n[tcp.terminate]";
    let tcp = tcp.replace("[tcp.terminate]", bounds);
    let mut forwarding = start(Setup::new(), &tcp).await;
    let gateway = forwarding.connector.setup.edge.issue(&[GATEWAY_ID]);
    let mut first = forwarding.connect(&gateway).await;
    reads(&mut first, "ledger ").await;
    // The second one waits for the first to end.
    {
        let second = forwarding.connect(&gateway);
        tokio::pin!(second);
        let waits = tokio::time::timeout(Duration::from_millis(200), second.as_mut());
        assert!(waits.await.is_err());
        // HTTP has its own.
        assert_eq!(forwarding.connector.http2().await.get("/").await.0, 200);
        drop(first);
        let mut second = patient(second).await;
        reads(&mut second, "ledger ").await;
    }
    let mut third = forwarding.connect(&gateway).await;
    reads(&mut third, "ledger ").await;
    drop(third);
    for _ in 0..3 {
        forwarding.logged().await;
    }
    // The fourth within the hour is let go of before its handshake.
    let mut stream = TcpStream::connect(forwarding.address).await.unwrap();
    assert!(!matches!(patient(stream.read(&mut [0])).await, Ok(1..)));
    let line = forwarding.logged().await;
    assert_eq!(line["result"], "rate-limited");
}
