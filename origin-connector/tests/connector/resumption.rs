//! Sessions that are resumed: the certificate is not sent again, and counts no longer than it would.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::authority::{Authority, CONNECTOR, GATEWAY_ID, Leaf};
use crate::client::{config, connect_as};
use crate::origin::Origin;
use crate::program::{Running, Setup, in_front_of, patient};

const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// What callers with this certificate share.
fn sharing(
    connector: &Running,
    leaf: &Leaf,
    versions: &[&'static SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mesh = &connector.setup.mesh;
    Arc::new(config(mesh, Some(leaf), "http/1.1", versions))
}

/// One exchange on a connection of its own: how the handshake was, and what the connector answered.
async fn exchange(
    connector: &Running,
    config: &Arc<ClientConfig>,
) -> std::io::Result<(HandshakeKind, String)> {
    let mut stream = connect_as(connector.address, config.clone()).await?;
    let kind = stream.get_ref().1.handshake_kind().unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: {CONNECTOR}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    patient(stream.read_to_end(&mut answer)).await?;
    let answer = String::from_utf8(answer).unwrap();
    Ok((kind, answer.lines().next().unwrap_or_default().to_owned()))
}

fn good(kind: HandshakeKind) -> (HandshakeKind, String) {
    (kind, "HTTP/1.1 200 OK".to_owned())
}

#[tokio::test]
async fn a_caller_that_comes_again_is_the_same_caller() {
    for versions in [TLS13, TLS12] {
        let origin = Origin::start().await;
        let mut setup = Setup::new().backend("accounts", origin.address, "");
        setup.min_version = "1.2";
        let connector = setup.start().await;
        let gateway = sharing(&connector, &connector.gateway, versions);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            assert_eq!(exchange(&connector, &gateway).await.unwrap(), good(kind));
        }
        let seen = origin.seen();
        let callers: Vec<_> = seen
            .iter()
            .map(|parts| &parts.headers["x-forwarded-client-cert"])
            .collect();
        assert_eq!(callers.len(), 2);
        assert_eq!(callers[0], callers[1]);
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_resumes_nothing() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let leaf = connector.setup.edge.issue_for(&[GATEWAY_ID], 3);
    let gateway = sharing(&connector, &leaf, TLS13);
    let first = exchange(&connector, &gateway).await.unwrap();
    assert_eq!(first, good(HandshakeKind::Full));
    tokio::time::sleep(Duration::from_secs(4)).await;
    exchange(&connector, &gateway).await.unwrap_err();
    let line = connector.logged("handshake refused").await;
    assert_eq!(line["reason"], "expired");
    assert_eq!(origin.seen().len(), 1);
}

#[tokio::test]
async fn nothing_is_resumed_over_a_reload() {
    let origin = Origin::start().await;
    let mut connector = in_front_of(&origin).await;
    let gateway = sharing(&connector, &connector.gateway, TLS13);
    exchange(&connector, &gateway).await.unwrap();
    connector.signal("-HUP");
    connector.logged("certificates reloaded").await;
    // What is trusted by now decides, and the same is trusted.
    for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
        assert_eq!(exchange(&connector, &gateway).await.unwrap(), good(kind));
    }
    connector.setup.write("edge.pem", &Authority::new().pem());
    connector.signal("-HUP");
    connector.logged("certificates reloaded").await;
    exchange(&connector, &gateway).await.unwrap_err();
    let line = connector.logged("handshake refused").await;
    assert_eq!(line["reason"], "unknown-authority");
    assert_eq!(origin.seen().len(), 3);
}

#[tokio::test]
async fn a_revoked_caller_resumes_nothing() {
    let origin = Origin::start().await;
    let setup = Setup::new().backend("accounts", origin.address, "");
    let caller = setup.edge.issue(&[GATEWAY_ID]);
    let list = setup.edge.revoke(&[], 3600);
    let mut connector = setup.revoking(&list).start().await;
    let gateway = sharing(&connector, &caller, TLS13);
    exchange(&connector, &gateway).await.unwrap();
    let list = connector.setup.edge.revoke(&[&caller], 3600);
    connector.setup.write("edge.crl", &list);
    connector.logged("certificates reloaded").await;
    exchange(&connector, &gateway).await.unwrap_err();
    let line = connector.logged("handshake refused").await;
    assert_eq!(line["reason"], "revoked");
}
