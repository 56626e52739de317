//! Another configuration while serving.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;

use http::Request;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::admin::{admin_address, ask};
use crate::authority::GATEWAY_ID;
use crate::client::{Client, connect, full, problem, read};
use crate::dial::{gateway, section};
use crate::origin::Origin;
use crate::program::{Running, Setup, in_front_of, patient};
use crate::tcp::{echo, reads, terminating};

const REFUSED: &str = "configuration not reloaded, the one in force stays";

/// Changes the file and asks for it to be read again.
fn ask_for(connector: &Running, change: impl FnOnce(String) -> String) {
    let path = connector.setup.path("connector.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    connector.setup.write("connector.toml", &change(text));
    connector.signal("-HUP");
}

async fn reload(connector: &mut Running, change: impl FnOnce(String) -> String) {
    ask_for(connector, change);
    connector.logged("configuration reloaded").await;
}

/// The reason why a change is refused.
async fn refusal(connector: &mut Running, change: impl FnOnce(String) -> String) -> String {
    ask_for(connector, change);
    let line = connector.logged(REFUSED).await;
    line["error"].as_str().unwrap().to_owned()
}

fn backend(name: &str, address: SocketAddr, more: &str) -> String {
    format!(
        "[[backend]]\nname = \"{name}\"\naddress = \"http://{address}\"\nallow = [\"{GATEWAY_ID}\"]\n\
         path_prefix = \"/{name}\"\n{more}\n"
    )
}

async fn metric(admin: SocketAddr, series: &str) -> Option<f64> {
    let (_, text) = ask(admin, "/metrics").await;
    let value = |line: &str| {
        let value = line.strip_prefix(series)?.strip_prefix(' ')?;
        Some(value.parse().unwrap())
    };
    text.lines().find_map(value)
}

/// The status of an answer that is a refusal, on a connection that was there before.
async fn refused(client: &mut Client, path: &str) -> (u16, String) {
    let request = Request::get(path).body(full("")).unwrap();
    problem(client.send(request).await).await
}

#[tokio::test]
async fn what_is_allowed_counts_from_the_next_request_on() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let mut client = connector.http1().await;
    assert_eq!(client.get("/").await.0, 200);
    let another = "spiffe://edge.example/another";
    reload(&mut connector, |text| text.replace(GATEWAY_ID, another)).await;
    assert_eq!(
        refused(&mut client, "/").await,
        (403, "caller-refused".into())
    );
    reload(&mut connector, |text| text.replace(another, GATEWAY_ID)).await;
    assert_eq!(client.get("/").await.0, 200);
    // All that over the connection that was there, on both sides.
    assert_eq!(origin.accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_configuration_that_does_not_hold_changes_nothing_and_is_explained() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    let good = std::fs::read_to_string(connector.setup.path("connector.toml")).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = taken.local_addr().map(|address| (taken, address)).unwrap();
    let accounts = backend("more", origin.address, "");
    let listed = "endpoints_file = \"none\"";
    for (bad, said) in [
        ("[limit]\n".to_owned(), "unknown field `limit`"),
        (
            accounts.replace(&format!("\"{GATEWAY_ID}\""), "\"nobody\""),
            "connector.toml:",
        ),
        (backend("more", origin.address, listed), "none: No such"),
        (
            terminating(&[origin.address]).replace("127.0.0.1:0", &taken.1.to_string()),
            "cannot listen on `127.0.0.1:",
        ),
        (
            "[policy]\nbundle = \"none\"\ntrust = \"none\"\n".to_owned(),
            "none",
        ),
    ] {
        // What is good beside it does not count either.
        let more = backend("added", origin.address, "");
        let error = refusal(&mut connector, |_| format!("{good}{more}{bad}")).await;
        assert!(error.contains(said), "{error}");
        assert_eq!(client.get("/added").await.0, 200, "by the backend for all");
        let line = connector.logged("request").await;
        assert_eq!(line["backend"], "accounts");
    }
    let bad = |text: String| text.replace("server.key", "another.key");
    let error = refusal(&mut connector, |_| bad(good.clone())).await;
    assert!(error.contains("another.key"), "{error}");
    let count = "tidegate_connector_config_reloads_total";
    let failed = format!("{count}{{result=\"refused\"}}");
    assert_eq!(metric(admin, &failed).await, Some(6.0));
    assert_eq!(
        metric(admin, &format!("{count}{{result=\"loaded\"}}")).await,
        None
    );
    let at = "tidegate_connector_config_last_reload_success_timestamp_seconds";
    let before = metric(admin, at).await.unwrap();
    reload(&mut connector, |_| good).await;
    assert!(metric(admin, at).await.unwrap() > before);
    assert_eq!(
        metric(admin, &format!("{count}{{result=\"loaded\"}}")).await,
        Some(1.0)
    );
    let endpoints = "tidegate_connector_endpoints{backend=\"added\",state=\"available\"}";
    assert_eq!(metric(admin, endpoints).await, None);
}

#[tokio::test]
async fn a_backend_comes_and_goes_and_finishes_what_is_under_way() {
    let origin = Origin::start().await;
    let more = Origin::start().await;
    let mut connector = Setup::new()
        .backend("accounts", origin.address, "path_prefix = \"/accounts\"")
        .start()
        .await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    let unknown = (404, "backend-unknown".to_owned());
    assert_eq!(refused(&mut client, "/gate").await, unknown);
    let added = backend("gate", more.address, "");
    reload(&mut connector, |text| text + &added).await;
    let gate = Request::get("/gate").body(full("")).unwrap();
    let mut other = connector.http2().await;
    let under_way = tokio::spawn(async move { read(other.send(gate).await).await });
    patient(async {
        while more.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let endpoints = "tidegate_connector_endpoints{backend=\"gate\",state=\"available\"}";
    assert_eq!(metric(admin, endpoints).await, Some(1.0));
    reload(&mut connector, |text| text.replace(&added, "")).await;
    assert_eq!(refused(&mut client, "/gate").await, unknown);
    assert_eq!(metric(admin, endpoints).await, None);
    more.gate.add_permits(1);
    let answer = patient(under_way).await.unwrap();
    assert_eq!(answer, (200, "opened".into()));
    assert_eq!(client.get("/accounts").await.0, 200);
}

#[tokio::test]
async fn what_stays_keeps_its_connections_and_its_standing() {
    let origin = Origin::start().await;
    let bad = Origin::start().await;
    let listed = |retry: &str| {
        format!(
            "endpoints = [\"{}\", \"{}\"]\nejection = {{ failures = 1, time = \"1h\", max_time = \"1h\" }}\n{retry}\n",
            origin.address, bad.address
        )
    };
    let text = listed("");
    let mut connector = Setup::new()
        .backend_at("accounts", "http://unused.invalid", &text)
        .start()
        .await;
    let admin = admin_address(&mut connector).await;
    let mut client = connector.http2().await;
    // Whoever gets it is left out for an hour.
    assert_eq!(client.get("/unavailable").await.0, 503);
    let ejected = "tidegate_connector_endpoints{backend=\"accounts\",state=\"ejected\"}";
    assert_eq!(metric(admin, ejected).await, Some(1.0));
    assert_eq!(client.get("/").await.0, 200);
    let connections = || [&origin, &bad].map(|one| one.accepted.load(Ordering::Relaxed));
    let before = connections();
    // Nothing that concerns the backend, then what does.
    let more = backend("more", origin.address, "");
    for change in [
        more.as_str(),
        "[backend.retry]\nattempts = 3\n",
        "[dns]\ntimeout = \"1s\"\n",
    ] {
        reload(&mut connector, |text| {
            match change.starts_with("[backend") {
                true => text.replace(
                    "[[backend]]\nname = \"more\"",
                    &format!("{change}[[backend]]\nname = \"more\""),
                ),
                false => text + change,
            }
        })
        .await;
        for _ in 0..10 {
            assert_eq!(client.get("/").await.0, 200);
        }
        assert_eq!(metric(admin, ejected).await, Some(1.0), "{change}");
        assert_eq!(connections(), before, "{change}");
    }
}

#[tokio::test]
async fn other_limits_are_for_what_is_under_way_too() {
    let origin = Origin::start().await;
    let mut connector = Setup::new()
        .backend("accounts", origin.address, "limits = { requests = 2 }")
        .start()
        .await;
    let gate = || Request::get("/gate").body(full("")).unwrap();
    let mut under_way = Vec::new();
    for _ in 0..2 {
        let mut client = connector.http2().await;
        let request = gate();
        under_way.push(tokio::spawn(async move {
            read(client.send(request).await).await
        }));
    }
    patient(async {
        while origin.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut client = connector.http2().await;
    let overloaded = (503, "origin-overloaded".to_owned());
    assert_eq!(refused(&mut client, "/").await, overloaded);
    reload(&mut connector, |text| {
        text.replace("requests = 2", "requests = 3")
    })
    .await;
    assert_eq!(client.get("/").await.0, 200);
    reload(&mut connector, |text| {
        text.replace("requests = 3", "requests = 1")
    })
    .await;
    origin.gate.add_permits(1);
    connector.logged("request").await;
    assert_eq!(refused(&mut client, "/").await, overloaded);
    origin.gate.add_permits(1);
    for under_way in under_way {
        assert_eq!(patient(under_way).await.unwrap().0, 200);
    }
    patient(async { while client.get("/").await.0 != 200 {} }).await;
}

#[tokio::test]
async fn a_listener_comes_and_goes() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let ledger = echo("ledger ", None).await;
    let tcp = terminating(&[ledger]);
    let drain = "[drain]\ntimeout = \"300ms\"\n";
    ask_for(&connector, |text| format!("{text}{tcp}{drain}"));
    let line = connector.logged("forwarding connections").await;
    let address: SocketAddr = line["address"].as_str().unwrap().parse().unwrap();
    connector.logged("configuration reloaded").await;
    let open = async |connector: &Running| {
        let mesh = &connector.setup.mesh;
        let stream = connect(address, mesh, Some(&connector.gateway), "ledger").await;
        stream.unwrap()
    };
    let mut stream = open(&connector).await;
    reads(&mut stream, "ledger ").await;
    // Another list of callers counts for the next connection.
    let another = "spiffe://edge.example/another";
    let only = |text: String| text.replace(&tcp, &tcp.replace(GATEWAY_ID, another));
    reload(&mut connector, only).await;
    let mut refused = open(&connector).await;
    assert!(!matches!(patient(refused.read(&mut [0])).await, Ok(1..)));
    assert_eq!(
        connector.logged("connection").await["result"],
        "caller-refused"
    );
    reload(&mut connector, |text| {
        text.replace(&tcp.replace(GATEWAY_ID, another), "")
    })
    .await;
    // What is under way has as long as at the connector's own end.
    stream.write_all(b"entry").await.unwrap();
    reads(&mut stream, "entry").await;
    let line = connector.logged("connection").await;
    assert_eq!(line["result"], "cut");
    assert!(!matches!(patient(stream.read(&mut [0])).await, Ok(1..)));
    assert!(TcpStream::connect(address).await.is_err());
    connector.stop().await;
}

#[tokio::test]
async fn the_listener_for_gateways_moves() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let mut old = connector.http1().await;
    assert_eq!(old.get("/").await.0, 200);
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let listen = format!("listen = \"{address}\"");
    reload(&mut connector, |text| {
        text.replace("listen = \"127.0.0.1:0\"", &listen)
    })
    .await;
    let before = std::mem::replace(&mut connector.address, address);
    assert_eq!(connector.http2().await.get("/").await.0, 200);
    assert_eq!(old.get("/").await.0, 200);
    patient(async { while TcpStream::connect(before).await.is_ok() {} }).await;
    // The same address under another purpose needs no other socket.
    let ledger = echo("ledger ", None).await;
    let tcp = terminating(&[ledger]).replace("127.0.0.1:0", &address.to_string());
    reload(&mut connector, |text| {
        text.replace(&listen, "listen = \"127.0.0.1:0\"") + &tcp
    })
    .await;
    let mesh = &connector.setup.mesh;
    let stream = connect(address, mesh, Some(&connector.gateway), "ledger").await;
    reads(&mut stream.unwrap(), "ledger ").await;
}

#[tokio::test]
async fn a_gateway_is_dialled_and_let_go_of() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let (first, second) = (gateway(&setup).await, gateway(&setup).await);
    let mut connector = setup.start().await;
    let admin = admin_address(&mut connector).await;
    let dial = section("edge", first.address, 1);
    reload(&mut connector, |text| text + &dial).await;
    let mut tunnel = first.tunnel().await;
    assert_eq!(tunnel.get("/").await.0, 200);
    let gate = Request::get("/gate").body(full("")).unwrap();
    let under_way = tokio::spawn(async move { (read(tunnel.send(gate).await).await, tunnel) });
    patient(async {
        while origin.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Another gateway of the name: there is a tunnel to it before the other one goes.
    let other = section("edge", second.address, 1);
    reload(&mut connector, |text| text.replace(&dial, &other)).await;
    let mut new = second.tunnel().await;
    assert_eq!(new.get("/").await.0, 200);
    origin.gate.add_permits(1);
    let (answer, mut tunnel) = patient(under_way).await.unwrap();
    assert_eq!(answer, (200, "opened".into()));
    patient(tunnel.closed()).await;
    let tunnels = "tidegate_connector_tunnels{dial=\"edge\"}";
    assert_eq!(metric(admin, tunnels).await, Some(1.0));
    reload(&mut connector, |text| text.replace(&other, "")).await;
    patient(new.closed()).await;
    assert_eq!(metric(admin, tunnels).await, None);
    let closed: Value = connector.logged("tunnel closed").await;
    assert_eq!(closed["dial"], "edge");
    connector.stop().await;
}

#[tokio::test]
async fn a_backend_that_is_gone_keeps_no_connection() {
    let other = Origin::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = backend("gone", listener.local_addr().unwrap(), "");
    let mut connector = Setup::new()
        .backend("accounts", other.address, "")
        .with(&gone)
        .start()
        .await;
    let mut client = connector.http1().await;
    let origin = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        stream
    });
    assert_eq!(client.get("/gone").await.0, 200);
    let mut stream = origin.await.unwrap();
    reload(&mut connector, |text| text.replace(&gone, "")).await;
    let end = patient(stream.read_u8()).await.unwrap_err();
    assert_eq!(end.kind(), std::io::ErrorKind::UnexpectedEof);
    connector.stop().await;
}
