//! Bodies, over mutual TLS and h2 to the origin.

use std::path::Path;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::sync::mpsc;

use crate::bundle::bundle;
use crate::host::{Host, Options};
use crate::origin;

#[tokio::test]
async fn streams_both_ways_over_mutual_tls() {
    let directory = tempfile::tempdir().unwrap();
    let origin = origin::start(Some(identities(directory.path()))).await;
    let runtime_config = directory.path().join("runtime-config.toml");
    std::fs::write(
        &runtime_config,
        r#"
            [[client_tls]]
            component_ids = ["tidegate"]
            hosts = ["localhost"]
            ca_roots_file = "ca.pem"
            client_cert_file = "edge.pem"
            client_private_key_file = "edge.key"
        "#,
    )
    .unwrap();
    let origins = [format!("https://localhost:{}", origin.port())];
    let host = Host::start(Options {
        bundle: bundle(1, "up", &origins),
        runtime_config: Some(&runtime_config),
        ..Options::default()
    })
    .await;

    // Each piece comes back before the next one is sent.
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    let body = StreamBody::new(futures_util::stream::unfold(
        receiver,
        async |mut receiver| {
            let piece = receiver.recv().await?;
            Some((Ok::<_, hyper::Error>(Frame::data(piece)), receiver))
        },
    ));
    let request = host
        .request("POST", "/mirror")
        .body(Box::pin(body))
        .unwrap();
    sender.send(Bytes::from_static(b"piece 0")).await.unwrap();
    let mut answer = host.send(request).await.into_body();
    for number in 1..=3 {
        let piece = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(piece, format!("piece {}", number - 1));
        let next = Bytes::from(format!("piece {number}"));
        sender.send(next).await.unwrap();
    }
    drop(sender);
    assert_eq!(answer.collect().await.unwrap().to_bytes(), "piece 3");

    // Nothing is lost of much, with a length and without, and trailers arrive.
    let much: Bytes = (0..20_000_000_u32).map(|n| (n % 251) as u8).collect();
    let request = |body| host.request("POST", "/mirror").body(body).unwrap();
    for h2 in [false, true] {
        let request = request(Full::new(much.clone()));
        let response = if h2 {
            host.send_h2c(request).await
        } else {
            host.send(request).await
        };
        let answer = response.into_body().collect().await.unwrap();
        let trailers = answer.trailers().cloned();
        assert!(answer.to_bytes() == much, "the body is another one");
        if h2 {
            assert_eq!(trailers.unwrap()["x-end"], "mirror");
        }
    }
}

/// Writes `ca.pem`, `edge.pem` and `edge.key`; the origin's configuration,
/// which demands a certificate of that authority.
fn identities(directory: &Path) -> ServerConfig {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let issue = |name: &str| {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        (
            params.signed_by(&key, &ca).unwrap().pem(),
            key.serialize_pem(),
        )
    };
    let (edge, edge_key) = issue("edge.bank.example");
    let (origin, origin_key) = issue("localhost");
    for (file, text) in [
        ("ca.pem", &ca.pem()),
        ("edge.pem", &edge),
        ("edge.key", &edge_key),
    ] {
        std::fs::write(directory.join(file), text).unwrap();
    }

    let mut roots = RootCertStore::empty();
    roots.add(ca.der().clone()).unwrap();
    let verifier = WebPkiClientVerifier::builder(roots.into()).build().unwrap();
    let chain = vec![CertificateDer::from_pem_slice(origin.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(origin_key.as_bytes()).unwrap();
    let mut config = ServerConfig::builder()
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}
