//! Identities from an agent of SPIFFE in place of files.

mod agent;
mod answers;

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tonic::Code;

use crate::admin::{admin_address, ask};
use crate::authority::{Authority, CONNECTOR, CONNECTOR_ID, GATEWAY_ID, Leaf};
use crate::chaos::load::Load;
use crate::client::{Client, connect, refused};
use crate::origin::Origin;
use crate::program::{Running, Setup, command, patient};
use agent::{Agent, Say, X509SvidResponse};

const INGRESS: &str = "spiffe://bank.example/ingress";

/// The trust domain of gateways.
const EDGE: &str = "edge.example";

/// What the agent of a setup says by default: the connector's identity in the mesh, and the
/// authorities of gateways.
fn issue(setup: &Setup, leaf: &Leaf) -> X509SvidResponse {
    X509SvidResponse::of(&setup.mesh, CONNECTOR_ID, leaf).federated(EDGE, &[&setup.edge])
}

/// `[tls]` by an agent.
fn by_agent(mut setup: Setup, agent: &Agent, more: &str) -> Setup {
    let endpoint = agent.endpoint();
    setup.own = Some(format!(
        "workload_api = {{ endpoint = \"{endpoint}\", trust_domains = [\"{EDGE}\"] {more} }}"
    ));
    setup
}

/// A connector whose `[tls]` is an agent's, before an origin.
async fn scene(origin: &Origin) -> (Running, Agent) {
    let setup = Setup::new().backend("accounts", origin.address, "");
    let first = issue(&setup, &setup.mesh.issue_connector());
    let agent = Agent::start(&setup.path(""), first);
    let connector = by_agent(setup, &agent, "").start().await;
    (connector, agent)
}

/// The certificate that a new connection is shown.
async fn shown(connector: &Running) -> CertificateDer<'static> {
    let mesh = &connector.setup.mesh;
    let gateway = Some(&connector.gateway);
    let stream = connect(connector.address, mesh, gateway, "h2")
        .await
        .unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// The reason in the log for a handshake that is refused.
async fn refusal(connector: &mut Running, leaf: &Leaf) -> String {
    refused(connector.address, &connector.setup.mesh, Some(leaf)).await;
    let line = connector.logged("handshake refused").await;
    line["reason"].as_str().unwrap().to_owned()
}

/// What a connector says that does not start.
async fn complaint(setup: &Setup) -> String {
    let output = patient(command(&setup.config()).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    said.lines().last().unwrap().to_owned()
}

#[tokio::test]
async fn one_agent_serves_both_sides() {
    let setup = Setup::new();
    let ingress = setup.mesh.issue(&[INGRESS]);
    let origin = Origin::start_secure(&setup.mesh, &ingress).await;
    let leaf = setup.mesh.issue_connector();
    let agent = Agent::start(&setup.path(""), issue(&setup, &leaf));
    let identity = format!("identity = \"{INGRESS}\"");
    let endpoint = agent.endpoint();
    let setup = setup
        .backend("ingress", origin.address, &identity)
        .with(&format!("[mesh.workload_api]\nendpoint = \"{endpoint}\"\n"));
    let connector = by_agent(setup, &agent, "").start().await;
    assert_eq!(connector.http2().await.get("/").await.0, 200);
    assert_eq!(shown(&connector).await, leaf.certificate);
    let by = &origin.seen()[0].headers["x-forwarded-client-cert"];
    let by = by.to_str().unwrap();
    assert!(by.starts_with(&format!("By={CONNECTOR_ID};")), "{by}");
    assert_eq!(agent.calls(), 1);
}

#[tokio::test]
async fn the_mesh_may_be_an_agents_while_the_edge_is_of_files() {
    let setup = Setup::new();
    // The agent knows nothing of the edge, and the files nothing of the mesh.
    let mesh = Authority::new();
    let ingress = mesh.issue(&[INGRESS, "ingress.mesh.example"]);
    let own = mesh.issue(&[CONNECTOR_ID]);
    let said = X509SvidResponse::of(&mesh, CONNECTOR_ID, &own);
    let agent = Agent::start(&setup.path(""), said);
    let origin = Origin::start_secure(&mesh, &ingress).await;
    // A backend by its SPIFFE ID, one by its DNS name, and one that is another trust domain's.
    let stranger = mesh.issue(&["spiffe://other.example/ingress"]);
    let other = Origin::start_secure(&mesh, &stranger).await;
    let mut setup = setup;
    for (name, identity, at) in [
        ("id", INGRESS, &origin),
        ("dns", "dns:ingress.mesh.example", &origin),
        ("other", "spiffe://other.example/ingress", &other),
    ] {
        let more = format!("identity = \"{identity}\"\npath_prefix = \"/{name}\"");
        setup = setup.backend(name, at.address, &more);
    }
    setup.environment = vec![("SPIFFE_ENDPOINT_SOCKET", agent.endpoint())];
    let mut connector = setup.with("[mesh.workload_api]\n").start().await;
    let mut client = connector.http2().await;
    assert_eq!(client.get("/id").await.0, 200);
    assert_eq!(client.get("/dns").await.0, 200);
    assert_eq!(client.get("/other").await.0, 502);
    let cause = loop {
        let line = connector.logged("request").await;
        if line["backend"] == "other" {
            break line["cause"].as_str().unwrap().to_owned();
        }
    };
    // The same authority, but it may vouch for its own trust domain alone.
    assert!(cause.contains("UnknownIssuer"), "{cause}");
    assert_eq!(other.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rotation_under_load_loses_no_request() {
    let setup = Setup::new();
    let ingress = setup.mesh.issue(&[INGRESS]);
    let origin = Origin::start_secure(&setup.mesh, &ingress).await;
    let first = issue(&setup, &setup.mesh.issue_connector());
    let agent = Agent::start(&setup.path(""), first);
    let identity = format!("identity = \"{INGRESS}\"");
    let endpoint = agent.endpoint();
    let setup = setup
        .backend("ingress", origin.address, &identity)
        .with(&format!("[mesh.workload_api]\nendpoint = \"{endpoint}\"\n"));
    let mut connector = by_agent(setup, &agent, "").start().await;
    let mut stays = connector.http2().await;
    let caller = Arc::new(connector.setup.edge.issue(&[GATEWAY_ID]));
    let load = Load::start(connector.address, &connector.setup, &caller);
    for _ in 0..10 {
        let next = connector.setup.mesh.issue_connector();
        agent.say(issue(&connector.setup, &next));
        connector.logged("certificates reloaded").await;
        assert_eq!(shown(&connector).await, next.certificate);
    }
    let sent = load.stop().await;
    assert!(sent.len() > 100, "{}", sent.len());
    for one in sent {
        assert_eq!(one.answer.unwrap().0, 200, "{}", one.id);
    }
    // Who was there at the beginning has not noticed.
    assert_eq!(stays.get("/").await.0, 200);
    assert_eq!(agent.calls(), 1);
}

#[tokio::test]
async fn who_is_let_in_follows_the_bundles() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let leaf = setup.mesh.issue_connector();
    let alone = X509SvidResponse::of(&setup.mesh, CONNECTOR_ID, &leaf);
    let agent = Agent::start(&setup.path(""), alone.clone());
    let mut connector = by_agent(setup, &agent, "").start().await;
    let unknown = "no authorities of a trust domain are known, nobody of it is trusted";
    assert_eq!(connector.logged(unknown).await["trust_domain"], EDGE);
    let gateway = connector.setup.edge.issue(&[GATEWAY_ID]);
    assert_eq!(refusal(&mut connector, &gateway).await, "unknown-authority");
    agent.say(issue(&connector.setup, &leaf));
    connector.logged("certificates reloaded").await;
    let (address, mesh) = (connector.address, &connector.setup.mesh);
    let mut client = Client::http2(address, mesh, &gateway).await;
    assert_eq!(client.get("/").await.0, 200);
    // The mesh's own authority is trusted for the mesh's names, which `[tls]` does not want, and for
    // no others: neither for the edge's nor for a host's.
    for name in [GATEWAY_ID, CONNECTOR_ID] {
        let impostor = connector.setup.mesh.issue(&[name]);
        assert_eq!(
            refusal(&mut connector, &impostor).await,
            "unknown-authority"
        );
    }
    let host = connector.setup.edge.issue(&["edge.bank.example"]);
    assert_eq!(refusal(&mut connector, &host).await, "no-identity");
    let root = connector.setup.edge.issue(&["spiffe://edge.example"]);
    assert_eq!(refusal(&mut connector, &root).await, "no-identity");
    // A second authority of the same trust domain, and then that one alone.
    let next = Authority::new();
    let both = alone
        .clone()
        .federated(EDGE, &[&connector.setup.edge, &next]);
    agent.say(both);
    connector.logged("certificates reloaded").await;
    let renewed = next.issue(&[GATEWAY_ID]);
    let (address, mesh) = (connector.address, &connector.setup.mesh);
    let mut other = Client::http2(address, mesh, &renewed).await;
    assert_eq!(other.get("/").await.0, 200);
    assert_eq!(client.get("/").await.0, 200);
    agent.say(alone.clone().federated(EDGE, &[&next]));
    connector.logged("caller cut off").await;
    patient(client.closed()).await;
    assert_eq!(other.get("/").await.0, 200);
    // The bundle is withdrawn.
    agent.say(alone);
    connector.logged("caller cut off").await;
    patient(other.closed()).await;
    assert_eq!(refusal(&mut connector, &renewed).await, "unknown-authority");
}

#[tokio::test]
async fn an_agents_revocation_lists_count() {
    let origin = Origin::start().await;
    let (mut connector, agent) = scene(&origin).await;
    let setup = connector.setup.clone();
    let (good, bad) = (
        setup.edge.issue(&[GATEWAY_ID]),
        setup.edge.issue(&[GATEWAY_ID]),
    );
    let mut client = Client::http2(connector.address, &setup.mesh, &bad).await;
    assert_eq!(client.get("/").await.0, 200);
    let mut said = issue(&setup, &setup.mesh.issue_connector());
    // A list of an authority that issues nobody's certificate speaks against nobody.
    let others = Authority::new();
    said.crl = vec![others.list(&[], 3600).der().to_vec()];
    agent.say(said.clone());
    connector.logged("certificates reloaded").await;
    assert_eq!(client.get("/").await.0, 200);
    said.crl.push(setup.edge.list(&[&bad], 3600).der().to_vec());
    agent.say(said);
    connector.logged("caller cut off").await;
    patient(client.closed()).await;
    assert_eq!(refusal(&mut connector, &bad).await, "revoked");
    let mut client = Client::http2(connector.address, &setup.mesh, &good).await;
    assert_eq!(client.get("/").await.0, 200);
}

#[tokio::test]
async fn an_agent_that_is_away_is_missed_by_nobody_but_the_operator() {
    let origin = Origin::start().await;
    let (mut connector, mut agent) = scene(&origin).await;
    let admin = admin_address(&mut connector).await;
    let gauge = format!(
        "tidegate_connector_workload_api{{endpoint=\"{}\"}}",
        agent.endpoint()
    );
    assert_eq!(ask(admin, "/readyz").await, (200, "ok\n".to_owned()));
    let metrics = ask(admin, "/metrics").await.1;
    assert!(metrics.contains(&format!("{gauge} 1\n")), "{metrics}");
    agent.kill().await;
    let gone = "the workload API does not answer";
    connector.logged(gone).await;
    // Until its socket is gone, too.
    while !connector.logged(gone).await["reason"]
        .as_str()
        .unwrap()
        .starts_with("cannot connect: ")
    {}
    assert_eq!(connector.http2().await.get("/").await.0, 200);
    let (status, said) = ask(admin, "/readyz").await;
    assert_eq!(status, 200);
    let amiss = format!(
        "ok\nthe workload API at `{}` has not answered for ",
        agent.endpoint()
    );
    assert!(said.starts_with(&amiss), "{said}");
    let metrics = ask(admin, "/metrics").await.1;
    assert!(metrics.contains(&format!("{gauge} 0\n")), "{metrics}");
    let next = connector.setup.mesh.issue_connector();
    agent.say(issue(&connector.setup, &next));
    agent.serve();
    connector.logged("the workload API answers again").await;
    connector.logged("certificates reloaded").await;
    assert_eq!(shown(&connector).await, next.certificate);
    assert_eq!(ask(admin, "/readyz").await, (200, "ok\n".to_owned()));
    // The same again changes nothing: sessions go on.
    agent.kill().await;
    agent.serve();
    connector.logged("the workload API answers again").await;
    let rest = connector.stop().await;
    let reloads = rest
        .iter()
        .filter(|line| line["message"] == "certificates reloaded");
    assert_eq!(reloads.count(), 0);
}

#[tokio::test]
async fn an_identity_that_nobody_renews_ends() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let leaf = setup.mesh.issue_for(&[CONNECTOR, CONNECTOR_ID], 3);
    let mut agent = Agent::start(&setup.path(""), issue(&setup, &leaf));
    let mut connector = by_agent(setup, &agent, "").start().await;
    let admin = admin_address(&mut connector).await;
    agent.kill().await;
    assert_eq!(connector.logged("expires soon").await["of"], "server");
    assert_eq!(connector.logged("has expired").await["of"], "server");
    let over = "an identity has expired\n".to_owned();
    assert_eq!(ask(admin, "/readyz").await, (503, over));
    agent.say(issue(
        &connector.setup,
        &connector.setup.mesh.issue_connector(),
    ));
    agent.serve();
    connector.logged("certificates reloaded").await;
    assert_eq!(ask(admin, "/readyz").await.0, 200);
}

#[tokio::test]
async fn a_connector_waits_for_its_first_identity() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    // Known to nobody, then known by another name, then known.
    let agent = Agent::start(&setup.path(""), Say::Refusal(Code::PermissionDenied));
    let setup = by_agent(setup, &agent, &format!(", spiffe_id = \"{CONNECTOR_ID}\""));
    let other_id = "spiffe://bank.example/other";
    let other = X509SvidResponse::of(&setup.mesh, other_id, &setup.mesh.issue(&[other_id]));
    let leaf = setup.mesh.issue_connector();
    let last = other
        .clone()
        .and(&setup.mesh, CONNECTOR_ID, &leaf)
        .federated(EDGE, &[&setup.edge]);
    let telling = async {
        while agent.calls() < 2 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        agent.say(other);
        while agent.calls() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        agent.say(last);
    };
    let (connector, ()) = tokio::join!(setup.start(), patient(telling));
    // The second one of those that there are.
    assert_eq!(shown(&connector).await, leaf.certificate);
    assert_eq!(connector.http2().await.get("/").await.0, 200);
}

#[tokio::test]
async fn a_connector_without_an_identity_does_not_start() {
    let setup = Setup::new().backend_at("accounts", "http://accounts.invalid", "");
    let leaf = setup.mesh.issue_connector();
    let known = issue(&setup, &leaf);
    let agent = Agent::start(&setup.path(""), Say::Nothing);
    let mut setup = by_agent(setup, &agent, ", wait = \"300ms\"");
    let endpoint = agent.endpoint();
    let says = |reason: &str| format!("tidegate-connector: `{endpoint}`: {reason}");
    assert_eq!(complaint(&setup).await, says("there is no answer yet"));
    agent.say(Say::Refusal(Code::PermissionDenied));
    let denied = says("the agent says PermissionDenied: `no identity issued`");
    assert_eq!(complaint(&setup).await, denied);
    agent.say(known);
    let id = ", spiffe_id = \"spiffe://bank.example/other\", wait = \"300ms\"";
    setup = by_agent(setup, &agent, id);
    let none = format!("`spiffe_id` is none of those that there are: `{CONNECTOR_ID}`");
    assert_eq!(complaint(&setup).await, says(&none));
    // These are not asked again, however long one would wait.
    setup = by_agent(setup, &agent, ", wait = \"1h\"");
    for (code, name) in [
        (Code::InvalidArgument, "InvalidArgument"),
        (Code::Unimplemented, "Unimplemented"),
    ] {
        agent.say(Say::Refusal(code));
        let final_word = says(&format!("the agent says {name}: `no identity issued`"));
        assert_eq!(complaint(&setup).await, final_word);
    }
    let mut agent = agent;
    agent.kill().await;
    setup = by_agent(setup, &agent, ", wait = \"300ms\"");
    let nobody = complaint(&setup).await;
    assert!(nobody.starts_with(&says("cannot connect: ")), "{nobody}");
}

#[tokio::test]
async fn an_identity_that_is_withdrawn_lasts_until_it_expires() {
    let origin = Origin::start().await;
    let (mut connector, agent) = scene(&origin).await;
    let admin = admin_address(&mut connector).await;
    let before = shown(&connector).await;
    agent.say(Say::Refusal(Code::PermissionDenied));
    let line = connector.logged("the workload API does not answer").await;
    assert!(
        line["reason"]
            .as_str()
            .unwrap()
            .contains("PermissionDenied")
    );
    assert_eq!(shown(&connector).await, before);
    let (status, said) = ask(admin, "/readyz").await;
    assert_eq!(status, 200);
    assert!(said.contains("PermissionDenied"), "{said}");
    // What is not asked again by itself is when somebody says so.
    agent.say(Say::Refusal(Code::InvalidArgument));
    while !connector.logged("the workload API does not answer").await["is_final"]
        .as_bool()
        .unwrap()
    {}
    agent.say(issue(
        &connector.setup,
        &connector.setup.mesh.issue_connector(),
    ));
    connector.signal("-HUP");
    connector.logged("the workload API answers again").await;
}

#[tokio::test]
async fn a_check_says_that_it_asks_nobody() {
    let mut setup = Setup::new().backend_at("accounts", "http://accounts.invalid", "");
    setup.own = Some("workload_api = { endpoint = \"unix:///nowhere.sock\" }".to_owned());
    let check = || async {
        let mut command = command(&setup.config());
        patient(command.arg("--check").output()).await.unwrap()
    };
    let output = check().await;
    assert!(output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "not checked: [tls]: nobody was asked at `unix:///nowhere.sock`\n"
    );
    // What there is in files is looked at all the same.
    setup.tls = "client_crl = [\"edge.crl\"]";
    setup.write("edge.crl", "junk");
    let output = patient(command(&setup.config()).arg("--check").output())
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("edge.crl"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
