//! Callers whose certificates are revoked, and what expires.

use std::net::SocketAddr;

use crate::admin::{admin_address, ask};
use crate::authority::{Authority, GATEWAY_ID, Leaf};
use crate::client::{Client, connect, refused};
use crate::origin::Origin;
use crate::program::{Running, Setup, command, patient};

const HOUR: i64 = 3600;

/// The reason in the log for a handshake that is refused.
async fn refusal(connector: &mut Running, leaf: &Leaf) -> String {
    refused(connector.address, &connector.setup.mesh, Some(leaf)).await;
    let line = connector.logged("handshake refused").await;
    line["reason"].as_str().unwrap().to_owned()
}

async fn serves(connector: &Running, leaf: &Leaf) {
    let mut client = Client::http2(connector.address, &connector.setup.mesh, leaf).await;
    assert_eq!(client.get("/").await.0, 200);
}

#[tokio::test]
async fn a_revoked_caller_is_not_let_in() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let (good, bad) = (
        setup.edge.issue(&[GATEWAY_ID]),
        setup.edge.issue(&[GATEWAY_ID]),
    );
    let list = setup.edge.revoke(&[&bad], HOUR);
    let mut connector = setup.revoking(&list).start().await;
    serves(&connector, &good).await;
    assert_eq!(refusal(&mut connector, &bad).await, "revoked");
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn a_caller_that_no_list_speaks_for_is_not_let_in() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let list = Authority::new().revoke(&[], HOUR);
    let mut connector = setup.revoking(&list).start().await;
    let caller = connector.setup.edge.issue(&[GATEWAY_ID]);
    assert_eq!(refusal(&mut connector, &caller).await, "revocation-unknown");
}

#[tokio::test]
async fn who_is_revoked_is_cut_off_and_nobody_else() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let (good, bad) = (
        setup.edge.issue(&[GATEWAY_ID]),
        setup.edge.issue(&[GATEWAY_ID]),
    );
    let list = setup.edge.revoke(&[], HOUR);
    let mut connector = setup.revoking(&list).start().await;
    let (address, mesh) = (connector.address, &connector.setup.mesh);
    let mut stays = Client::http2(address, mesh, &good).await;
    let mut goes = Client::http2(address, mesh, &bad).await;
    assert_eq!(stays.get("/").await.0, 200);
    assert_eq!(goes.get("/").await.0, 200);
    let list = connector.setup.edge.revoke(&[&bad], HOUR);
    connector.setup.write("edge.crl", &list);
    connector.logged("caller cut off").await;
    patient(goes.closed()).await;
    assert_eq!(stays.get("/").await.0, 200);
    assert_eq!(refusal(&mut connector, &bad).await, "revoked");
}

#[tokio::test]
async fn a_list_that_does_not_hold_changes_nothing_but_the_certificates_do() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let bad = setup.edge.issue(&[GATEWAY_ID]);
    let list = setup.edge.revoke(&[&bad], HOUR);
    let mut connector = setup.revoking(&list).start().await;
    let next = connector.setup.mesh.issue_connector();
    for list in ["junk".to_owned(), connector.setup.edge.revoke(&[], -60)] {
        connector.setup.install(&next);
        connector.setup.write("edge.crl", &list);
        connector.signal("-HUP");
        let line = "revocation lists not reloaded, the old ones stay in use";
        let line = connector.logged(line).await;
        assert!(
            line["error"].as_str().unwrap().contains("edge.crl"),
            "{line}"
        );
        assert_eq!(refusal(&mut connector, &bad).await, "revoked");
        serves(&connector, &connector.gateway).await;
    }
    let gateway = Some(&connector.gateway);
    let stream = connect(connector.address, &connector.setup.mesh, gateway, "h2").await;
    let chain = stream
        .unwrap()
        .get_ref()
        .1
        .peer_certificates()
        .unwrap()
        .to_vec();
    assert_eq!(chain[0], next.certificate);
}

#[tokio::test]
async fn a_list_that_does_not_hold_is_no_start() {
    let setup = Setup::new();
    let expired = setup.edge.revoke(&[], -60);
    let certificate = setup.edge.pem();
    let unused: SocketAddr = "192.0.2.1:80".parse().unwrap();
    let mut setup = setup.backend("accounts", unused, "");
    for (list, expected) in [
        (
            expired.as_str(),
            "the revocation list has expired: its next update was due",
        ),
        (
            certificate.as_str(),
            "there is no revocation list in the file",
        ),
        (
            "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
            "the revocation list cannot be read",
        ),
    ] {
        setup = setup.revoking(list);
        let output = patient(command(&setup.config()).output()).await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains("edge.crl"), "{message}");
        assert!(message.contains(expected), "{message}");
    }
    std::fs::remove_file(setup.path("edge.crl")).unwrap();
    let output = patient(command(&setup.config()).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[tokio::test]
async fn what_expires_is_measured_and_warned_of() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let list = setup.edge.revoke(&[], HOUR);
    let mesh = setup.mesh.issue(&["spiffe://bank.example/connector"]);
    setup.write("mesh.pem", mesh.pem());
    setup.write("mesh.key", &mesh.key_pem());
    setup.write("mesh-ca.pem", &setup.mesh.pem());
    let section = "[mesh]\ncertificate = \"mesh.pem\"\nprivate_key = \"mesh.key\"\nauthority = \"mesh-ca.pem\"\n";
    let mut connector = setup.revoking(&list).with(section).start().await;
    let admin = admin_address(&mut connector).await;
    // The list is the only thing that is to be replaced within a day.
    let line = connector.logged("expires soon").await;
    assert_eq!(line["of"], "crl");
    let (_, text) = ask(admin, "/metrics").await;
    let at = line["at"].as_i64().unwrap();
    let measured = format!("tidegate_connector_expiry_seconds{{of=\"crl\"}} {at}");
    assert!(text.lines().any(|line| line == measured), "{text}");
    for of in ["server", "mesh"] {
        let series = format!("tidegate_connector_expiry_seconds{{of=\"{of}\"}} ");
        assert!(text.contains(&series), "{text}");
    }
    let short = connector
        .setup
        .mesh
        .issue_for(&["connector.dc1.bank.example"], 600);
    connector.setup.install(&short);
    connector.signal("-HUP");
    let line = connector.logged("expires soon").await;
    assert_eq!(line["of"], "server");
}
