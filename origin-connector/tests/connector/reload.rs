//! New certificates while serving.

use rustls::pki_types::CertificateDer;

use crate::authority::{Authority, GATEWAY_ID};
use crate::client::{Client, connect, refused};
use crate::origin::Origin;
use crate::program::{Running, in_front_of};

/// The certificate that a new connection is shown.
async fn shown(connector: &Running) -> CertificateDer<'static> {
    let mesh = &connector.setup.mesh;
    let gateway = Some(&connector.gateway);
    let stream = connect(connector.address, mesh, gateway, "h2")
        .await
        .unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].clone()
}

#[tokio::test]
async fn changed_files_are_used_for_new_connections() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let mut old = connector.http1().await;
    assert_eq!(old.get("/").await.0, 200);
    let next = connector.setup.mesh.issue_connector();
    connector.setup.install(&next);
    connector.logged("certificates reloaded").await;
    assert_eq!(shown(&connector).await, next.certificate);
    // The connection that was there has not noticed.
    assert_eq!(old.get("/").await.0, 200);
}

#[tokio::test]
async fn a_signal_loads_at_once_and_a_bad_file_changes_nothing() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let before = shown(&connector).await;
    connector.setup.write("server.pem", "junk");
    connector.signal("-HUP");
    let line = connector
        .logged("configuration not reloaded, the one in force stays")
        .await;
    assert!(
        line["error"].as_str().unwrap().contains("server.pem"),
        "{line}"
    );
    assert_eq!(shown(&connector).await, before);
    // A certificate without its key is no better.
    let next = connector.setup.mesh.issue_connector();
    connector.setup.write("server.pem", next.pem());
    let refused = "certificates not reloaded, the old ones stay in use";
    let line = connector.logged(refused).await;
    assert!(
        line["error"].as_str().unwrap().contains("server.pem"),
        "{line}"
    );
    assert_eq!(shown(&connector).await, before);
    connector.setup.install(&next);
    connector.signal("-HUP");
    connector.logged("certificates reloaded").await;
    assert_eq!(shown(&connector).await, next.certificate);
}

#[tokio::test]
async fn a_client_authority_can_be_replaced() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let next = Authority::new();
    connector.setup.write("edge.pem", &next.pem());
    connector.signal("-HUP");
    connector.logged("certificates reloaded").await;
    let mesh = &connector.setup.mesh;
    refused(connector.address, mesh, Some(&connector.gateway)).await;
    let gateway = next.issue(&[GATEWAY_ID]);
    let mut client = Client::http2(connector.address, mesh, &gateway).await;
    assert_eq!(client.get("/").await.0, 200);
    assert_eq!(origin.seen().len(), 1);
}
