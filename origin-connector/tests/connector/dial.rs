//! The connector that dials: gateways send requests over what it has opened.

mod gateway;
mod web_socket;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http::Request;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::admin::{admin_address, ask};
use crate::authority::{Authority, GATEWAY_ID, Leaf};
use crate::client::{full, problem, read};
use crate::origin::Origin;
use crate::program::{Running, Setup, patient};
use gateway::{ALPN, Gateway, PREFACE};

/// A section for a gateway.
pub(crate) fn section(name: &str, gateway: SocketAddr, tunnels: usize) -> String {
    format!(
        "[[dial]]\nname = \"{name}\"\ngateway = \"{gateway}\"\nidentity = \"{GATEWAY_ID}\"\n\
         tunnels = {tunnels}\nkeep_alive = \"500ms\"\nbackoff = \"500ms\"\n"
    )
}

/// A connector that listens nowhere.
fn setup(origin: &Origin) -> Setup {
    let mut setup = Setup::new().backend("accounts", origin.address, "");
    setup.listens = false;
    setup
}

/// A gateway that the connector of a setup lets in, and that lets the connector in.
pub(crate) async fn gateway(setup: &Setup) -> Gateway {
    Gateway::start(&setup.edge.issue(&[GATEWAY_ID]), &setup.mesh).await
}

async fn dials(setup: Setup, gateway: &Gateway) -> Running {
    let section = section("edge", gateway.address, 1);
    setup.with(&section).start().await
}

#[tokio::test]
async fn requests_come_in_over_what_the_connector_has_opened() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let gateway = gateway(&setup).await;
    let mut connector = dials(setup, &gateway).await;
    let admin = admin_address(&mut connector).await;
    assert_eq!(ask(admin, "/readyz").await, (503, "no tunnel\n".into()));
    let mut tunnel = gateway.tunnel().await;
    assert_eq!(tunnel.get("/").await, (200, "origin".into()));
    assert_eq!(ask(admin, "/readyz").await.0, 200);
    let told = &origin.only_head()["x-forwarded-client-cert"];
    assert!(
        told.to_str()
            .unwrap()
            .contains(&format!("URI={GATEWAY_ID}"))
    );
    let line = connector.logged("request").await;
    assert_eq!(line["identity"], GATEWAY_ID);
    let (_, text) = ask(admin, "/metrics").await;
    for line in [
        "tidegate_connector_tunnels{dial=\"edge\"} 1",
        "tidegate_connector_dials_total{dial=\"edge\",result=\"opened\"} 1",
    ] {
        assert!(text.lines().any(|have| have == line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn a_gateway_may_reach_over_a_tunnel_what_it_may_reach_otherwise_and_no_more() {
    let origin = Origin::start().await;
    let mut setup = Setup::new().backend_for(
        "accounts",
        origin.address,
        "spiffe://edge.example/another",
        "",
    );
    setup.listens = false;
    let gateway = gateway(&setup).await;
    let _connector = dials(setup, &gateway).await;
    let mut tunnel = gateway.tunnel().await;
    let request = Request::get("/").body(full("")).unwrap();
    let refused = problem(tunnel.send(request).await).await;
    assert_eq!(refused, (403, "caller-refused".into()));
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn several_tunnels_stand_to_each_of_several_gateways() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let gateways = [gateway(&setup).await, gateway(&setup).await];
    let sections = [("one", &gateways[0]), ("two", &gateways[1])]
        .map(|(name, gateway)| section(name, gateway.address, 3));
    let _connector = setup.with(&sections.concat()).start().await;
    let mut tunnels = Vec::new();
    for gateway in &gateways {
        for _ in 0..3 {
            tunnels.push(gateway.tunnel().await);
        }
    }
    for tunnel in &mut tunnels {
        assert_eq!(tunnel.get("/").await.0, 200);
    }
    assert_eq!(origin.seen().len(), 6);
}

#[tokio::test]
async fn a_gateway_that_was_away_is_dialled_again() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let leaf = setup.edge.issue(&[GATEWAY_ID]);
    let first = Gateway::start(&leaf, &setup.mesh).await;
    let address = first.address;
    let mut connector = dials(setup, &first).await;
    let mut tunnel = first.tunnel().await;
    assert_eq!(tunnel.get("/").await.0, 200);
    drop((tunnel, first));
    connector.logged("tunnel closed").await;
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "unreachable");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let back = Instant::now();
    let second = Gateway::on(listener, &leaf, &connector.setup.mesh, ALPN);
    assert_eq!(second.tunnel().await.get("/").await.0, 200);
    // The longest pause is `backoff`, 500 ms, however long it was away.
    assert!(back.elapsed() < Duration::from_secs(2));
}

/// Why there is no tunnel to a gateway, as the log says.
async fn refusal(setup: Setup, gateway: &Gateway) -> String {
    let mut connector = dials(setup, gateway).await;
    let reason = async {
        let line = connector.logged("no tunnel").await;
        line["reason"].as_str().unwrap().to_owned()
    };
    let (reason, accepted) = tokio::join!(reason, gateway.next());
    // A reason that a client has for itself is an alert to the server.
    drop(accepted);
    reason
}

#[tokio::test]
async fn a_gateway_that_would_not_be_let_in_is_not_spoken_to() {
    let origin = Origin::start().await;
    type Issue = fn(&Setup) -> Leaf;
    let cases: [(&str, Issue); 4] = [
        ("unknown-authority", |_| {
            Authority::new().issue(&[GATEWAY_ID])
        }),
        ("wrong-identity", |setup| {
            setup.edge.issue(&["spiffe://edge.example/another"])
        }),
        ("expired", |setup| setup.edge.issue_expired(&[GATEWAY_ID])),
        ("no-identity", |setup| setup.edge.issue(&[])),
    ];
    for (expected, issue) in cases {
        let setup = setup(&origin);
        let gateway = Gateway::start(&issue(&setup), &setup.mesh).await;
        assert_eq!(refusal(setup, &gateway).await, expected);
    }
    let setup = setup(&origin);
    let leaf = setup.edge.issue(&[GATEWAY_ID]);
    let list = setup.edge.revoke(&[&leaf], 3600);
    let gateway = Gateway::start(&leaf, &setup.mesh).await;
    assert_eq!(refusal(setup.revoking(&list), &gateway).await, "revoked");
}

#[tokio::test]
async fn a_gateway_that_does_not_take_the_connector_says_so_in_its_ways() {
    let origin = Origin::start().await;
    let strange = setup(&origin);
    let leaf = strange.edge.issue(&[GATEWAY_ID]);
    let gateway = Gateway::start(&leaf, &Authority::new()).await;
    assert_eq!(refusal(strange, &gateway).await, "refused");

    let other = setup(&origin);
    let leaf = other.edge.issue(&[GATEWAY_ID]);
    let gateway = Gateway::speaking(&leaf, &other.mesh, "h2").await;
    assert_eq!(refusal(other, &gateway).await, "no-tunnels");

    let unwanted = setup(&origin);
    let gateway = self::gateway(&unwanted).await;
    let mut connector = dials(unwanted, &gateway).await;
    gateway.next().await.unwrap().shutdown().await.unwrap();
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "declined");
}

#[tokio::test]
async fn a_gateway_that_never_answers_is_given_up_and_dialled_again() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let limits = "[limits]\nhandshake_timeout = \"300ms\"\n";
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let section = section("edge", silent.local_addr().unwrap(), 1);
    let mut connector = setup.with(&(section + limits)).start().await;
    for _ in 0..3 {
        let _open = patient(silent.accept()).await.unwrap();
        let line = connector.logged("no tunnel").await;
        assert_eq!(line["reason"], "timeout");
    }
    // One that shakes hands and then says nothing.
    let leaf = connector.setup.edge.issue(&[GATEWAY_ID]);
    let gateway = Gateway::on(silent, &leaf, &connector.setup.mesh, ALPN);
    let _open = gateway.next().await.unwrap();
    let line = connector.logged("no tunnel").await;
    assert_eq!(line["reason"], "timeout");
}

#[tokio::test]
async fn a_gateway_that_falls_silent_is_found_out() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let gateway = gateway(&setup).await;
    let mut connector = dials(setup, &gateway).await;
    let mut stream = gateway.next().await.unwrap();
    stream.write_all(PREFACE).await.unwrap();
    stream.flush().await.unwrap();
    connector.logged("tunnel open").await;
    // The connection stays, and nobody answers on it: the connector asks after `keep_alive`, and
    // waits as long again.
    let silent = Instant::now();
    connector.logged("tunnel closed").await;
    assert!(silent.elapsed() < Duration::from_secs(3));
    assert_eq!(gateway.tunnel().await.get("/").await.0, 200);
    drop(stream);
}

#[tokio::test]
async fn a_gateway_whose_certificate_is_revoked_is_cut_off() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let leaf = setup.edge.issue(&[GATEWAY_ID]);
    let list = setup.edge.revoke(&[], 3600);
    let gateway = Gateway::start(&leaf, &setup.mesh).await;
    let mut connector = dials(setup.revoking(&list), &gateway).await;
    let mut tunnel = gateway.tunnel().await;
    assert_eq!(tunnel.get("/").await.0, 200);
    let list = connector.setup.edge.revoke(&[&leaf], 3600);
    connector.setup.write("edge.crl", &list);
    connector.logged("caller cut off").await;
    patient(tunnel.closed()).await;
    let (line, _) = tokio::join!(connector.logged("no tunnel"), gateway.next());
    assert_eq!(line["reason"], "revoked");
}

#[tokio::test]
async fn another_certificate_renews_the_tunnel_before_the_old_one_goes() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let gateway = gateway(&setup).await;
    let connector = dials(setup, &gateway).await;
    let mut old = gateway.tunnel().await;
    assert_eq!(old.get("/").await.0, 200);
    let gate = Request::get("/gate").body(full("")).unwrap();
    let under_way = tokio::spawn(async move { (read(old.send(gate).await).await, old) });
    patient(async {
        while origin.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let next = connector.setup.mesh.issue_connector();
    connector.setup.install(&next);
    connector.signal("-HUP");
    let stream = gateway.next().await.unwrap();
    let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
    assert_eq!(shown, next.certificate);
    let mut new = Gateway::over(stream).await;
    assert_eq!(new.get("/").await.0, 200);
    origin.gate.add_permits(1);
    let (answer, mut old) = patient(under_way).await.unwrap();
    assert_eq!(answer, (200, "opened".into()));
    patient(old.closed()).await;
}

#[tokio::test]
async fn a_tunnel_is_renewed_before_the_connectors_certificate_expires() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let own = [crate::authority::CONNECTOR, crate::authority::CONNECTOR_ID];
    setup.install(&setup.mesh.issue_for(&own, 6));
    let gateway = gateway(&setup).await;
    let _connector = dials(setup, &gateway).await;
    let opened = Instant::now();
    let mut old = gateway.tunnel().await;
    let mut new = gateway.tunnel().await;
    assert!(opened.elapsed() < Duration::from_secs(6));
    assert_eq!(new.get("/").await.0, 200);
    patient(old.closed()).await;
}

#[tokio::test]
async fn the_drain_finishes_what_is_under_way_and_dials_no_more() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let gateway = gateway(&setup).await;
    let mut connector = dials(setup, &gateway).await;
    let mut tunnel = gateway.tunnel().await;
    let gate = Request::get("/gate").body(full("")).unwrap();
    let under_way = tokio::spawn(async move { (read(tunnel.send(gate).await).await, tunnel) });
    patient(async {
        while origin.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    connector.signal("-TERM");
    connector.logged("draining").await;
    origin.gate.add_permits(1);
    let (answer, mut tunnel) = patient(under_way).await.unwrap();
    assert_eq!(answer, (200, "opened".into()));
    patient(tunnel.closed()).await;
    let (status, rest) = connector.ended().await;
    assert!(status.success());
    let drained = rest.iter().find(|line| line["message"] == "drained");
    assert_eq!(drained.unwrap()["cut"], 0);
}

#[tokio::test]
async fn a_gateway_that_floods_loses_its_tunnel_and_nothing_else() {
    let origin = Origin::start().await;
    let setup = setup(&origin);
    let gateways = [gateway(&setup).await, gateway(&setup).await];
    let sections = [("good", &gateways[0]), ("bad", &gateways[1])]
        .map(|(name, gateway)| section(name, gateway.address, 1));
    let connector = setup.with(&sections.concat()).start().await;
    let mut good = gateways[0].tunnel().await;
    assert_eq!(good.get("/").await.0, 200);
    let before = connector.memory();
    // RFC 9113 §6: PING, SETTINGS, and a stream that is opened and reset at once, without end.
    let ping = b"\0\0\x08\x06\0\0\0\0\0abcdefgh".to_vec();
    let settings = b"\0\0\0\x04\0\0\0\0\0".to_vec();
    let junk = vec![b'x'; 4096];
    for frame in [&ping, &settings, &junk] {
        let mut stream = gateways[1].next().await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        let flood = frame.repeat(8192 / frame.len() + 1);
        // Whatever is answered is not read.
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            let written = stream.write_all(&flood);
            match tokio::time::timeout(Duration::from_millis(500), written).await {
                Ok(Ok(())) => {}
                // It has closed the connection, or reads no more of it.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        assert_eq!(good.get("/").await.0, 200);
        drop(stream);
    }
    let grown = connector.memory().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} octets");
    let mut back = gateways[1].tunnel().await;
    assert_eq!(back.get("/").await.0, 200);
}
