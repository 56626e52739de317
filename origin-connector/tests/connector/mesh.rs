//! Backends behind TLS under the mesh's own authority.

use http::Request;

use crate::authority::{Authority, CONNECTOR_ID, Leaf};
use crate::client::{full, problem};
use crate::origin::Origin;
use crate::program::{Running, Setup};

const INGRESS: &str = "spiffe://bank.example/ingress";

pub(crate) const MESH: &str =
    "[mesh]\ncertificate = \"mesh.pem\"\nprivate_key = \"mesh.key\"\nauthority = \"mesh-ca.pem\"\n";

/// The connector's identity in the mesh.
pub(crate) fn enrol(setup: &Setup, leaf: &Leaf) {
    setup.write("mesh.pem", leaf.pem());
    setup.write("mesh.key", &leaf.key_pem());
    setup.write("mesh-ca.pem", &setup.mesh.pem());
}

async fn start(setup: Setup, origin: &Origin, protocol: &str, identity: &str) -> Running {
    let own = setup.mesh.issue(&[CONNECTOR_ID]);
    enrol(&setup, &own);
    let more = format!("protocol = \"{protocol}\"\nidentity = \"{identity}\"");
    setup
        .backend("ingress", origin.address, &more)
        .with(MESH)
        .start()
        .await
}

#[tokio::test]
async fn a_backend_that_proves_its_name_is_reached() {
    for protocol in ["http/1.1", "h2"] {
        for identity in [INGRESS, "dns:ingress.mesh.example"] {
            let setup = Setup::new();
            let leaf = setup.mesh.issue(&[INGRESS, "ingress.mesh.example"]);
            let origin = Origin::start_secure(&setup.mesh, &leaf).await;
            let connector = start(setup, &origin, protocol, identity).await;
            let answer = connector.http2().await.get("/a?b").await;
            assert_eq!(answer, (200, "origin".into()), "{protocol} {identity}");
            let version = match protocol {
                "h2" => http::Version::HTTP_2,
                _ => http::Version::HTTP_11,
            };
            assert_eq!(origin.seen()[0].version, version);
        }
    }
}

#[tokio::test]
async fn a_backend_that_is_another_gets_no_request() {
    type Issue = fn(&Setup) -> Leaf;
    let cases: [(Issue, &str); 3] = [
        (
            |setup| setup.mesh.issue(&["spiffe://bank.example/other"]),
            "NotValidForName",
        ),
        (|_| Authority::new().issue(&[INGRESS]), "UnknownIssuer"),
        (|setup| setup.mesh.issue_expired(&[INGRESS]), "expired"),
    ];
    for (issue, reason) in cases {
        let setup = Setup::new();
        let leaf = issue(&setup);
        let origin = Origin::start_secure(&setup.mesh, &leaf).await;
        let mut connector = start(setup, &origin, "http/1.1", INGRESS).await;
        let request = Request::get("/").body(full("")).unwrap();
        let refusal = problem(connector.http2().await.send(request).await).await;
        assert_eq!(refusal, (502, "origin-unreachable".into()));
        let line = connector.logged("request").await;
        assert!(line["cause"].as_str().unwrap().contains(reason), "{line}");
        assert_eq!(origin.seen().len(), 0);
    }
}

#[tokio::test]
async fn the_mesh_may_renew_the_connectors_certificate_and_authority() {
    let setup = Setup::new();
    let leaf = setup.mesh.issue(&[INGRESS]);
    let origin = Origin::start_secure(&setup.mesh, &leaf).await;
    let mut connector = start(setup, &origin, "http/1.1", INGRESS).await;
    assert_eq!(connector.http2().await.get("/").await.0, 200);
    // A second origin of a mesh that has moved to another authority.
    let next = Authority::new();
    connector.setup.write("mesh-ca.pem", &next.pem());
    let own = next.issue(&[CONNECTOR_ID]);
    connector.setup.write("mesh.pem", own.pem());
    connector.setup.write("mesh.key", &own.key_pem());
    connector.signal("-HUP");
    connector.logged("certificates reloaded").await;
    // The old backend is no longer trusted; what is pooled may still be used, so ask until the
    // pool is not enough.
    let mut client = connector.http2().await;
    let hold = Request::get("/gate").body(full("")).unwrap();
    let held = tokio::spawn(async move { client.send(hold).await.status() });
    crate::program::patient(async {
        while origin.seen().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let request = Request::get("/").body(full("")).unwrap();
    let refusal = problem(connector.http2().await.send(request).await).await;
    assert_eq!(refusal, (502, "origin-unreachable".into()));
    origin.gate.add_permits(1);
    assert_eq!(held.await.unwrap(), 200);
}
